/**
 * A WebSocket of JSON messages `{type, ...}` that comes back by itself until it is closed, and that notices a network which is
 * gone. Those of the desk and of rooms answer `ping` with `pong`.
 */
const webim = require('./webim_wx')

/** Waits grow from the first to the longest. Milliseconds, as all times here. */
const FIRST_AGAIN = 300
const LONGEST = 6000
const OPENING = 10000
const PING = 15000
/** How long the answer to a ping may take, and how long after the app has come back. */
const SILENCE = 8000
const PROOF = 4000

/**
 * on: url() gives the address, message(message) hears what comes, up(stands) whether the line stands; again(), where there is
 * one, promises before each attempt but the first whether to make it.
 */
function Line(on) {
  this.on = on
  this.closed = false
  this.attempts = 0
  this.link = null
  this.connect()
}

Line.prototype.connect = function () {
  const self = this
  this.drop()
  if (this.closed) return
  const mine = { open: false }
  this.link = mine
  this.slow = setTimeout(function () { if (self.link === mine) self.lost() }, OPENING)
  mine.socket = webim.openSocket(this.on.url(), {
    open: function () { if (self.link === mine) self.opened(mine) },
    message: function (text) { if (self.link === mine) self.receive(text) },
    end: function () { if (self.link === mine) self.lost() }
  })
}

Line.prototype.opened = function (mine) {
  const self = this
  mine.open = true
  clearTimeout(this.slow)
  this.beat = setInterval(function () { self.probe(SILENCE) }, PING)
  this.on.up(true)
}

Line.prototype.receive = function (text) {
  let message = null
  try { message = JSON.parse(text) } catch (err) { return }
  // What was only opened may be refused at once: then waits go on growing.
  this.attempts = 0
  clearTimeout(this.silence)
  this.silence = null
  if (message.type !== 'pong') this.on.message(message)
}

/** The connection is gone, or was not to be had. */
Line.prototype.lost = function () {
  const self = this
  this.drop()
  if (this.closed) return
  this.on.up(false)
  const wait = Math.min(LONGEST, FIRST_AGAIN * Math.pow(2, this.attempts))
  this.attempts++
  this.later = setTimeout(function () { self.retry() }, wait)
}

Line.prototype.retry = function () {
  const self = this
  clearTimeout(this.later)
  if (!this.on.again) {
    this.connect()
    return
  }
  const asked = {}
  this.asked = asked
  this.on.again().then(function (yes) {
    if (self.closed || self.asked !== asked) return
    if (yes) self.connect()
    else self.close()
  })
}

/** Asks for a sign of life; where none comes in time, the connection is taken for lost. */
Line.prototype.probe = function (patience) {
  const self = this
  if (!this.link || !this.link.open) return
  if (this.silence && patience === SILENCE) return
  clearTimeout(this.silence)
  this.silence = setTimeout(function () { self.lost() }, patience)
  this.send({ type: 'ping' })
}

/** The app is in the foreground again, or the network has come back: is the connection alive? */
Line.prototype.check = function () {
  if (this.closed) return
  if (this.link && this.link.open) this.probe(PROOF)
  else if (!this.link) this.retry()
}

/** Another network: anew, before the old connection notices. */
Line.prototype.restart = function () {
  if (this.closed) return
  this.drop()
  this.attempts = 0
  this.on.up(false)
  this.retry()
}

/** Returns whether there was a connection to send by. */
Line.prototype.send = function (message) {
  if (!this.link || !this.link.open) return false
  this.link.socket.send(JSON.stringify(message))
  return true
}

Line.prototype.drop = function () {
  clearTimeout(this.slow)
  clearTimeout(this.later)
  clearTimeout(this.silence)
  clearInterval(this.beat)
  this.silence = null
  this.asked = null
  const link = this.link
  this.link = null
  if (link && link.socket) link.socket.close()
}

Line.prototype.close = function () {
  this.closed = true
  this.drop()
}

module.exports = Line
