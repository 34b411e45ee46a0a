/**
 * Calls to the gateway's HTTP API. Every answer is a JSON object with a number `code`, 0 for success, and a `message`;
 * whatever else comes back, a proxy's error page or nothing, is turned into a failure of that same form.
 */
const config = require('../config')

/** How long a call may take, in milliseconds. */
const TIMEOUT = 60000

/** The failure of a call that got no usable answer. */
const UNREACHABLE = -1

/** The gateway's address, from `roomServiceUrl` of config.js: a host, with or without /weapp/... behind it. */
function base() {
  return String(config.roomServiceUrl || config.url || '').replace(/\/weapp(\/.*)?$/, '').replace(/\/+$/, '')
}

/**
 * Promises `{status, data, header}` of a request, whatever the status is; rejects with `{code, message}` where nothing came.
 * options: method, body, header, timeout in milliseconds.
 */
function send(url, options) {
  return new Promise(function (resolve, reject) {
    wx.request({
      url: url,
      method: options.method || 'GET',
      data: options.body || undefined,
      header: Object.assign(options.body ? { 'content-type': 'application/json' } : {}, options.header),
      dataType: 'json',
      timeout: options.timeout || TIMEOUT,
      success: function (res) { resolve({ status: res.statusCode, data: res.data, header: res.header || {} }) },
      fail: function (err) {
        reject({ code: UNREACHABLE, message: 'cannot reach the gateway: ' + ((err && err.errMsg) || 'no connection') })
      }
    })
  })
}

/** Promises the answer of POST path, or of GET where there is no body; rejects with `{code, message}`. */
function call(path, body) {
  return send(base() + path, { method: body ? 'POST' : 'GET', body: body }).then(function (res) {
    const answer = res.data
    if (!answer || typeof answer !== 'object' || typeof answer.code !== 'number') {
      return Promise.reject({ code: UNREACHABLE, message: 'the gateway answered ' + path.split('?')[0] + ' with HTTP ' + res.status })
    }
    if (answer.code !== 0) return Promise.reject({ code: answer.code, message: answer.message + '[' + answer.code + ']' })
    return answer
  })
}

module.exports = { base: base, send: send, call: call, UNREACHABLE: UNREACHABLE }
