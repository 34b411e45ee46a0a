/**
 * The rooms of webrtc_room: an account, a room, a place in it, and the heartbeats that keep the place. The page does this;
 * the webrtc-room component does the call. success(answer), fail({errCode, errMsg}).
 */
const gateway = require('./gateway')

/** The wait after each answer, in milliseconds, and how many failures in a row mean that the place is lost. */
const HEARTBEAT = 7000
const FAILURES = 2

let heartbeat = null

function none() {}

function call(command, body, success, fail) {
  gateway.call('/weapp/webrtc_room/' + command, body).then(success || none, function (err) {
    (fail || none)({ errCode: err.code, errMsg: err.message })
  })
}

/** Answers {userID, userSig, sdkAppID, accountType}; without a userID, one is made. */
function getLoginInfo(userID, success, fail) {
  call('get_login_info', userID ? { userID: userID } : {}, success, fail)
}

/** Makes a room and enters it. Answers {roomID, privateMapKey}. */
function createRoom(userID, roomInfo, success, fail, nickName) {
  call('create_room', { userID: userID, roomInfo: roomInfo, nickName: nickName || userID, roomType: 'trtc' }, success, fail)
}

/** Answers {roomID, privateMapKey}. */
function enterRoom(userID, roomID, success, fail, nickName) {
  call('enter_room', { userID: userID, roomID: String(roomID), nickName: nickName || userID }, success, fail)
}

function quitRoom(userID, roomID, success, fail) {
  call('quit_room', { userID: userID, roomID: String(roomID) }, success, fail)
}

/** Answers {rooms}. */
function getRoomList(index, count, success, fail) {
  call('get_room_list', { index: index, count: count, roomType: 'trtc' }, success, fail)
}

/** Keeps the place until stopHeartBeat. fail is called once, when it seems to be lost. */
function startHeartBeat(userID, roomID, success, fail) {
  stopHeartBeat()
  const mine = { failures: 0, timer: null }
  heartbeat = mine
  const again = function () {
    if (heartbeat === mine) mine.timer = setTimeout(beat, HEARTBEAT)
  }
  const beat = function () {
    call('heartbeat', { userID: userID, roomID: String(roomID) }, function (answer) {
      mine.failures = 0
      if (heartbeat === mine && success) success(answer)
      again()
    }, function (err) {
      mine.failures++
      if (heartbeat !== mine) return
      if (mine.failures > FAILURES) {
        stopHeartBeat()
        ;(fail || none)(err)
      } else {
        again()
      }
    })
  }
  beat()
}

function stopHeartBeat() {
  if (heartbeat) clearTimeout(heartbeat.timer)
  heartbeat = null
}

module.exports = {
  getLoginInfo: getLoginInfo, createRoom: createRoom, enterRoom: enterRoom, quitRoom: quitRoom, getRoomList: getRoomList,
  startHeartBeat: startHeartBeat, stopHeartBeat: stopHeartBeat
}
