/**
 * Rooms for two or for a few (double_room, multi_room), where everybody pushes and sees everybody. Functions take
 * `{data, success(result), fail({errCode, errMsg})}`; log in with getlogininfo.js first.
 */
const service = require('./roomservice')
const chat = require('./webim_handler')

const account = service.account
const room = new service.RoomService()

/** What a page hears of: onPusherJoin({pushers}), onPusherQuit({pushers}), onRoomClose(), onRecvRoomTextMsg(message), onRecording({recording}). */
function setListener(listener) {
  room.listener = listener || {}
}

/** data: userID, userSig, sdkAppID, accountType, userName, userAvatar, and type 'double_room' or 'multi_room'. */
function login(options) {
  const data = options.data || {}
  service.tell(options, room.login(data.type || options.type || 'multi_room', data))
}

function logout() {
  room.forget()
  room.logout()
}

/** data: index and cnt. Answers {rooms}. */
function getRoomList(options) {
  service.tell(options, room.call('get_room_list', { index: options.data.index || 0, cnt: options.data.cnt || 20 }).then(function (answer) {
    return { rooms: answer.rooms }
  }))
}

/** data: roomInfo, and roomID where it is to be a certain one. Answers {roomID}; nobody is in the room yet. */
function createRoom(options) {
  const data = options.data || {}
  const body = { roomInfo: data.roomInfo || '' }
  if (data.roomID) body.roomID = data.roomID
  service.tell(options, room.call('create_room', body).then(function (answer) {
    room.room.roomID = answer.roomID
    room.room.roomInfo = body.roomInfo
    return { roomID: answer.roomID }
  }))
}

/** data: roomID. Answers {pushURL}. */
function getPushURL(options) {
  const roomID = (options.data && options.data.roomID) || room.room.roomID
  service.tell(options, room.call('get_push_url', roomID ? { roomID: roomID } : {}).then(function (answer) {
    return { pushURL: answer.pushURL }
  }))
}

/** data: roomID. Answers the room, with the others in pushers. */
function getPushers(options) {
  service.tell(options, room.fetchPushers(options.data.roomID).then(function (found) {
    Object.assign(room.room, found)
    return Object.assign({}, found)
  }))
}

/** data: roomID and pushURL, which is being pushed to already. Answers once the others see the account. */
function enterRoom(options) {
  service.tell(options, enter(options.data || {}))
}

function enter(data) {
  if (!data.roomID || !data.pushURL) return service.failure(service.CODE.BAD_ARGUMENT, 'enterRoom needs a roomID and a pushURL')
  room.room.roomID = data.roomID
  return room.enter({ roomID: data.roomID, pushURL: data.pushURL, roomInfo: data.roomInfo || room.room.roomInfo }).then(function () {
    return chat.join(data.roomID)
  }).then(function () {
    // Who came between the list and the group has been told to nobody.
    room.pushersChanged()
    return { roomID: data.roomID }
  })
}

/** Leaves. Whatever the gateway says to it, the account is out. */
function exitRoom(options) {
  const roomID = room.room.roomID
  room.forget()
  chat.quit()
  const left = roomID ? room.call('delete_pusher', { roomID: roomID }) : Promise.resolve()
  service.tell(options || {}, left.then(function () { return {} }))
}

/** data: msg. */
function sendRoomTextMsg(options) {
  service.tell(options, room.room.roomID ? chat.sendText(options.data.msg) : service.failure(service.CODE.BAD_ARGUMENT, 'enter a room first'))
}

room.changed = function (change) {
  if (change.joined.length) room.heard('onPusherJoin', { pushers: change.joined })
  if (change.quit.length) room.heard('onPusherQuit', { pushers: change.quit })
}

room.dissolved = function () {
  room.forget()
  room.heard('onRoomClose', {})
}

function getAccountInfo() {
  return Object.assign({}, account)
}

function getRoomInfo() {
  return Object.assign({}, room.room)
}

module.exports = {
  login: login, logout: logout, setListener: setListener, getRoomList: getRoomList, createRoom: createRoom, getPushURL: getPushURL,
  getPushers: getPushers, enterRoom: enterRoom, exitRoom: exitRoom, sendRoomTextMsg: sendRoomTextMsg,
  getAccountInfo: getAccountInfo, getRoomInfo: getRoomInfo
}
