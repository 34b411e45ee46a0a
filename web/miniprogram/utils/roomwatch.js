/**
 * The members of a webrtc_room and the account's own place in it, told by the gateway over a WebSocket: what a pusher of
 * room:// tells by itself. It is apart from the messages, so that a component without them has it, too.
 */
const webim = require('./webim_wx')

/** Attempts before giving up at the start, and the wait between them; later on, waits grow up to the longest. Milliseconds. */
const ATTEMPTS = 4
const BETWEEN = 2000
const LONGEST = 5000
const FIRST_AGAIN = 300
const ANSWER = 10000
const PING = 15000
const SILENCE = 40000
/** After the app comes back, the connection has to prove soon that it is alive. */
const PROOF = 5000
/** There is no such room, or the user is not in it. */
const NO_PLACE = [10007, 10010]

/**
 * who: userID, userSig, sdkAppID, roomID, privateMapKey. on: opened(pushURL) once, members(userlist) with the complete list
 * of the others each time it changes, recording(state) whether the room is recorded ('on', 'paused' or ''), left(reason) when the place in the room is gone, failed({code, message}) when there
 * was no answer at the start; nothing follows left or failed.
 */
function RoomWatch(who, on) {
  this.who = who
  this.on = on
  this.attempts = 0
  this.opened = false
  this.closed = false
  this.link = null
  this.connect()
}

RoomWatch.prototype.connect = function () {
  const self = this
  const url = webim.address()
  this.drop()
  if (this.closed) return
  if (!url) {
    this.lost({ code: -1, message: 'config.js has no roomServiceUrl' })
    return
  }
  const mine = {}
  this.link = mine
  this.slow = setTimeout(function () { if (self.link === mine) self.lost({ code: -1, message: 'the gateway does not answer' }) }, ANSWER)
  mine.socket = webim.openSocket(url, {
    open: function () {
      if (self.link !== mine) return
      mine.socket.send(JSON.stringify({
        cmd: 'watch', id: 1, sdkAppID: self.who.sdkAppID, userID: self.who.userID, userSig: self.who.userSig,
        roomID: String(self.who.roomID), privateMapKey: self.who.privateMapKey
      }))
    },
    message: function (text) { if (self.link === mine) self.receive(text) },
    end: function () { if (self.link === mine) self.lost({ code: -1, message: 'cannot connect to the gateway' }) }
  })
}

RoomWatch.prototype.receive = function (text) {
  let frame = null
  try { frame = JSON.parse(text) } catch (err) { return }
  this.heard = Date.now()
  if (frame.id === 1) this.answered(frame)
  else if (frame.event === 'members') this.tell(frame)
  else if (frame.event === 'left') this.end('left', frame.reason)
}

RoomWatch.prototype.answered = function (frame) {
  clearTimeout(this.slow)
  if (NO_PLACE.indexOf(frame.code) >= 0) {
    this.end('left', frame.info)
    return
  }
  if (frame.code !== 0) {
    this.lost({ code: frame.code, message: frame.info })
    return
  }
  const self = this
  this.attempts = 0
  this.beat = setInterval(function () {
    if (Date.now() - self.heard > SILENCE) self.lost()
    else self.ping()
  }, PING)
  if (!this.opened) {
    this.opened = true
    this.on.opened(frame.pushURL)
  }
  if (!this.closed) this.tell(frame)
}

RoomWatch.prototype.tell = function (frame) {
  this.on.recording(frame.recording || '')
  this.on.members(frame.userlist || [])
}

RoomWatch.prototype.ping = function () {
  this.link.socket.send(JSON.stringify({ cmd: 'ping', id: 2 }))
}

/** The connection is gone, or was not to be had: again later, or the end if there has never been one. */
RoomWatch.prototype.lost = function (why) {
  this.drop()
  if (this.closed) return
  this.attempts++
  if (!this.opened && this.attempts >= ATTEMPTS) {
    this.end('failed', why)
    return
  }
  const wait = this.opened ? Math.min(LONGEST, FIRST_AGAIN * Math.pow(2, this.attempts - 1)) : BETWEEN
  this.again = setTimeout(this.connect.bind(this), wait)
}

/** The app is in the foreground again: is the connection alive? */
RoomWatch.prototype.check = function () {
  if (this.closed || !this.opened) return
  if (!this.link || !this.beat) {
    this.connect()
    return
  }
  const self = this
  const since = Date.now()
  this.ping()
  this.proof = setTimeout(function () { if (self.heard < since) self.lost() }, PROOF)
}

RoomWatch.prototype.drop = function () {
  clearTimeout(this.slow)
  clearTimeout(this.again)
  clearTimeout(this.proof)
  clearInterval(this.beat)
  this.beat = null
  const link = this.link
  this.link = null
  if (link && link.socket) link.socket.close()
}

RoomWatch.prototype.end = function (how, detail) {
  if (this.closed) return
  this.close()
  this.on[how](detail)
}

RoomWatch.prototype.close = function () {
  this.closed = true
  this.drop()
}

module.exports = RoomWatch
