/**
 * Rooms with one anchor, whom an audience watches, and from which up to three may come on stage. Functions take
 * `{data, success(result), fail({errCode, errMsg})}`; log in with getlogininfo.js first.
 */
const service = require('./roomservice')
const chat = require('./webim_handler')
const layout = require('./mixlayout')

const account = service.account
const room = new service.RoomService()
/** The anchor, a viewer on stage, or a viewer. */
const ROLE = { NONE: 0, ANCHOR: 1, LINKED: 2, VIEWER: 3 }
let role = ROLE.NONE
/** Whether the account is in the list of viewers. */
let seated = false
/** The request to come on stage that waits for its answer: {resolve, reject, timer}. */
let request = null
let mixing = Promise.resolve()

/** How long the anchor has to answer a request to come on stage, and how soon a mix is asked for again, in milliseconds. */
const REQUEST_TIMEOUT = 30000
const MIX_AGAIN = 2000
const CODE = Object.assign({ REFUSED: -9004, TIMEOUT: -9004 }, service.CODE)

/**
 * What a page hears of: onPushersChange({pushers}), onPusherJoin and onPusherQuit({pushers}), onRoomClose(),
 * onRecvRoomTextMsg(message), onRecvRoomCustomMsg(message), onSketchpadData(data), onRecvJoinPusherRequest(viewer),
 * onKickOut({roomID}), onRecording({recording}).
 */
function setListener(listener) {
  room.listener = listener || {}
}

/** data: userID, userSig, sdkAppID, accountType, userName, userAvatar. */
function login(options) {
  service.tell(options, room.login('live_room', options.data || {}))
}

function logout() {
  leave()
  room.logout()
}

/** data: index and cnt. Answers {rooms}. */
function getRoomList(options) {
  service.tell(options, room.call('get_room_list', { index: options.data.index || 0, cnt: options.data.cnt || 20 }).then(function (answer) {
    return { rooms: answer.rooms }
  }))
}

/** Answers {pushURL}. */
function getPushURL(options) {
  service.tell(options, room.call('get_push_url', {}).then(function (answer) { return { pushURL: answer.pushURL } }))
}

/** data: roomInfo, and pushURL, which is being pushed to already. The account becomes the anchor. Answers {roomID}. */
function createRoom(options) {
  const data = options.data || {}
  let roomID = ''
  service.tell(options, room.call('create_room', { roomInfo: data.roomInfo || '' }).then(function (answer) {
    roomID = answer.roomID
    room.room.roomID = roomID
    role = ROLE.ANCHOR
    return chat.join(roomID)
  }).then(function () {
    return room.enter({ roomID: roomID, pushURL: data.pushURL, roomInfo: data.roomInfo || '' })
  }).then(function () {
    return { roomID: roomID }
  }))
}

/** data: roomID. The account becomes a viewer. Answers the room: mixedPlayURL, roomCreator, pushers. */
function enterRoom(options) {
  const roomID = options.data.roomID
  room.room.roomID = roomID
  service.tell(options, chat.join(roomID).then(function () {
    return room.fetchPushers(roomID)
  }).then(function (found) {
    if (room.room.roomID !== roomID) return service.failure(CODE.LEFT, 'left the room meanwhile')
    role = ROLE.VIEWER
    Object.assign(room.room, found)
    seated = true
    room.call('add_audience', {
      roomID: roomID, userInfo: JSON.stringify({ userName: account.userName, userAvatar: account.userAvatar })
    }).catch(none)
    return Object.assign({}, found)
  }))
}

/** Leaves: the anchor ends the room with it. */
function exitRoom(options) {
  const roomID = room.room.roomID
  const was = role
  const wasSeated = seated
  leave()
  chat.quit()
  let left = Promise.resolve()
  if (was === ROLE.ANCHOR) left = room.call('destroy_room', { roomID: roomID })
  else if (was === ROLE.LINKED) left = room.call('delete_pusher', { roomID: roomID })
  if (wasSeated) room.call('delete_audience', { roomID: roomID }).catch(none)
  service.tell(options || {}, left.then(function () { return {} }))
}

function leave() {
  role = ROLE.NONE
  seated = false
  room.forget()
  settle('reject', { code: CODE.LEFT, message: 'left the room' })
}

/** data: pushURL, which is being pushed to already. The viewer comes on stage. */
function joinPusher(options) {
  const roomID = room.room.roomID
  service.tell(options, room.enter({ roomID: roomID, pushURL: options.data.pushURL }).then(function () {
    role = ROLE.LINKED
    return room.pushersChanged()
  }))
}

/** The viewer leaves the stage. */
function quitPusher(options) {
  const roomID = room.room.roomID
  role = ROLE.VIEWER
  room.entry = null
  room.stopHeartbeat()
  service.tell(options || {}, room.call('delete_pusher', { roomID: roomID }).then(function () { return {} }))
}

/** data: timeout in milliseconds. Asks the anchor to come on stage; answers {} once allowed. */
function requestJoinPusher(options) {
  settle('reject', { code: CODE.REFUSED, message: 'asked again' })
  const asked = new Promise(function (resolve, reject) {
    request = {
      resolve: resolve,
      reject: reject,
      timer: setTimeout(function () {
        settle('reject', { code: CODE.TIMEOUT, message: 'the anchor has not answered' })
      }, (options.data && options.data.timeout) || REQUEST_TIMEOUT)
    }
  })
  chat.sendDirect(room.room.roomCreator, {
    cmd: 'linkmic',
    data: {
      type: 'request', roomID: room.room.roomID, userID: account.userID, userName: account.userName, userAvatar: account.userAvatar
    }
  }).catch(function (err) { settle('reject', err) })
  service.tell(options, asked.then(function () { return {} }))
}

function settle(how, value) {
  if (!request) return
  clearTimeout(request.timer)
  const settled = request
  request = null
  settled[how](value)
}

/** data: userID. The anchor lets a viewer come on stage. */
function acceptJoinPusher(options) {
  answer(options, 'accept', '')
}

/** data: userID, reason. */
function rejectJoinPusher(options) {
  answer(options, 'reject', options.data.reason || '主播拒绝了连麦请求')
}

function answer(options, result, message) {
  service.tell(options, chat.sendDirect(options.data.userID, {
    cmd: 'linkmic', data: { type: 'response', result: result, message: message, roomID: room.room.roomID }
  }))
}

/** data: userID. The anchor sends somebody off the stage. */
function kickoutSubPusher(options) {
  service.tell(options, chat.sendDirect(options.data.userID, { cmd: 'linkmic', data: { type: 'kickout', roomID: room.room.roomID } }))
}

/** data: msg. */
function sendRoomTextMsg(options) {
  service.tell(options, room.room.roomID ? chat.sendText(options.data.msg) : service.failure(CODE.BAD_ARGUMENT, 'enter a room first'))
}

/** Asks the anchor for what is on the whiteboard. */
function requestSketchpad() {
  chat.sendDirect(room.room.roomCreator, {
    cmd: 'sketchpad',
    data: { userID: account.userID, userName: account.userName, userAvatar: account.userAvatar, msg: 'request' }
  }).catch(none)
}

room.directed = function (command) {
  const data = command.data || {}
  if (command.cmd === 'sketchpad') {
    room.heard('onSketchpadData', data.msg)
  } else if (command.cmd !== 'linkmic' || (data.roomID && data.roomID !== room.room.roomID)) {
    return
  } else if (data.type === 'request' && role === ROLE.ANCHOR) {
    room.heard('onRecvJoinPusherRequest', { userID: data.userID, userName: data.userName, userAvatar: data.userAvatar })
  } else if (data.type === 'response' && command.from === room.room.roomCreator) {
    if (data.result === 'accept') settle('resolve')
    else settle('reject', { code: CODE.REFUSED, message: data.message || 'the anchor has refused' })
  } else if (data.type === 'kickout' && command.from === room.room.roomCreator) {
    room.heard('onKickOut', { roomID: data.roomID })
  }
}

room.changed = function (change) {
  room.heard('onPushersChange', { pushers: room.room.pushers })
  if (change.joined.length) room.heard('onPusherJoin', { pushers: change.joined })
  if (change.quit.length) room.heard('onPusherQuit', { pushers: change.quit })
  if (role === ROLE.ANCHOR && (change.joined.length || change.quit.length)) mix()
}

room.dissolved = function () {
  leave()
  room.heard('onRoomClose', {})
}

/** Asks for the one picture of everybody on stage, once more after a failure; one call after another. */
function mix() {
  const roomID = room.room.roomID
  const ask = function () {
    if (room.room.roomID !== roomID || !room.entry) return undefined
    return room.call('merge_stream', { roomID: roomID, mergeParams: JSON.stringify(layout(account, room.entry.pushURL, room.room.pushers)) })
      .then(function (answer) {
        if (answer.result && answer.result.code) return service.failure(answer.result.code, answer.result.message)
        return undefined
      })
  }
  mixing = mixing.then(ask).catch(function () {
    return new Promise(function (resolve) { setTimeout(resolve, MIX_AGAIN) }).then(ask)
  }).catch(none)
}

function none() {}

function getAccountInfo() {
  return Object.assign({}, account)
}

function getRoomInfo() {
  return Object.assign({}, room.room)
}

module.exports = {
  login: login, logout: logout, setListener: setListener, getRoomList: getRoomList, getPushURL: getPushURL, createRoom: createRoom,
  enterRoom: enterRoom, exitRoom: exitRoom, joinPusher: joinPusher, quitPusher: quitPusher, requestJoinPusher: requestJoinPusher,
  acceptJoinPusher: acceptJoinPusher, rejectJoinPusher: rejectJoinPusher, kickoutSubPusher: kickoutSubPusher,
  sendRoomTextMsg: sendRoomTextMsg, requestSketchpad: requestSketchpad, getAccountInfo: getAccountInfo, getRoomInfo: getRoomInfo
}
