// What is wrong with a page as it is shown now: text and icons too faint (WCAG 2.2 AA), words cut off, controls that are
// covered, off the screen, too small or nameless. It defines window.e2eAudit, which gives a list of sentences.
(() => {
  const parse = colour => {
    const n = (colour.match(/[\d.]+/g) ?? []).map(Number);
    return { r: n[0] ?? 0, g: n[1] ?? 0, b: n[2] ?? 0, a: n.length > 3 ? n[3] : 1 };
  };
  const over = (top, under) => {
    const mix = (x, y) => x * top.a + y * (1 - top.a);
    return { r: mix(top.r, under.r), g: mix(top.g, under.g), b: mix(top.b, under.b), a: 1 };
  };
  const luminance = ({ r, g, b }) => {
    const f = v => ((v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b);
  };
  const contrast = (a, b) => {
    const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p);
    return (x + 0.05) / (y + 0.05);
  };
  const black = { r: 0, g: 0, b: 0, a: 1 }, white = { r: 255, g: 255, b: 255, a: 1 };

  // grounds are the colours that may lie under an element: one, or black and white where it lies on a picture.
  function grounds(element) {
    const r = element.getBoundingClientRect(), x = r.left + r.width / 2, y = r.top + r.height / 2;
    const under = v => {
      const b = v.getBoundingClientRect();
      return b.width > 0 && b.left <= x && b.right >= x && b.top <= y && b.bottom >= y;
    };
    const layers = [];
    let ground = null;
    for (let e = element, from = null; e && !ground; from = e, e = e.parentElement) {
      if ([...e.querySelectorAll('video, canvas')].some(v => !from?.contains(v) && under(v))) break;
      const style = getComputedStyle(e), colour = parse(style.backgroundColor);
      if (style.backgroundImage.includes('gradient')) break;
      if (colour.a === 1) ground = colour;
      else if (colour.a > 0) layers.push(colour);
      if (!e.parentElement && !ground) ground = white;
    }
    return (ground ? [ground] : [black, white]).map(bottom => layers.reduceRight((g, layer) => over(layer, g), bottom));
  }

  const opacityOf = element => {
    let o = 1;
    for (let e = element; e; e = e.parentElement) o *= Number(getComputedStyle(e).opacity);
    return o;
  };
  function visible(element) {
    const r = element.getBoundingClientRect(), style = getComputedStyle(element);
    if (r.width < 2 || r.height < 2 || style.visibility !== 'visible' || opacityOf(element) < 0.1) return false;
    if (style.clipPath === 'inset(50%)' || element.closest('.sr-only, .skip, [inert]')) return false;
    return r.bottom > 0 && r.top < innerHeight && r.right > 0 && r.left < innerWidth;
  }
  const words = element => (element.innerText || element.getAttribute('aria-label') || element.title || element.tagName).trim().replace(/\s+/g, ' ').slice(0, 40);
  const place = element => `${element.tagName.toLowerCase()}${element.className && typeof element.className === 'string' ? '.' + element.className.split(' ').join('.') : ''} “${words(element)}”`;

  // What people call themselves and their rooms may be cut off; our own words may not.
  const theirs = '.member-words, .person-name, .room-head h1, input, select, option, .copy-text, code, .mono, video';

  window.e2eAudit = () => {
    const found = new Set();
    const dialog = document.querySelector('dialog[open]');
    const root = dialog ?? document.body;
    const disabled = e => e.closest(':disabled, [aria-disabled="true"]');

    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const element = node.parentElement;
      if (!node.data.trim() || !visible(element) || disabled(element) || element.closest('video, script, style, option, svg')) continue;
      const style = getComputedStyle(element), size = parseFloat(style.fontSize);
      const least = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
      const ratio = Math.min(...grounds(element).map(ground => contrast(over({ ...parse(style.color), a: parse(style.color).a * opacityOf(element) }, ground), ground)));
      if (ratio < least - 0.005) found.add(`${place(element)}: contrast ${ratio.toFixed(2)}, least ${least}`);

      const range = document.createRange();
      range.selectNodeContents(node);
      for (const r of range.getClientRects()) {
        if ((r.right > innerWidth + 1 || r.left < -1) && !element.closest(theirs)) found.add(`${place(element)}: beyond the screen's edge`);
      }
      for (let e = element; e && e !== root; e = e.parentElement) {
        const s = getComputedStyle(e);
        if (s.overflowX === 'visible' || e.matches(theirs) || element.closest(theirs)) continue;
        if (s.overflowX === 'hidden' && e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0) found.add(`${place(e)}: words are cut off`);
        break;
      }
    }

    for (const icon of root.querySelectorAll('button svg, a svg, [role="img"] svg')) {
      if (!visible(icon) || disabled(icon) || icon.closest('.logo, .qr')) continue;
      const style = getComputedStyle(icon);
      const ratio = Math.min(...grounds(icon).map(ground => contrast(over({ ...parse(style.color), a: parse(style.color).a * opacityOf(icon) }, ground), ground)));
      if (ratio < 2.995) found.add(`icon in ${place(icon.closest('button, a, [role="img"]'))}: contrast ${ratio.toFixed(2)}, least 3`);
    }

    for (const control of root.querySelectorAll('button, a[href], input, select, textarea')) {
      if (!visible(control) || control.disabled) continue;
      const r = control.getBoundingClientRect();
      const name = control.getAttribute('aria-label') || control.innerText || control.title || control.labels?.[0]?.innerText || control.placeholder || '';
      if (!name.trim()) found.add(`${place(control)}: has no name`);
      if ((r.width < 24 || r.height < 24) && !(control.tagName === 'A' && control.closest('p, td, li, footer'))) found.add(`${place(control)}: ${Math.round(r.width)}x${Math.round(r.height)} is too small to press`);
      // What a scrolling box has rolled away is within reach.
      let box = control.parentElement, rolled = false;
      for (; box; box = box.parentElement) {
        if (!/auto|scroll|hidden/.test(getComputedStyle(box).overflowY)) continue;
        const b = box.getBoundingClientRect();
        if (r.bottom > b.bottom + 1 || r.top < b.top - 1) rolled = true;
      }
      if (rolled || r.bottom > innerHeight || r.top < 0) continue;
      if (control.matches('.member-press')) continue; // lies under the tile's own tools
      const hit = document.elementFromPoint(r.left + r.width / 2, r.top + r.height / 2);
      if (hit && !control.contains(hit) && !hit.contains(control) && !hit.closest('label')?.contains(control)) found.add(`${place(control)}: covered by ${place(hit)}`);
    }
    const across = document.scrollingElement;
    if (across.scrollWidth > innerWidth + 1) found.add(`the page is ${across.scrollWidth} wide in a window of ${innerWidth}`);
    return [...found];
  };
})();
