/**
 * The messages of rooms: what rtcroom.js and liveroom.js say through webim_wx.js, and how what arrives is read.
 *
 * A chat line is a custom element, {"cmd": "CustomTextMsg", "data": {nickName, headPic}}, and a text element behind it.
 * Commands between two members are one custom element of JSON.
 */
const webim = require('./webim_wx')

/** Kinds of system notices. */
const NOTICE = { DISSOLVED: '5', DEFINED: '255' }
/** The code for somebody who is in the group already. */
const ALREADY_IN = 10013

function none() {}

/** The account whose messages these are, and the group it is in. */
let account = {}
let group = ''

/**
 * Promises that the account is logged in. handlers: onText(message), onCommand(message), onSketchpad(data),
 * onDirect(command), onPushers(), onDissolved(groupID), and onStatus(status).
 */
function login(who, handlers) {
  account = who
  const info = {
    sdkAppID: who.sdkAppID, appIDAt3rd: who.sdkAppID, accountType: who.accountType, identifier: who.userID,
    identifierNick: who.userName, userSig: who.userSig
  }
  const listeners = {
    onConnNotify: function (status) { (handlers.onStatus || none)(status) },
    onBigGroupMsgNotify: function (messages) {
      // The newest comes first.
      messages.slice().reverse().forEach(function (message) { heard(message, handlers) })
    },
    onMsgNotify: function (messages) {
      messages.forEach(function (message) { direct(message, handlers) })
    },
    onGroupSystemNotifys: {},
    onGroupInfoChangeNotify: none
  }
  listeners.onGroupSystemNotifys[NOTICE.DISSOLVED] = function (notice) { handlers.onDissolved(notice.GroupId) }
  listeners.onGroupSystemNotifys[NOTICE.DEFINED] = function (notice) {
    const said = parse(notice.UserDefinedField)
    if (said && said.cmd === 'notifyPusherChange') handlers.onPushers()
  }
  return ask(function (ok, err) { webim.login(info, listeners, {}, ok, err) }).then(function () {
    const profile = { ProfileItem: [{ Tag: 'Tag_Profile_IM_Nick', Value: who.userName }] }
    return ask(function (ok, err) { webim.setProfilePortrait(profile, ok, err) })
  })
}

function logout() {
  group = ''
  webim.logout(none)
}

/** Promises what a function with two callbacks answers. */
function ask(run) {
  return new Promise(function (resolve, reject) {
    run(resolve, function (err) {
      reject({ code: err.ErrorCode, message: err.ErrorInfo })
    })
  })
}

/** Promises that the account is in a group, however often it is asked. */
function join(groupID) {
  return ask(function (ok, err) { webim.applyJoinBigGroup({ GroupId: groupID }, ok, err) }).catch(function (err) {
    if (err.code !== ALREADY_IN) throw err
  }).then(function () {
    group = groupID
  })
}

function quit() {
  if (group) webim.quitBigGroup({ GroupId: group }, none, none)
  group = ''
}

/** Says text in the group, marked with a command: CustomTextMsg for a chat line. */
function sendText(text, command) {
  const about = { nickName: account.userName, headPic: account.userAvatar }
  const kind = command ? 'CustomCmdMsg' : 'CustomTextMsg'
  if (command) about.cmd = command
  const session = new webim.Session(webim.SESSION_TYPE.GROUP, group, group, '', now())
  const message = new webim.Msg(session, true, -1, -1, -1, account.userID, webim.GROUP_MSG_SUB_TYPE.COMMON, account.userName)
  message.addCustom(new webim.Msg.Elem.Custom(JSON.stringify({ cmd: kind, data: about }), '', ''))
  message.addText(new webim.Msg.Elem.Text(text))
  return ask(function (ok, err) { webim.sendMsg(message, ok, err) })
}

/** Tells one member something: `{cmd, data}`. */
function sendDirect(userID, command) {
  const session = new webim.Session(webim.SESSION_TYPE.C2C, userID, userID, '', now())
  const message = new webim.Msg(session, true, -1, -1, -1, account.userID, webim.C2C_MSG_SUB_TYPE.COMMON, account.userName)
  message.addCustom(new webim.Msg.Elem.Custom(JSON.stringify(command), '', ''))
  return ask(function (ok, err) { webim.sendMsg(message, ok, err) })
}

function now() {
  return Math.floor(Date.now() / 1000)
}

/** A message's elements: the JSON of the custom ones, and the text. */
function read(message) {
  const read = { custom: null, text: '', ext: '', data: '' }
  message.getElems().forEach(function (elem) {
    const content = elem.getContent()
    if (elem.getType() === webim.MSG_ELEMENT_TYPE.CUSTOM) {
      read.data = content.getData()
      read.ext = content.getExt()
      read.custom = parse(read.data) || read.custom
    } else if (elem.getType() === webim.MSG_ELEMENT_TYPE.TEXT) {
      read.text += unescape(content.getText())
    } else if (elem.getType() === webim.MSG_ELEMENT_TYPE.GROUP_TIP) {
      read.text += tip(content)
    }
  })
  return read
}

/** What arrives in the group: a chat line, a command, a tip, or a stroke on the whiteboard. */
function heard(message, handlers) {
  const said = read(message)
  const about = (said.custom && said.custom.data) || {}
  const from = message.getFromAccount()
  if (said.ext === 'TXWhiteBoardExt') {
    if (!message.getIsSend()) handlers.onSketchpad(said.data)
    return
  }
  const line = {
    roomID: String(message.getSession().id()), userID: from, nickName: about.nickName || message.getFromAccountNick(),
    headPic: about.headPic || '', textMsg: said.text, time: clock(message.getTime())
  }
  if (said.custom && said.custom.cmd === 'CustomCmdMsg') {
    handlers.onCommand(Object.assign(line, { cmd: about.cmd }))
  } else if (said.text || said.ext === 'TEXT') {
    handlers.onText(Object.assign(line, { textMsg: said.text || said.data }))
  }
}

/** What arrives from one member: a command, in a custom element or as text. */
function direct(message, handlers) {
  const said = read(message)
  const command = said.custom || parse(said.text)
  if (command && command.cmd) handlers.onDirect(Object.assign({ from: message.getFromAccount() }, command))
}

function tip(content) {
  const names = content.nick || content.getUserIdList().join('、') || content.getOpUserId()
  const said = {}
  said[webim.GROUP_TIP_TYPE.JOIN] = '进入了房间'
  said[webim.GROUP_TIP_TYPE.QUIT] = '离开了房间'
  said[webim.GROUP_TIP_TYPE.KICK] = '被移出了房间'
  return said[content.getOpType()] ? names + said[content.getOpType()] : ''
}

/** Text that is meant to be shown as it was written. */
function unescape(text) {
  return text.replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&quot;/g, '"')
}

function parse(text) {
  try {
    const value = JSON.parse(text)
    return value && typeof value === 'object' ? value : null
  } catch (err) {
    return null
  }
}

/** Hours, minutes and seconds of a time in Unix seconds. */
function clock(seconds) {
  const date = new Date(seconds * 1000)
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(function (n) { return (n < 10 ? '0' : '') + n }).join(':')
}

module.exports = {
  login: login, logout: logout, join: join, quit: quit, sendText: sendText, sendDirect: sendDirect
}
