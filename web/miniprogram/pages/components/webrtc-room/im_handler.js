/** The messages of a webrtc-room: logs in, joins the group of the room, passes on what arrives, and sends. */
const webim = require('../../../utils/webim_wx')
const { IM } = require('./constants')

/** The group is there already: for who comes second, that is as it should be. */
const EXISTS = [10021, 10025]
const ALREADY_IN = 10013
/** Codes for a page whose message was not sent. */
const NOT_SENT = { NO_RECEIVER: -1, EMPTY: -2, TOO_LONG: -3, FAILED: -4 }
/** The kinds of system notices. */
const NOTICES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 255]

function none() {}

/** who: userID, userName, userSig, sdkAppID, accountType, roomID. raise(tag, code, detail) makes the component's event. */
function start(who, raise) {
  const group = String(who.roomID)
  const listeners = {
    onConnNotify: function (status) { raise(IM.CONNECTION_EVENT, status.ErrorCode, status) },
    onBigGroupMsgNotify: function (messages) { if (messages.length) raise(IM.BIG_GROUP_MSG_NOTIFY, 0, messages) },
    onMsgNotify: function (messages) { if (messages.length) raise(IM.MSG_NOTIFY, 0, messages) },
    onGroupSystemNotifys: {},
    onGroupInfoChangeNotify: function () { raise('error', IM.GROUP_INFO_CHANGE_NOTIFY, 0) },
    onKickedEventCall: function () { raise('error', IM.KICKED) }
  }
  // Pages know these three by their code: the tag is 'error'.
  NOTICES.forEach(function (type) {
    listeners.onGroupSystemNotifys[type] = function () { raise('error', IM.GROUP_SYSTEM_NOTIFYS, type) }
  })
  const joined = function (resp) { raise(IM.JOIN_GROUP_EVENT, 0, resp) }
  const notJoined = function (err) { raise(IM.JOIN_GROUP_EVENT, err.ErrorCode, err) }
  const join = function () {
    webim.applyJoinBigGroup({ GroupId: group }, joined, function (err) {
      if (err.ErrorCode === ALREADY_IN) joined({ ActionStatus: 'OK', ErrorCode: 0, JoinedStatus: 'JoinedSuccess' })
      else notJoined(err)
    })
  }
  const create = function () {
    webim.createGroup({ GroupId: group, Owner_Account: who.userID, Type: 'AVChatRoom', Name: who.roomName || group }, join, function (err) {
      if (EXISTS.indexOf(err.ErrorCode) >= 0) join()
      else notJoined(err)
    })
  }
  webim.login({
    sdkAppID: who.sdkAppID, appIDAt3rd: who.sdkAppID, accountType: who.accountType, identifier: who.userID,
    identifierNick: who.userName || who.userID, userSig: who.userSig
  }, listeners, { isLogOn: false }, function (resp) {
    raise(IM.LOGIN_EVENT, 0, resp)
    create()
  }, function (err) {
    raise(IM.LOGIN_EVENT, err.ErrorCode, err)
  })
}

function stop() {
  webim.logout()
}

/** Sends one element to the room (`to` empty) or to one user. content is a text, or {data, desc, ext}. */
function send(who, to, content, ok, fail) {
  const isText = typeof content === 'string' || !content
  const body = isText ? content || '' : content.data
  const type = to ? webim.SESSION_TYPE.C2C : webim.SESSION_TYPE.GROUP
  const id = to || String(who.roomID)
  if (!body) {
    (fail || none)(NOT_SENT.EMPTY, 'there is nothing to send')
    return
  }
  if (webim.Tool.getStrBytes(body) > webim.MSG_MAX_LENGTH[to ? 'C2C' : 'GROUP']) {
    (fail || none)(NOT_SENT.TOO_LONG, 'the message is too long')
    return
  }
  const session = new webim.Session(type, id, id, '', Math.floor(Date.now() / 1000))
  const message = new webim.Msg(session, true, -1, undefined, undefined, who.userID, 0, who.userName)
  if (isText) message.addText(new webim.Msg.Elem.Text(body))
  else message.addCustom(new webim.Msg.Elem.Custom(body, content.desc, content.ext))
  webim.sendMsg(message, function () { (ok || none)(message) }, function (err) { (fail || none)(NOT_SENT.FAILED, err) })
}

/** Like send, but to one user, who has to be named. */
function sendTo(who, to, content, ok, fail) {
  if (to) send(who, String(to), content, ok, fail)
  else (fail || none)(NOT_SENT.NO_RECEIVER, 'the message has no receiver')
}

module.exports = { start: start, stop: stop, send: send, sendTo: sendTo }
