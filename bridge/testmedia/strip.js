// The picture strip's reader for a page: the same layout and the same verdicts
// as layout.go and read.go. It defines window.hutongStrip.
(() => {
  const COLS = 16, ROWS = 12, CELLS = 32, GRID = 6;

  const checksum = c => (c * 31 + (c >> 8) * 17 + 85) & 0xff;
  function stripBits(c) {
    const cells = new Array(CELLS).fill(false);
    cells[0] = cells[31] = cells[27] = cells[28] = true;
    const gray = c ^ (c >> 1), sum = checksum(c);
    for (let i = 0; i < 16; i++) cells[2 + i] = ((gray >> (15 - i)) & 1) === 1;
    for (let i = 0; i < 8; i++) cells[18 + i] = ((sum >> (7 - i)) & 1) === 1;
    return cells;
  }
  function fieldBlock(c, column, row) {
    const h = Math.imul(row * COLS + column + 1, 2654435761) >>> 8;
    const step = Math.floor((c + column * 5 + row * 3) / (6 + h % 4));
    return { light: ((step ^ (h >> 10)) & 1) === 1, u: (h >> 12) & 1 ? 1 : -1, v: (h >> 13) & 1 ? 1 : -1 };
  }

  // read takes an ImageData and returns {counter, ok, bad, flash}.
  function read(image) {
    const { data, width, height } = image;
    const lumas = new Float64Array(GRID * GRID);
    let u = 0, v = 0, mean = 0;
    function cell(column, row) {
      u = v = mean = 0;
      for (let j = 0, k = 0; j < GRID; j++) {
        const y = Math.floor(((row * 4 + 1) * 2 * GRID + (2 * j + 1) * 2) * height / (ROWS * 8 * GRID));
        for (let i = 0; i < GRID; i++, k++) {
          const x = Math.floor(((column * 4 + 1) * 2 * GRID + (2 * i + 1) * 2) * width / (COLS * 8 * GRID));
          const p = (y * width + x) * 4, r = data[p], g = data[p + 1], b = data[p + 2];
          const l = 0.299 * r + 0.587 * g + 0.114 * b;
          lumas[k] = l;
          mean += l;
          u += b - l;
          v += r - l;
        }
      }
      mean /= GRID * GRID;
      u *= 0.564 / (GRID * GRID);
      v *= 0.713 / (GRID * GRID);
    }
    const none = { counter: 0, ok: false, bad: 0, flash: false };
    const levels = [];
    for (let i = 0; i < CELLS; i++) {
      cell(i % COLS, Math.floor(i / COLS));
      levels.push(mean);
    }
    const white = (levels[0] + levels[31]) / 2, black = (levels[1] + levels[30]) / 2;
    if (white - black < 60) return none;
    const bits = [];
    for (const level of levels) {
      const t = (level - black) / (white - black);
      if (t > 0.35 && t < 0.65) return none;
      bits.push(t > 0.5);
    }
    let counter = 0;
    for (let i = 0; i < 16; i++) counter = (counter << 1) | (bits[2 + i] ? 1 : 0);
    for (let shift = 1; shift < 16; shift *= 2) counter ^= counter >> shift;
    if (stripBits(counter).some((b, i) => b !== bits[i])) return none;
    const middle = (white + black) / 2;
    cell(COLS - 2, ROWS - 1);
    const flash = mean > middle;
    let bad = 0;
    for (let row = 2; row < ROWS; row++) {
      for (let column = 0; column < COLS; column++) {
        if (row >= ROWS - 2 && column >= COLS - 4) continue;
        const want = fieldBlock(counter, column, row);
        cell(column, row);
        let wrong = 0;
        for (const l of lumas) if ((l > middle) !== want.light) wrong++;
        if (wrong > GRID * GRID / 4 || u * want.u < 4 || v * want.v < 4) bad++;
      }
    }
    return { counter, ok: true, bad, flash };
  }

  // draw paints the picture of a counter on a 2d context, for pages that publish a canvas.
  function draw(ctx, width, height, counter, flash) {
    const cells = stripBits(counter);
    const rgb = (y, cb, cr) => {
      const l = (y - 16) * 1.164;
      return `rgb(${Math.round(l + 1.596 * cr)},${Math.round(l - 0.392 * cb - 0.813 * cr)},${Math.round(l + 2.017 * cb)})`;
    };
    for (let row = 0; row < ROWS; row++) {
      for (let column = 0; column < COLS; column++) {
        let colour;
        if (row < 2) colour = cells[row * COLS + column] ? '#fff' : '#000';
        else if (row >= ROWS - 2 && column >= COLS - 4) colour = flash ? '#fff' : '#000';
        else {
          const b = fieldBlock(counter, column, row);
          colour = rgb(b.light ? 176 : 72, 22 * b.u, 22 * b.v);
        }
        ctx.fillStyle = colour;
        const x = Math.floor(column * width / COLS), y = Math.floor(row * height / ROWS);
        ctx.fillRect(x, y, Math.floor((column + 1) * width / COLS) - x, Math.floor((row + 1) * height / ROWS) - y);
      }
    }
  }

  // watch reads every picture a <video> presents. The samples carry the strip,
  // the picture's size, its media time in seconds and when it is shown, in
  // milliseconds of performance.now().
  function watch(video) {
    const canvas = document.createElement('canvas');
    const ctx = canvas.getContext('2d', { willReadFrequently: true });
    const watcher = { samples: [], stopped: false };
    const onFrame = (now, meta) => {
      if (watcher.stopped) return;
      video.requestVideoFrameCallback(onFrame);
      const w = video.videoWidth, h = video.videoHeight;
      if (!w || !h) return;
      if (canvas.width !== w || canvas.height !== h) { canvas.width = w; canvas.height = h; }
      ctx.drawImage(video, 0, 0, w, h);
      const s = read(ctx.getImageData(0, 0, w, h));
      watcher.samples.push({ ...s, width: w, height: h, media: meta.mediaTime, shown: meta.expectedDisplayTime, presented: meta.presentedFrames });
      if (watcher.samples.length > 20000) watcher.samples.splice(0, 10000);
    };
    video.requestVideoFrameCallback(onFrame);
    return watcher;
  }

  window.hutongStrip = { read, draw, watch };
})();
