/**
 * The customer-service desk by REST, as docs/desk.md has it. Failures are `{code, status, message, queue}`: code is the gateway's
 * word, such as queue_closed, or 'unreachable'; queue is what is known of a queue that takes no call now.
 */
const gateway = require('./gateway')

const TIMEOUT = 10000
/** A clock that is off by less, in milliseconds, is not corrected: the header of answers has whole seconds. */
const CLOCK = 2000

/** server: the gateway's address, https://HOST; without one, that of config.js. */
function Desk(server) {
  this.server = String(server || gateway.base()).replace(/\/+$/, '')
  this.ahead = 0
}

/** The address of a WebSocket of the gateway's. */
Desk.prototype.socket = function (path, token) {
  return this.server.replace(/^http/, 'ws') + '/api/v1/' + path + '?token=' + encodeURIComponent(token)
}

/** The time by the gateway's clock, in milliseconds. */
Desk.prototype.now = function () {
  return Date.now() + this.ahead
}

/** options: method, body, token, header, url instead of one of the gateway's. */
Desk.prototype.ask = function (path, options) {
  const self = this
  const header = Object.assign({ accept: 'application/json' }, options.header)
  if (options.token) header.authorization = 'Bearer ' + options.token
  const method = options.method || 'GET'
  const body = method === 'GET' ? undefined : options.body || {}
  return gateway.send(options.url || this.server + '/api/v1/' + path, { method: method, body: body, header: header, timeout: TIMEOUT }).then(function (res) {
    if (!options.url) self.setClock(res.header.Date || res.header.date)
    const answer = res.data && typeof res.data === 'object' ? res.data : {}
    if (res.status >= 200 && res.status < 300) return answer
    const error = answer.error || {}
    return Promise.reject({
      code: error.code || 'http_' + res.status, status: res.status, queue: answer.queue || null,
      message: error.message || 'the gateway answered ' + path + ' with HTTP ' + res.status
    })
  }, function (err) {
    return Promise.reject({ code: 'unreachable', status: 0, queue: null, message: err.message })
  })
}

Desk.prototype.setClock = function (date) {
  const told = Date.parse(date)
  if (isNaN(told)) return
  const off = told + 500 - Date.now()
  this.ahead = Math.abs(off) > CLOCK ? off : 0
}

/** Promises how a queue is. */
Desk.prototype.queue = function (queue) {
  return this.ask('queues/' + encodeURIComponent(queue), {})
}

/**
 * Promises `{call, token, room}`. who: userID, nickName, userData, skills. by: url and header of the company's own back end, which
 * asks the gateway with its key and passes on status and answer.
 */
Desk.prototype.place = function (queue, who, by) {
  const body = { userID: who.userID, nickName: who.nickName, client: 'rtmp' }
  if (who.userData !== null && who.userData !== undefined && who.userData !== '') body.userData = who.userData
  if (who.skills && who.skills.length) body.skills = who.skills
  return this.ask('queues/' + encodeURIComponent(queue) + '/calls', Object.assign({ method: 'POST', body: by.url ? Object.assign({ queue: queue }, body) : body }, by))
    .then(function (placed) {
      if (placed.call && placed.token && placed.room) return placed
      return Promise.reject({ code: 'unexpected', status: 200, queue: null, message: 'the answer to placing a call has no call, token and room' })
    })
}

/** what: userID, nickName, contact, note, userData. by as in place. */
Desk.prototype.askCallback = function (queue, what, by) {
  return this.ask('queues/' + encodeURIComponent(queue) + '/callbacks', Object.assign({ method: 'POST', body: by.url ? Object.assign({ queue: queue }, what) : what }, by))
}

/** Of a call: path is '' to see it, /join, /hangup, /rating. */
Desk.prototype.call = function (callID, path, token, body) {
  return this.ask('calls/' + callID + path, { method: path ? 'POST' : 'GET', token: token, body: body })
}

module.exports = Desk
