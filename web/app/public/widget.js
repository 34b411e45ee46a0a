// A video call on a company's own page:
//   <script src="https://HOST/widget.js" data-queue="support"></script>
// data-label: the button's words. data-user, data-name, data-data (JSON), data-skills, data-lang: what the call says of
// the caller. data-place: an address of the company's own back end, which asks the gateway for the call with its key and
// answers what the gateway answered; without it the gateway has to be open. data-button: a selector of the page's own
// buttons in place of ours. The page may also call hutong.call() and hutong.close().
(function () {
  'use strict'
  var script = document.currentScript
  if (!script || !script.dataset.queue) {
    console.error('hutong widget: the script tag needs data-queue')
    return
  }
  var data = script.dataset
  var base = new URL('.', script.src)
  var chinese = /^zh/i.test(data.lang || document.documentElement.lang || navigator.language)
  var words = chinese ? { call: '视频客服', title: '视频客服', shrink: '最小化', grow: '返回通话' } : { call: 'Video service', title: 'Video service', shrink: 'Minimise', grow: 'Back to the call' }
  var host = document.createElement('div')
  var root = host.attachShadow({ mode: 'closed' })
  root.innerHTML =
    '<style>' +
    ':host{all:initial}' +
    'button{font:600 16px/1.2 system-ui,-apple-system,"PingFang SC","Microsoft YaHei",sans-serif;cursor:pointer}' +
    'button:focus-visible{outline:3px solid #1a66c2;outline-offset:3px}' +
    '.open{position:fixed;right:24px;bottom:24px;z-index:2147483000;display:flex;align-items:center;gap:10px;min-height:54px;padding:0 22px 0 18px;border:0;border-radius:27px;background:#a8371f;color:#fff;box-shadow:0 6px 24px rgba(0,0,0,.28)}' +
    '.open:hover{background:#8c2b16}' +
    '.frame{position:fixed;right:24px;bottom:24px;z-index:2147483001;width:min(420px,calc(100vw - 32px));height:min(680px,calc(100vh - 48px));border-radius:20px;overflow:hidden;background:#f5f3ee;box-shadow:0 12px 60px rgba(0,0,0,.38)}' +
    '.frame iframe{width:100%;height:100%;border:0}' +
    '.shrink{position:absolute;top:8px;right:8px;width:36px;height:36px;border:0;border-radius:18px;background:rgba(20,22,26,.62);color:#fff}' +
    '.small{width:1px;height:1px;opacity:0;pointer-events:none}' +
    '[hidden]{display:none!important}' +
    '@media(max-width:520px){.frame:not(.small){inset:0;width:100%;height:100%;border-radius:0}}' +
    '</style>' +
    '<button type="button" class="open" part="button"><svg width="22" height="22" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.9" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d="M3 7.5A1.5 1.5 0 0 1 4.500 6h9A1.500 1.500 0 0 1 15 7.500v9a1.500 1.500 0 0 1-1.500 1.500h-9A1.500 1.500 0 0 1 3 16.500zM15 10.500l6-3.200v9.400l-6-3.200"/></svg><span></span></button>' +
    '<div class="frame" role="dialog" hidden><button type="button" class="shrink">–</button></div>'
  var open = root.querySelector('.open')
  var frame = root.querySelector('.frame')
  var shrink = root.querySelector('.shrink')
  var label = open.querySelector('span')
  var page = null
  label.textContent = data.label || words.call
  frame.setAttribute('aria-label', words.title)
  shrink.setAttribute('aria-label', words.shrink)
  shrink.title = words.shrink

  function address() {
    var url = new URL('caller', base)
    var from = { queue: data.queue, user: data.user, name: data.name, data: data.data, skills: data.skills, lang: data.lang || (chinese ? 'zh' : ''), delegated: data.place ? '1' : '' }
    Object.keys(from).forEach(function (key) {
      if (from[key]) url.searchParams.set(key, from[key])
    })
    return url.href
  }

  function call() {
    if (!page) {
      page = document.createElement('iframe')
      page.allow = 'camera; microphone; autoplay; fullscreen; picture-in-picture; display-capture'
      page.title = words.title
      page.src = address()
      frame.insertBefore(page, shrink)
    }
    frame.hidden = false
    frame.classList.remove('small')
    open.hidden = true
    page.focus()
  }

  // A call goes on while its window is small.
  function minimise() {
    frame.classList.add('small')
    open.hidden = Boolean(data.button)
    label.textContent = words.grow
  }

  function close() {
    if (page) page.remove()
    page = null
    frame.hidden = true
    open.hidden = Boolean(data.button)
    label.textContent = data.label || words.call
  }

  // The company's back end asks for the call: it has the key, and knows who is logged in.
  function place() {
    fetch(data.place, {
      method: 'POST',
      credentials: 'include',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ queue: data.queue, client: 'webrtc' }),
    })
      .then(function (response) {
        return response.json().then(
          function (answer) {
            tell(response.ok ? { hutong: 'placed', answer: answer } : { hutong: 'refused', status: response.status, answer: answer })
          },
          function () {
            tell({ hutong: 'refused', status: response.status, answer: null })
          },
        )
      })
      .catch(function () {
        tell({ hutong: 'refused', status: 0, answer: { error: { code: 'unreachable', message: '' } } })
      })
  }

  function tell(message) {
    if (page && page.contentWindow) page.contentWindow.postMessage(message, base.origin)
  }

  window.addEventListener('message', function (event) {
    if (!page || event.source !== page.contentWindow || event.origin !== base.origin || !event.data) return
    if (event.data.hutong === 'place' && data.place) place()
    if (event.data.hutong === 'close') close()
  })
  open.addEventListener('click', call)
  shrink.addEventListener('click', function () {
    if (page) minimise()
  })
  if (data.button) {
    open.hidden = true
    document.addEventListener('click', function (event) {
      if (event.target.closest && event.target.closest(data.button)) {
        event.preventDefault()
        call()
      }
    })
  }
  window.hutong = { call: call, close: close }
  ;(document.body || document.documentElement).appendChild(host)
})()
