/**
 * The room of a call, followed over its WebSocket: who is in it, what is said, whether it is recorded. Media goes by RTMP
 * beside it.
 */
const Line = require('./line')

const KEPT = 200
const ACK = 10000
const RECORDING = { recording_started: 'on', recording_paused: 'paused', recording_stopped: '' }

/**
 * on: url() is the WebSocket's address with a token; renew() promises a fresh token and whether it is worth trying again;
 * changed(room) hears of each change, up(stands) of the line, replaced() of another phone in this one's place.
 */
function CallRoom(on) {
  const self = this
  this.on = on
  this.session = ''
  this.welcomed = false
  this.asked = 0
  this.waiting = {}
  this.muted = null
  this.room = { userID: '', members: [], recording: '', revision: 0 }
  this.messages = []
  this.line = new Line({
    url: function () {
      self.welcomed = false
      return on.url() + (self.session ? '&resume=' + self.session + '&revision=' + self.room.revision : '')
    },
    up: function (stands) {
      if (stands) return
      self.failAll()
      on.up(false)
    },
    message: function (message) { self.take(message) },
    // An address that leads nowhere may have a token that is not good any more.
    again: function () { return self.welcomed ? Promise.resolve(true) : on.renew() }
  })
}

CallRoom.prototype.take = function (message) {
  switch (message.type) {
    case 'welcome':
      this.welcome(message)
      break
    case 'state':
      if (message.room.revision >= this.room.revision || this.stale) this.adopt(message.room)
      break
    case 'event':
      this.apply(message)
      break
    case 'message':
      this.say(message)
      this.tell()
      break
    case 'ack':
      this.settle(message.id, null)
      break
    case 'error':
      if (message.id) this.settle(message.id, message)
      break
    case 'closed':
      this.session = ''
      if (message.reason === 'room_closed') this.close()
      else if (message.reason === 'replaced') this.on.replaced()
      else if (message.reason === 'removed') this.welcomed = false
      break
  }
}

CallRoom.prototype.welcome = function (message) {
  const self = this
  this.session = message.session
  this.welcomed = true
  this.room.userID = message.me.userID
  ;(message.messages || []).forEach(function (said) { self.say(said) })
  this.adopt(message.room)
  // Media does not come this way: no picture is to be sent.
  this.line.send({ type: 'view', tiles: [] })
  if (this.muted) this.line.send(Object.assign({ type: 'mute' }, this.muted))
  this.on.up(true)
}

CallRoom.prototype.adopt = function (room) {
  this.stale = false
  this.room = { userID: this.room.userID, members: room.members || [], recording: room.recording || '', revision: room.revision }
  this.tell()
}

/** An event takes the room one revision on; after a gap the whole room is asked for. */
CallRoom.prototype.apply = function (event) {
  const room = this.room
  if (this.stale || event.revision <= room.revision) return
  if (event.revision !== room.revision + 1) {
    this.stale = true
    this.line.send({ type: 'sync', revision: room.revision })
    return
  }
  const userID = event.userID || (event.member && event.member.userID)
  const others = room.members.filter(function (member) { return member.userID !== userID })
  const there = room.members.length !== others.length
  let members = room.members
  if (event.event === 'member_left') members = others
  else if (event.member && there) members = room.members.map(function (member) { return member.userID === userID ? event.member : member })
  else if (event.member) members = room.members.concat(event.member)
  this.room = {
    userID: room.userID, members: members, revision: event.revision,
    recording: event.event in RECORDING ? RECORDING[event.event] : room.recording
  }
  this.tell()
}

CallRoom.prototype.say = function (message) {
  if (message.kind !== 'text' || this.messages.some(function (said) { return said.seq === message.seq })) return
  this.messages = this.messages.concat(message).sort(function (a, b) { return a.seq - b.seq }).slice(-KEPT)
}

CallRoom.prototype.tell = function () {
  this.on.changed({ userID: this.room.userID, members: this.room.members, recording: this.room.recording, messages: this.messages })
}

/** Promises that a text has been said; rejects where it has not. */
CallRoom.prototype.send = function (text) {
  const self = this
  const id = 'm' + ++this.asked
  return new Promise(function (resolve, reject) {
    if (!self.welcomed || !self.line.send({ type: 'message', kind: 'text', text: text, id: id })) {
      reject({ code: 'unreachable', message: 'there is no connection' })
      return
    }
    self.waiting[id] = {
      resolve: resolve, reject: reject,
      timer: setTimeout(function () { self.settle(id, { code: 'timeout', message: 'no answer' }) }, ACK)
    }
  })
}

CallRoom.prototype.settle = function (id, error) {
  const asked = this.waiting[id]
  if (!asked) return
  delete this.waiting[id]
  clearTimeout(asked.timer)
  if (error) asked.reject({ code: error.code, message: error.message })
  else asked.resolve()
}

CallRoom.prototype.failAll = function () {
  const self = this
  Object.keys(this.waiting).forEach(function (id) { self.settle(id, { code: 'unreachable', message: 'the connection was lost' }) })
}

/** Tells the others what is off; the pusher does it. */
CallRoom.prototype.mute = function (audio, video) {
  this.muted = { audio: audio, video: video }
  if (this.welcomed) this.line.send({ type: 'mute', audio: audio, video: video })
}

CallRoom.prototype.close = function () {
  this.failAll()
  this.line.close()
}

module.exports = CallRoom
