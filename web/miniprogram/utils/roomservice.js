/**
 * What double and multi rooms and live rooms have in common: the login, the room's calls, its heartbeat, and what
 * arrives by message. rtcroom.js and liveroom.js each make one.
 */
const gateway = require('./gateway')
const chat = require('./webim_handler')

/** A member counts as gone 20 s after its last heartbeat. The first two come early, in milliseconds after entering. */
const HEARTBEAT = 7000
const FIRST_HEARTBEAT = 3000
/** The gateway's code for somebody who is not in the room. */
const NOT_A_MEMBER = 5

/** Codes of failures that happen on this side. */
const CODE = { NOT_LOGGED_IN: -1, BAD_ARGUMENT: -2, MESSAGES: -3, LEFT: -4 }

function none() {}

/** The account that getlogininfo.js logged in with; one for all rooms, as the gateway has one token for each user. */
const account = {
  userID: '', userName: '', userAvatar: '', userSig: '', sdkAppID: '', accountType: '', accountMode: 0, token: ''
}

function RoomService() {
  this.group = ''
  this.room = emptyRoom()
  this.listener = {}
  /** How the account came in, while it is a member. */
  this.entry = null
  this.beat = null
  this.reading = null
  this.again = false
  this.stale = false
}

function emptyRoom() {
  return { roomID: '', roomInfo: '', roomCreator: '', mixedPlayURL: '', pushers: [], isDestory: false, recording: '' }
}

/** Runs a promise and tells options.success or options.fail. */
function tell(options, promise) {
  promise.then(options.success || none, function (err) {
    const known = err && typeof err.code === 'number'
    ;(options.fail || none)({ errCode: known ? err.code : gateway.UNREACHABLE, errMsg: (err && err.message) || String(err) })
  })
}

function failure(code, message) {
  return Promise.reject({ code: code, message: message })
}

/** A call of the room service in the name of the account. Parameters go unescaped: their letters are harmless. */
RoomService.prototype.call = function (command, body) {
  if (!account.token) return failure(CODE.NOT_LOGGED_IN, 'log in first: getLoginInfo gives the account')
  return gateway.call('/weapp/' + this.group + '/' + command + '?userID=' + account.userID + '&token=' + account.token,
    Object.assign({ userID: account.userID }, body))
}

/** Logs into a group of rooms ('double_room', 'multi_room', 'live_room') and into the messages. */
RoomService.prototype.login = function (group, data) {
  const self = this
  this.group = group
  const query = ['accountType=' + encodeURIComponent(data.accountType), 'sdkAppID=' + encodeURIComponent(data.sdkAppID),
    'userSig=' + encodeURIComponent(data.userSig), 'userID=' + data.userID].join('&')
  return gateway.call('/weapp/' + group + '/login?' + query, {}).then(function (answer) {
    Object.assign(account, data, { userID: answer.userID, token: answer.token })
    return chat.login(account, {
      onText: function (message) { self.heard('onRecvRoomTextMsg', message) },
      onCommand: function (message) { self.heard('onRecvRoomCustomMsg', message) },
      onSketchpad: function (data) { self.heard('onSketchpadData', data) },
      onDirect: function (command) { if (self.directed) self.directed(command) },
      onPushers: function () { self.pushersChanged() },
      // What was said while the connection was down has not been heard.
      onStatus: function () { if (self.entry) self.pushersChanged() },
      onDissolved: function (groupID) { if (groupID === self.room.roomID) self.dissolved() }
    })
  }).then(function () {
    return Object.assign({}, account)
  })
}

RoomService.prototype.logout = function () {
  this.stopHeartbeat()
  if (account.token) this.call('logout', {}).catch(none)
  account.token = ''
  chat.logout()
}

/** Calls a listener, where the page has set one. */
RoomService.prototype.heard = function (name, detail) {
  if (typeof this.listener[name] === 'function') this.listener[name](detail)
}

RoomService.prototype.forget = function () {
  this.stopHeartbeat()
  this.entry = null
  this.room = emptyRoom()
}

/** Enters a room with a stream, and lives in it from now on: entry is {roomID, pushURL, roomInfo}. */
RoomService.prototype.enter = function (entry) {
  const self = this
  return this.call('add_pusher', {
    roomID: entry.roomID, roomInfo: entry.roomInfo || '', userName: account.userName, userAvatar: account.userAvatar,
    pushURL: entry.pushURL
  }).then(function () {
    if (self.room.roomID !== entry.roomID) {
      // The page has left while this was on its way.
      self.call('delete_pusher', { roomID: entry.roomID }).catch(none)
      return failure(CODE.LEFT, 'left the room meanwhile')
    }
    self.entry = entry
    self.startHeartbeat()
    self.pushersChanged()
  })
}

RoomService.prototype.startHeartbeat = function () {
  const self = this
  this.stopHeartbeat()
  const beat = function () {
    const entry = self.entry
    self.call('pusher_heartbeat', { roomID: self.room.roomID }).then(function () {
      if (self.stale) self.pushersChanged()
    }, function (err) {
      // Gone for too long, and taken for lost: the stream is still there, so come in again.
      if (err.code === NOT_A_MEMBER && entry && entry === self.entry) self.enter(entry).catch(none)
    })
  }
  this.beat = { first: setTimeout(beat, FIRST_HEARTBEAT), every: setInterval(beat, HEARTBEAT) }
}

RoomService.prototype.stopHeartbeat = function () {
  if (!this.beat) return
  clearTimeout(this.beat.first)
  clearInterval(this.beat.every)
  this.beat = null
}

/** Promises a room with the others in `pushers`. Whoever is logged in may ask. */
RoomService.prototype.fetchPushers = function (roomID) {
  return this.call('get_pushers', { roomID: roomID }).then(function (answer) {
    return {
      roomID: answer.roomID, roomInfo: answer.roomInfo, roomCreator: answer.roomCreator, mixedPlayURL: answer.mixedPlayURL,
      recording: answer.recording || '',
      pushers: (answer.pushers || []).filter(function (pusher) { return pusher.userID !== account.userID })
    }
  })
}

/**
 * Reads who pushes in the room now and hands `changed` who has come and who has gone. One reading is under way at a time,
 * so that an older answer never undoes a newer one; asked meanwhile, it reads once more.
 */
RoomService.prototype.pushersChanged = function () {
  const self = this
  if (this.reading) {
    this.again = true
    return this.reading
  }
  const roomID = this.room.roomID
  if (!roomID) return Promise.resolve()
  this.reading = this.fetchPushers(roomID).then(function (found) {
    self.stale = false
    if (self.room.roomID !== roomID) return
    const change = difference(self.room.pushers, found.pushers)
    Object.assign(self.room, found)
    self.heard('onRecording', { recording: found.recording })
    self.changed(change)
  }, function () {
    self.stale = true
  }).then(function () {
    self.reading = null
    if (!self.again) return undefined
    self.again = false
    return self.pushersChanged()
  })
  return this.reading
}

/** What has changed between two lists, by userID: `{joined, quit}`. */
function difference(before, after) {
  const missing = function (list) {
    return function (pusher) { return !list.some(function (other) { return other.userID === pusher.userID }) }
  }
  return { joined: after.filter(missing(before)), quit: before.filter(missing(after)) }
}

module.exports = {
  RoomService: RoomService, account: account, tell: tell, failure: failure, difference: difference, CODE: CODE
}
