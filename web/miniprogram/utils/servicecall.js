/**
 * A call to the customer-service desk, from its placing until it has ended, without a screen: the call's WebSocket, its room,
 * and the way back into both.
 */
const Line = require('./line')
const CallRoom = require('./callroom')

/** How often the token is renewed, so that a long call has one that is good to come back with, in milliseconds. */
const RENEW = 240000

/** Where the call is kept for a mini-program that is started again, by server and queue. */
function key(desk, queue) {
  return 'hutong.call.' + desk.server + '/' + queue
}

/** Promises `{call, token, room}` of a call that went on when the mini-program was last seen, or null. */
function comeBack(desk, queue) {
  const kept = wx.getStorageSync(key(desk, queue))
  if (!kept || !kept.callID) return Promise.resolve(null)
  return desk.call(kept.callID, '/join', kept.token).then(function (answer) {
    return { call: answer.call, token: answer.room.token, room: answer.room }
  }, function (err) {
    // It is over. Where nobody answers, it may go on: that is for the caller to try.
    if (err.status >= 400 && err.status < 500) wx.removeStorageSync(key(desk, queue))
    return null
  })
}

/**
 * placed: {call, token, room}. on: status(call) with each change, the last of which has state 'ended'; room({userID, members, messages,
 * recording}); up(stands); media(pushURL) where to push, also when it changes.
 */
function ServiceCall(desk, queue, placed, on) {
  const self = this
  this.desk = desk
  this.key = key(desk, queue)
  this.on = on
  this.status = placed.call
  this.callID = placed.call.callID
  this.lines = { call: false, room: false }
  this.access(placed.room, placed.token)
  if (this.over()) return
  this.line = new Line({
    url: function () { return desk.socket('calls/' + self.callID + '/ws', self.token) },
    up: function (stands) { self.stands('call', stands) },
    message: function (message) { self.hear(message) },
    again: function () { return self.look() }
  })
  this.room = new CallRoom({
    url: function () { return desk.socket('ws', self.token) },
    renew: function () { return self.renew() },
    up: function (stands) { self.stands('room', stands) },
    changed: function (room) { on.room(room) },
    replaced: function () { self.replaced() }
  })
  this.renewal = setInterval(function () { self.renew() }, RENEW)
}

ServiceCall.prototype.over = function () {
  return this.status.state === 'ended'
}

ServiceCall.prototype.access = function (room, token) {
  this.token = token || room.token
  wx.setStorageSync(this.key, { callID: this.callID, token: this.token })
  this.on.media(room.push.rtmp)
}

ServiceCall.prototype.stands = function (which, stands) {
  this.lines[which] = stands
  this.on.up(this.lines.call && this.lines.room)
}

ServiceCall.prototype.hear = function (message) {
  if (message.type === 'call') this.take(message.call)
  else if (message.type === 'closed' && message.reason === 'replaced') this.replaced()
}

/** Another phone, or another window, of the same user has the call now: it goes on without this one. */
ServiceCall.prototype.replaced = function () {
  this.take(Object.assign({}, this.status, { state: 'ended', reason: 'replaced', agent: null }))
}

ServiceCall.prototype.take = function (call) {
  if (this.over() || call.callID !== this.callID || call.revision < this.status.revision) return
  this.status = call
  if (this.over()) this.end()
  this.on.status(call)
}

/** Of a call that is not there any more, for whatever reason. */
ServiceCall.prototype.gone = function (reason) {
  this.take(Object.assign({}, this.status, { state: 'ended', reason: this.status.answeredAt ? 'completed' : reason }))
}

/** Promises whether the call goes on, as far as anybody can tell. */
ServiceCall.prototype.look = function () {
  const self = this
  return this.desk.call(this.callID, '', this.token).then(function (call) {
    self.take(call)
    return !self.over()
  }, function (err) {
    if (err.status === 401 || err.status === 404) self.gone('failed')
    return !self.over()
  })
}

/** The place in the room again, with a fresh token and push address. Promises whether to go on trying. */
ServiceCall.prototype.renew = function () {
  const self = this
  if (this.renewing) return this.renewing
  if (this.over()) return Promise.resolve(false)
  this.renewing = this.desk.call(this.callID, '/join', this.token).then(function (answer) {
    if (self.over()) return false
    self.take(answer.call)
    self.access(answer.room)
    return !self.over()
  }, function (err) {
    if (err.status === 401 || err.status === 404) self.gone('failed')
    return !self.over() && (err.status < 400 || err.status >= 500 || err.status === 429)
  }).then(function (go) {
    self.renewing = null
    return go
  })
  return this.renewing
}

/** Where a member is played, with the caller's token in it: what comes is what the caller may have. */
ServiceCall.prototype.playURL = function (member) {
  const url = (member.play && member.play.rtmp) || ''
  if (!url || url.indexOf('token=') >= 0) return url
  return url + (url.indexOf('?') < 0 ? '?' : '&') + 'token=' + this.token
}

/** It is over for who hangs up, whether the gateway hears of it or not. Promises that it has. */
ServiceCall.prototype.hangUp = function () {
  const self = this
  if (this.over()) return Promise.resolve()
  const line = this.line
  return this.desk.call(this.callID, '/hangup', this.token).then(function (call) {
    self.take(call)
  }, function () {
    line.send({ type: 'hangup' })
    self.gone('abandoned')
  })
}

/** stars from 1 to 5; up to an hour after the call. */
ServiceCall.prototype.rate = function (stars, comment) {
  return this.desk.call(this.callID, '/rating', this.token, { stars: stars, comment: comment })
}

ServiceCall.prototype.say = function (text) {
  return this.over() ? Promise.reject({ code: 'ended', message: 'the call has ended' }) : this.room.send(text)
}

ServiceCall.prototype.mute = function (audio, video) {
  if (!this.over()) this.room.mute(audio, video)
}

/** What is seen of the others: [{userID, fps, freezes, ...}]. */
ServiceCall.prototype.report = function (legs) {
  if (!this.over() && legs.length) this.line.send({ type: 'report', callID: this.callID, legs: legs })
}

ServiceCall.prototype.check = function () {
  if (this.over()) return
  this.line.check()
  this.room.line.check()
}

ServiceCall.prototype.restart = function () {
  if (this.over()) return
  this.line.restart()
  this.room.line.restart()
}

ServiceCall.prototype.end = function () {
  const kept = wx.getStorageSync(this.key)
  if (kept && kept.callID === this.callID) wx.removeStorageSync(this.key)
  this.close()
}

/** Lets go of the connections; the call goes on. */
ServiceCall.prototype.close = function () {
  clearInterval(this.renewal)
  if (this.line) this.line.close()
  if (this.room) this.room.close()
}

module.exports = { ServiceCall: ServiceCall, comeBack: comeBack }
