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

/** Promises the answer of POST path, or of GET where there is no body; rejects with `{code, message}`. */
function call(path, body) {
  return new Promise(function (resolve, reject) {
    wx.request({
      url: base() + path,
      method: body ? 'POST' : 'GET',
      data: body || undefined,
      header: body ? { 'content-type': 'application/json' } : {},
      dataType: 'json',
      timeout: TIMEOUT,
      success: function (res) {
        const answer = res.data
        if (!answer || typeof answer !== 'object' || typeof answer.code !== 'number') {
          reject({ code: UNREACHABLE, message: 'the gateway answered ' + path.split('?')[0] + ' with HTTP ' + res.statusCode })
        } else if (answer.code !== 0) {
          reject({ code: answer.code, message: answer.message + '[' + answer.code + ']' })
        } else {
          resolve(answer)
        }
      },
      fail: function (err) {
        reject({ code: UNREACHABLE, message: 'cannot reach the gateway: ' + ((err && err.errMsg) || 'no connection') })
      }
    })
  })
}

module.exports = { base: base, call: call, UNREACHABLE: UNREACHABLE }
