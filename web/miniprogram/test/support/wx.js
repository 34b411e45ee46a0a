/** `wx` as a phone has it, as far as the components and the demo use it: real HTTP and real WebSockets, over a wire. */
const http = require('http')
const WebSocket = require('ws')

/**
 * Makes a `wx`. media has pusher(id) and player(id), the contexts of the tags on the screen; state is what the test sees and
 * sets: scanned (the text of the next QR code), toasts, pages.
 */
function makeWx(wire, media, state) {
  const listeners = {}
  const on = (name) => (handler) => { (listeners[name] = listeners[name] || []).push(handler) }
  const off = (name) => (handler) => { listeners[name] = (listeners[name] || []).filter((other) => other !== handler) }
  const storage = new Map()
  const wx = {
    request: (options) => { request(wire, options) },
    connectSocket: (options) => connectSocket(wire, options),
    createLivePusherContext: (id) => media.pusher(id),
    createLivePlayerContext: (id) => media.player(id),
    login: (options) => { setTimeout(() => options.success({ code: 'code-of-wechat', errMsg: 'login:ok' })) },
    getNetworkType: (options) => { setTimeout(() => options.success({ networkType: state.networkType })) },
    scanCode: (options) => {
      setTimeout(() => {
        if (state.scanned) options.success({ result: state.scanned })
        else if (options.fail) options.fail({ errMsg: 'scanCode:fail cancel' })
      })
    },
    getStorageSync: (key) => (storage.has(key) ? storage.get(key) : ''),
    setStorageSync: (key, value) => { storage.set(key, value) },
    removeStorageSync: (key) => { storage.delete(key) },
    showToast: (options) => { state.toasts.push(options.title) },
    hideToast: () => {},
    showLoading: () => {},
    hideLoading: () => {},
    showModal: (options) => {
      state.toasts.push(options.content || options.title)
      setTimeout(() => { if (options.success) options.success({ confirm: !state.refuses, cancel: !!state.refuses }) })
    },
    navigateTo: (options) => { state.pages.push(options.url) },
    redirectTo: (options) => { state.pages.push(options.url) },
    navigateBack: () => { state.pages.push('back') },
    setNavigationBarTitle: () => {},
    setKeepScreenOn: () => {},
    setClipboardData: (options) => { state.clipboard = options.data },
    getAppBaseInfo: () => ({ language: state.language }),
    getSystemInfoSync: () => ({ language: state.language, statusBarHeight: 20, platform: 'test', SDKVersion: '3.0.0', windowHeight: 640, windowWidth: 360 })
  }
  for (const event of ['AppShow', 'AppHide', 'NetworkStatusChange', 'AudioInterruptionBegin', 'AudioInterruptionEnd']) {
    wx['on' + event] = on(event)
    wx['off' + event] = off(event)
  }
  wx.fire = (event, detail) => { (listeners[event] || []).slice().forEach((handler) => handler(detail)) }
  return wx
}

async function request(wire, options) {
  const done = (how, answer) => {
    if (options[how]) options[how](answer)
    if (options.complete) options.complete(answer)
  }
  try {
    const url = new URL(await wire.url(options.url))
    const body = options.data === undefined ? undefined : JSON.stringify(options.data)
    const call = http.request(url, { method: options.method || 'GET', headers: options.header, agent: false, timeout: options.timeout || 60000 })
    call.on('error', (err) => done('fail', { errMsg: 'request:fail ' + err.message }))
    call.on('timeout', () => call.destroy(new Error('timeout')))
    call.on('response', (response) => {
      const chunks = []
      response.on('data', (chunk) => chunks.push(chunk))
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        let data = text
        try { data = JSON.parse(text) } catch (err) { data = text }
        done('success', { data, statusCode: response.statusCode, header: response.headers, errMsg: 'request:ok' })
      })
    })
    call.end(body)
  } catch (err) {
    done('fail', { errMsg: 'request:fail ' + err.message })
  }
}

function connectSocket(wire, options) {
  const handlers = { Open: [], Message: [], Error: [], Close: [] }
  const fire = (name, event) => handlers[name].forEach((handler) => handler(event))
  let socket = null
  let closed = false
  wire.url(options.url).then((url) => {
    if (closed) return
    socket = new WebSocket(url, { handshakeTimeout: 10000 })
    socket.on('open', () => fire('Open', { header: {} }))
    socket.on('message', (data) => fire('Message', { data: data.toString() }))
    socket.on('error', (err) => fire('Error', { errMsg: err.message }))
    socket.on('close', (code, reason) => fire('Close', { code, reason: reason.toString() }))
    if (options.success) options.success({ errMsg: 'connectSocket:ok' })
  }).catch((err) => {
    if (options.fail) options.fail({ errMsg: err.message })
  })
  const task = {
    send: (message) => {
      if (!socket || socket.readyState !== WebSocket.OPEN) {
        if (message.fail) message.fail({ errMsg: 'sendSocketMessage:fail not connected' })
        return
      }
      socket.send(message.data, (err) => {
        if (err && message.fail) message.fail({ errMsg: err.message })
        else if (!err && message.success) message.success({ errMsg: 'ok' })
      })
    },
    close: () => {
      closed = true
      if (socket) socket.close()
    }
  }
  for (const name of Object.keys(handlers)) task['on' + name] = (handler) => { handlers[name].push(handler) }
  return task
}

module.exports = { makeWx }
