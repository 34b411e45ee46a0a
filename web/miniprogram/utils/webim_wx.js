/**
 * Messages for mini-programs: a drop-in for the file of this name that the room components were written against, over
 * one WebSocket to the hutong gateway. The gateway's address is `roomServiceUrl` of config.js, which lies beside this
 * file or one folder above it.
 *
 * Callbacks: ok(resp) with resp.ActionStatus 'OK' and resp.ErrorCode 0, or err({ActionStatus: 'FAIL', ErrorCode,
 * ErrorInfo}). A connection that breaks comes back by itself, and says again what it had not seen acknowledged; every
 * message is handed over once.
 */

const SESSION_TYPE = { C2C: 'C2C', GROUP: 'GROUP' }
const MSG_ELEMENT_TYPE = {
  TEXT: 'TIMTextElem', FACE: 'TIMFaceElem', IMAGE: 'TIMImageElem', CUSTOM: 'TIMCustomElem', SOUND: 'TIMSoundElem',
  FILE: 'TIMFileElem', LOCATION: 'TIMLocationElem', GROUP_TIP: 'TIMGroupTipElem'
}
const C2C_MSG_SUB_TYPE = { COMMON: 0 }
const GROUP_MSG_SUB_TYPE = { COMMON: 0, LOVEMSG: 1, TIP: 2, REDPACKET: 3 }
const GROUP_TIP_TYPE = { JOIN: 1, QUIT: 2, KICK: 3, SET_ADMIN: 4, CANCEL_ADMIN: 5, MODIFY_GROUP_INFO: 6, MODIFY_MEMBER_INFO: 7 }
const GROUP_TIP_MODIFY_GROUP_INFO_TYPE = { FACE_URL: 1, NAME: 2, OWNER: 3, NOTIFICATION: 4, INTRODUCTION: 5 }
const CONNECTION_STATUS = { INIT: -1, ON: 0, RECONNECT: 1, OFF: 9999 }
/** In bytes of UTF-8. */
const MSG_MAX_LENGTH = { C2C: 12000, GROUP: 8898 }
const TLS_ERROR_CODE = { OK: 0, SIGNATURE_EXPIRATION: 11 }
const IMAGE_TYPE = { ORIGIN: 1, LARGE: 2, SMALL: 3 }

/** A conversation: type is of SESSION_TYPE, id a userID or a group's id. */
function Session(type, id, name, icon, time) {
  this._ = { type: type, id: id, name: name, icon: icon, time: time }
}
Session.prototype.type = function () { return this._.type }
Session.prototype.id = function () { return this._.id }
Session.prototype.name = function () { return this._.name }
Session.prototype.icon = function () { return this._.icon }
Session.prototype.time = function () { return this._.time }

/** A message: made by a page to be sent, or handed to it. time is in Unix seconds. */
function Msg(session, isSend, seq, random, time, fromAccount, subType, fromAccountNick) {
  this.sess = session
  this.isSend = isSend
  this.seq = seq === undefined || seq < 0 ? 0 : seq
  this.random = random === undefined || random === null ? Math.floor(Math.random() * 0x100000000) : random
  this.time = time || Math.floor(Date.now() / 1000)
  this.fromAccount = fromAccount || account.identifier
  this.subType = subType === undefined || subType === null ? 0 : Number(subType)
  this.fromAccountNick = fromAccountNick || ''
  this.elems = []
}
Msg.prototype.getSession = function () { return this.sess }
Msg.prototype.getIsSend = function () { return this.isSend }
Msg.prototype.getSeq = function () { return this.seq }
Msg.prototype.getRandom = function () { return this.random }
Msg.prototype.getTime = function () { return this.time }
Msg.prototype.getSubType = function () { return this.subType }
Msg.prototype.getFromAccount = function () { return this.fromAccount }
Msg.prototype.getFromAccountNick = function () { return this.fromAccountNick || this.fromAccount }
Msg.prototype.getElems = function () { return this.elems }
Msg.prototype.addText = function (text) { this.elems.push(new Elem(MSG_ELEMENT_TYPE.TEXT, text)) }
Msg.prototype.addFace = function (face) { this.elems.push(new Elem(MSG_ELEMENT_TYPE.FACE, face)) }
Msg.prototype.addCustom = function (custom) { this.elems.push(new Elem(MSG_ELEMENT_TYPE.CUSTOM, custom)) }
Msg.prototype.addElem = function (elem) { this.elems.push(elem) }

function Elem(type, content) {
  this.type = type
  this.content = content
}
Elem.prototype.getType = function () { return this.type }
Elem.prototype.getContent = function () { return this.content }

/** Text for a page is escaped where it would read as markup; what travels is the text as it was written. */
Elem.Text = function (text) {
  this.raw = String(text === undefined || text === null ? '' : text)
  this.text = this.raw.replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;')
}
Elem.Text.prototype.getText = function () { return this.text }

Elem.Face = function (index, data) {
  this.index = index
  this.data = data
}
Elem.Face.prototype.getIndex = function () { return this.index }
Elem.Face.prototype.getData = function () { return this.data }

Elem.Custom = function (data, desc, ext) {
  this.data = data === undefined || data === null ? '' : data
  this.desc = desc === undefined || desc === null ? '' : desc
  this.ext = ext === undefined || ext === null ? '' : ext
}
Elem.Custom.prototype.getData = function () { return this.data }
Elem.Custom.prototype.getDesc = function () { return this.desc }
Elem.Custom.prototype.getExt = function () { return this.ext }

/** Who came, went, or changed what: opType is of GROUP_TIP_TYPE. */
Elem.GroupTip = function (opType, opUserId, groupId, groupName, userIdList) {
  this.opType = opType
  this.opUserId = opUserId
  this.groupId = groupId
  this.groupName = groupName
  this.userIdList = userIdList || []
  this.groupInfoList = []
  this.memberInfoList = []
  this.nick = ''
}
Elem.GroupTip.prototype.getOpType = function () { return this.opType }
Elem.GroupTip.prototype.getOpUserId = function () { return this.opUserId }
Elem.GroupTip.prototype.getGroupId = function () { return this.groupId }
Elem.GroupTip.prototype.getGroupName = function () { return this.groupName }
Elem.GroupTip.prototype.getUserIdList = function () { return this.userIdList }
Elem.GroupTip.prototype.getGroupInfoList = function () { return this.groupInfoList }
Elem.GroupTip.prototype.getMemberInfoList = function () { return this.memberInfoList }

Msg.Elem = Elem

/** Times in milliseconds. The gateway closes what has said nothing for 60 s. */
const PING = 15000
const SILENCE = 40000
const CONNECT_TIMEOUT = 10000
const ANSWER_TIMEOUT = 30000
/** After the app comes back or the network changes, a connection has to prove soon that it is alive. */
const PROOF = 5000
/** Waits between attempts; after as many failures as OFF_AFTER the page is told, and attempts become rare. */
const WAITS = [200, 500, 1000, 2000, 3000, 5000]
const RARE = 20000
const OFF_AFTER = 10
/** How many messages are remembered, so that none is handed over twice. */
const REMEMBERED = 512

const ERROR = { UNREACHABLE: -1, NO_ANSWER: -2, NO_ADDRESS: -3, NOT_LOGGED_IN: 6014, BAD_SIGNATURE: 70001, KICKED: 91101 }

/** The login, kept for coming back, and what has been heard. */
let account = {}
let listeners = {}
let session = ''
let directSeq = 0
let group = null // {id, seq}
let seen = []

/** The connection: null while there is none. ready is true between a login's success and the end. */
let socket = null
let ready = false
/** loggedIn: the page has asked to be, and neither logged out nor been kicked. */
let loggedIn = false
/** Whether the first login has succeeded, from when on a lost connection is brought back. */
let established = false
/** Who waits for the first login: [{ok, err}]. */
let opening = []
let failures = 0
let nextID = 1
/** Requests without an answer, oldest first: {id, request, done, timer, sent}. */
let waiting = []
let reconnecting = null
let heartbeat = null
let proof = null
let lastHeard = 0
let watching = false

function none() {}

/** The gateway's WebSocket, from roomServiceUrl: a host, with or without /weapp/... behind it. */
function address() {
  let url = ''
  // Only one of the two is there: a path that is not written out keeps tools from missing the other.
  const beside = './config'
  try { url = require(beside).roomServiceUrl } catch (err) { url = '' }
  if (!url) {
    try { url = require('../config').roomServiceUrl } catch (err) { url = '' }
  }
  return url ? String(url).replace(/^http/, 'ws').replace(/\/weapp(\/.*)?$/, '').replace(/\/+$/, '') + '/weapp/ws' : ''
}

/** Opens a WebSocket: {send(text), close()}. on.open, on.message(text), on.end are called until close. */
function openSocket(url, on) {
  let over = false
  const end = function () {
    if (over) return
    over = true
    on.end()
  }
  const task = wx.connectSocket({ url: url, fail: end })
  const global = !task || typeof task.onOpen !== 'function'
  const bind = function (name, handler) {
    const guarded = function (event) { if (!over) handler(event) }
    if (global) wx['onSocket' + name](guarded)
    else task['on' + name](guarded)
  }
  bind('Open', on.open)
  bind('Message', function (event) { on.message(event.data) })
  bind('Error', end)
  bind('Close', end)
  return {
    send: function (text) {
      const options = { data: text, fail: end }
      if (global) wx.sendSocketMessage(options)
      else task.send(options)
    },
    close: function () {
      over = true
      // A socket that is not open yet, or not any more, may refuse.
      try {
        if (global) wx.closeSocket({})
        else task.close({})
      } catch (err) { none() }
    }
  }
}

function connect() {
  clearTimeout(reconnecting)
  reconnecting = null
  drop()
  const url = address()
  if (!url) {
    lost({ code: ERROR.NO_ADDRESS, info: 'config.js has no roomServiceUrl' })
    return
  }
  const mine = { link: null, slow: setTimeout(function () { if (socket === mine) lost() }, CONNECT_TIMEOUT) }
  socket = mine
  mine.link = openSocket(url, {
    open: function () { if (socket === mine) greet() },
    message: function (text) { if (socket === mine) receive(text) },
    end: function () { if (socket === mine) lost() }
  })
}

/** Lets go of the connection without a word. */
function drop() {
  clearInterval(heartbeat)
  clearTimeout(proof)
  ready = false
  if (!socket) return
  const old = socket
  socket = null
  clearTimeout(old.slow)
  if (old.link) old.link.close()
}

/** Logs in on a fresh connection, and then takes up what there was: the group, and what was not answered. */
function greet() {
  const request = {
    cmd: 'login', sdkAppID: account.sdkAppID, userID: account.identifier, userSig: account.userSig, nick: account.identifierNick || ''
  }
  if (session) request.resume = { session: session, c2c: directSeq }
  transmit(enqueue(request, function (answer) {
    clearTimeout(socket.slow)
    if (answer.code === 0) welcomed(answer)
    else if (established && answer.code === ERROR.KICKED) kicked()
    else refused(answer)
  }, true))
}

function welcomed(answer) {
  const again = established
  session = answer.session
  directSeq = answer.resumed ? directSeq : Math.max(directSeq, answer.c2c || 0)
  ready = true
  established = true
  failures = 0
  clearInterval(heartbeat)
  heartbeat = setInterval(beat, PING)
  if (again && group) rejoin()
  waiting.filter(function (one) { return !one.sent }).forEach(transmit)
  settle({ code: 0, identifier: account.identifier })
  notify({ ErrorCode: again ? CONNECTION_STATUS.RECONNECT : CONNECTION_STATUS.ON })
}

/** Tells whoever waits for the first login. */
function settle(answer) {
  const told = opening
  opening = []
  told.forEach(function (one) {
    reply(answer, one.ok, one.err, { identifierNick: account.identifierNick || account.identifier })
  })
}

/** A login that the gateway does not take: final for a wrong signature and for the first one, tried again otherwise. */
function refused(answer) {
  if (established && answer.code !== ERROR.BAD_SIGNATURE) {
    lost()
    return
  }
  loggedIn = false
  finish(answer)
  if (established) notify({ ErrorCode: CONNECTION_STATUS.OFF, ErrorInfo: answer.info })
}

/** The connection is gone, or could not be made. */
function lost(why) {
  drop()
  if (!loggedIn) return
  if (!established) {
    loggedIn = false
    finish(why || { code: ERROR.UNREACHABLE, info: 'cannot connect to the gateway' })
    return
  }
  // Answers of the lost connection will not come: ask again on the next one. A ping or a login is not repeated.
  waiting = waiting.filter(function (one) {
    if (one.own) clearTimeout(one.timer)
    one.sent = false
    return !one.own
  })
  const wait = failures < WAITS.length ? WAITS[failures] : failures < OFF_AFTER ? WAITS[WAITS.length - 1] : RARE
  failures++
  if (failures === OFF_AFTER) notify({ ErrorCode: CONNECTION_STATUS.OFF, ErrorInfo: 'the connection is down' })
  clearTimeout(reconnecting)
  // Somewhat random, so that not all phones come back at once.
  reconnecting = setTimeout(connect, wait * (0.75 + Math.random() / 2))
}

function kicked() {
  loggedIn = false
  finish({ code: ERROR.KICKED, info: 'logged in elsewhere' })
  if (typeof listeners.onKickedEventCall === 'function') listeners.onKickedEventCall()
}

/** Ends the connection and answers all that waits. */
function finish(answer) {
  drop()
  clearTimeout(reconnecting)
  const unanswered = waiting
  waiting = []
  unanswered.forEach(function (one) {
    clearTimeout(one.timer)
    if (!one.own) one.done(answer)
  })
  settle(answer)
}

function beat() {
  if (Date.now() - lastHeard > SILENCE) lost()
  else transmit(enqueue({ cmd: 'ping' }, none, true))
}

/** The app is in the foreground again, or in another network: is the connection alive? */
function check() {
  if (!loggedIn || !established) return
  if (!ready) {
    failures = 0
    connect()
    return
  }
  const since = Date.now()
  transmit(enqueue({ cmd: 'ping' }, none, true))
  clearTimeout(proof)
  proof = setTimeout(function () { if (lastHeard < since) lost() }, PROOF)
}

function watch() {
  if (watching) return
  watching = true
  if (wx.onAppShow) wx.onAppShow(check)
  if (wx.onNetworkStatusChange) wx.onNetworkStatusChange(function (status) { if (status.isConnected) check() })
}

/** Puts a request among those that wait; own ones (ping, login, coming back) belong to one connection and are not repeated. */
function enqueue(request, done, own) {
  const one = { id: nextID++, request: request, done: done, own: !!own, sent: false }
  one.timer = setTimeout(function () {
    waiting = waiting.filter(function (other) { return other !== one })
    if (!own) done({ code: ERROR.NO_ANSWER, info: 'the gateway has not answered' })
  }, ANSWER_TIMEOUT)
  waiting.push(one)
  return one
}

function transmit(one) {
  if (!socket || !socket.link) return
  one.sent = true
  socket.link.send(JSON.stringify(Object.assign({ id: one.id }, one.request)))
}

/** Asks the gateway, at once or when the connection is back. done(answer) is called once. */
function ask(request, done) {
  if (!loggedIn) {
    done({ code: ERROR.NOT_LOGGED_IN, info: 'not logged in' })
    return
  }
  const one = enqueue(request, done)
  if (ready) transmit(one)
}

/** A request of the page, answered in the form that pages know. */
function request(message, ok, err, more) {
  ask(message, function (answer) { reply(answer, ok, err, more && more(answer)) })
}

function reply(answer, ok, err, more) {
  if (answer.code === 0) (ok || none)(Object.assign({ ActionStatus: 'OK', ErrorCode: 0, ErrorInfo: '' }, more))
  else (err || none)({ ActionStatus: 'FAIL', ErrorCode: answer.code, ErrorInfo: answer.info || '' })
}

function receive(text) {
  lastHeard = Date.now()
  let frame = null
  try { frame = JSON.parse(text) } catch (err) { return }
  if (!frame.event) answered(frame)
  else if (frame.event === 'message') hear([frame.message])
  else if (frame.event === 'c2c') hearDirect(frame.message)
  else if (frame.event === 'system') hearSystem(frame)
  else if (frame.event === 'kicked') kicked()
}

function answered(frame) {
  const one = waiting.find(function (other) { return other.id === frame.id })
  if (!one) return
  waiting = waiting.filter(function (other) { return other !== one })
  clearTimeout(one.timer)
  one.done(frame)
}

function notify(status) {
  if (typeof listeners.onConnNotify === 'function') listeners.onConnNotify(status)
}

/** Whether a message is new; remembers it. Tips have no number and are always new. */
function isNew(key, seq) {
  if (!seq) return true
  const name = key + '/' + seq
  if (seen.indexOf(name) >= 0) return false
  seen.push(name)
  if (seen.length > REMEMBERED) seen.shift()
  return true
}

/** Messages of the group, oldest first; pages take them from the end. */
function hear(messages) {
  const fresh = messages.filter(function (message) {
    if (!group || String(message.group) !== group.id) return false
    group.seq = Math.max(group.seq, message.seq || 0)
    return isNew('g', message.seq)
  })
  if (!fresh.length || typeof listeners.onBigGroupMsgNotify !== 'function') return
  listeners.onBigGroupMsgNotify(fresh.map(function (message) {
    return toMsg(message, new Session(SESSION_TYPE.GROUP, message.group, message.group))
  }).reverse())
}

function hearDirect(message) {
  if (message.group) {
    // A private message of somebody in the room is numbered with the room's.
    if (group && String(message.group) === group.id) group.seq = Math.max(group.seq, message.seq || 0)
    if (!isNew('g', message.seq)) return
  } else {
    directSeq = Math.max(directSeq, message.seq || 0)
    if (!isNew('c', message.seq)) return
  }
  if (typeof listeners.onMsgNotify !== 'function') return
  listeners.onMsgNotify([toMsg(message, new Session(SESSION_TYPE.C2C, message.from, message.nick || message.from))])
}

function hearSystem(event) {
  if (!group || String(event.group) !== group.id) return
  if (event.type === 5) forgetGroup()
  const handlers = listeners.onGroupSystemNotifys || {}
  if (typeof handlers[event.type] !== 'function') return
  const notice = {
    SrcFlag: 0, ReportType: event.type, GroupId: event.group, GroupName: event.group, Operator_Account: event.operator || '',
    MsgTime: event.time
  }
  if (event.type === 255) notice.UserDefinedField = event.text
  handlers[event.type](notice)
}

function toMsg(message, about) {
  const msg = new Msg(about, message.from === account.identifier, message.seq, message.random, message.time, message.from, message.subType,
    message.nick)
  ;(message.elems || []).forEach(function (elem) {
    if (elem.type === MSG_ELEMENT_TYPE.TEXT) msg.addText(new Elem.Text(elem.text))
    else if (elem.type === MSG_ELEMENT_TYPE.FACE) msg.addFace(new Elem.Face(elem.index, elem.data))
    else if (elem.type === MSG_ELEMENT_TYPE.CUSTOM) msg.addCustom(new Elem.Custom(elem.data, elem.desc, elem.ext))
    else if (elem.type === MSG_ELEMENT_TYPE.GROUP_TIP) {
      const tip = new Elem.GroupTip(elem.opType, elem.opUserID, message.group, message.group, elem.userIDList)
      tip.nick = elem.nick || ''
      msg.addElem(new Elem(elem.type, tip))
    }
  })
  return msg
}

/** What travels of an element. */
function toElem(elem) {
  const content = elem.getContent()
  if (elem.getType() === MSG_ELEMENT_TYPE.TEXT) return { type: elem.getType(), text: content.raw }
  if (elem.getType() === MSG_ELEMENT_TYPE.FACE) return { type: elem.getType(), index: content.index, data: String(content.data) }
  return { type: elem.getType(), data: text(content.data), desc: text(content.desc), ext: text(content.ext) }
}

function text(value) {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function forgetGroup() {
  group = null
  seen = seen.filter(function (name) { return name[0] !== 'g' })
}

/** Takes up the group on a new connection, from where it was left. */
function rejoin() {
  const mine = group
  transmit(enqueue({ cmd: 'join', group: mine.id, after: mine.seq }, function (answer) {
    if (group !== mine) return
    if (answer.code === 10010) {
      // It has ended meanwhile, and nobody could say so.
      hearSystem({ type: 5, group: mine.id, time: Math.floor(Date.now() / 1000) })
      return
    }
    if (answer.code !== 0) return
    if (answer.seq < mine.seq) {
      // Another group of that name, whose messages are numbered anew.
      forgetGroup()
      group = { id: mine.id, seq: 0 }
    }
    hear(answer.messages || [])
  }, true))
}

/**
 * Logs in. info: sdkAppID, accountType, identifier, identifierNick, userSig. events: the listeners, each of which may be
 * missing. A second login takes the place of the first.
 */
function login(info, events, opts, ok, err) {
  // Somebody who waits for a login of the same user gets this one.
  const also = account.identifier === info.identifier ? opening : []
  if (also.length) opening = []
  loggedIn = false
  finish({ code: ERROR.NOT_LOGGED_IN, info: 'somebody else logged in' })
  account = Object.assign({}, info)
  listeners = events || {}
  Log.on = !!(opts && opts.isLogOn)
  session = ''
  directSeq = 0
  seen = []
  group = null
  failures = 0
  established = false
  loggedIn = true
  opening = also.concat([{ ok: ok, err: err }])
  watch()
  connect()
}

/** Logs out, with or without being logged in. */
function logout(ok) {
  if (loggedIn && ready) transmit(enqueue({ cmd: 'logout' }, none, true))
  loggedIn = false
  finish({ code: ERROR.NOT_LOGGED_IN, info: 'logged out' })
  group = null
  session = ''
  reply({ code: 0 }, ok)
}

/** Of the profile, the name is used. */
function setProfilePortrait(options, ok, err) {
  const nick = (options.ProfileItem || []).find(function (item) { return item.Tag === 'Tag_Profile_IM_Nick' })
  if (nick) account.identifierNick = String(nick.Value)
  request({ cmd: 'nick', nick: account.identifierNick || '' }, ok, err)
}

function createGroup(options, ok, err) {
  request({ cmd: 'create', group: options.GroupId, type: options.Type, name: options.Name }, ok, err, function () {
    return { GroupId: options.GroupId }
  })
}

/** Joins a group and leaves the one before. What was said in it lately follows, as messages. */
function applyJoinBigGroup(options, ok, err) {
  ask({ cmd: 'join', group: options.GroupId }, function (answer) {
    if (answer.code === 0) {
      const id = String(options.GroupId)
      if (!group || group.id !== id) {
        forgetGroup()
        group = { id: id, seq: answer.seq || 0 }
      }
    }
    reply(answer, ok, err, { JoinedStatus: answer.joined, GroupId: options.GroupId })
    if (answer.code === 0) hear(answer.messages || [])
  })
}

/** Leaves a group; one that is unknown, or none at all, is left already. */
function quitBigGroup(options, ok, err) {
  if (group && group.id === String(options.GroupId)) forgetGroup()
  request({ cmd: 'quit', group: options.GroupId || 0 }, ok, err)
}

function destroyGroup(options, ok, err) {
  request({ cmd: 'destroy', group: options.GroupId }, ok, err)
}

/** Sends a message to the group or the user of its session. */
function sendMsg(msg, ok, err) {
  const about = msg.getSession()
  // A message that got no answer may have arrived: sent again by the page, it keeps its mark and is shown once.
  const message = { cmd: 'send', random: msg.unanswered || token(), elems: msg.getElems().map(toElem) }
  message[about.type() === SESSION_TYPE.GROUP ? 'group' : 'user'] = about.id()
  ask(message, function (answer) {
    msg.unanswered = answer.code === ERROR.NO_ANSWER ? message.random : ''
    reply(answer, ok, err, { MsgSeq: answer.seq, MsgTime: answer.time })
  })
}

/** A text that no other message has. */
function token() {
  return Date.now().toString(36) + Math.random().toString(36).slice(2, 12)
}

/** There is nothing to be told: a message counts as read once it is handed over. */
function c2CMsgReaded(options, ok) {
  reply({ code: 0 }, ok)
}

const Tool = {
  /** The length of a text in bytes of UTF-8. */
  getStrBytes: function (value) {
    let bytes = 0
    for (const char of String(value === undefined || value === null ? '' : value)) {
      const code = char.codePointAt(0)
      bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4
    }
    return bytes
  },
  formatHtml2Text: function (html) {
    return String(html || '').replace(/&nbsp;/g, ' ').replace(/<br\s*\/?>/g, '\n')
  },
  formatText2Html: function (value) {
    return String(value || '').replace(/ /g, '&nbsp;').replace(/\n/g, '<br/>')
  },
  /** A time in Unix seconds as 2006-01-02 15:04:05. */
  formatTimeStamp: function (seconds) {
    const date = new Date(seconds * 1000)
    const two = function (n) { return (n < 10 ? '0' : '') + n }
    return date.getFullYear() + '-' + two(date.getMonth() + 1) + '-' + two(date.getDate()) + ' ' +
      two(date.getHours()) + ':' + two(date.getMinutes()) + ':' + two(date.getSeconds())
  }
}

const Log = {
  on: false,
  info: function (line) { if (Log.on) console.info(line) },
  debug: function (line) { if (Log.on) console.debug(line) },
  warn: function (line) { console.warn(line) },
  error: function (line) { console.error(line) }
}

module.exports = {
  SESSION_TYPE: SESSION_TYPE,
  MSG_ELEMENT_TYPE: MSG_ELEMENT_TYPE,
  C2C_MSG_SUB_TYPE: C2C_MSG_SUB_TYPE,
  GROUP_MSG_SUB_TYPE: GROUP_MSG_SUB_TYPE,
  GROUP_TIP_TYPE: GROUP_TIP_TYPE,
  GROUP_TIP_MODIFY_GROUP_INFO_TYPE: GROUP_TIP_MODIFY_GROUP_INFO_TYPE,
  CONNECTION_STATUS: CONNECTION_STATUS,
  MSG_MAX_LENGTH: MSG_MAX_LENGTH,
  TLS_ERROR_CODE: TLS_ERROR_CODE,
  IMAGE_TYPE: IMAGE_TYPE,
  BROWSER_INFO: { type: 'wechat', ver: '' },
  // Pictures of faces are the page's business; without an index here, a face is sent as its text.
  Emotions: {},
  EmotionDataIndexs: {},
  Session: Session,
  Msg: Msg,
  Tool: Tool,
  Log: Log,
  login: login,
  logout: logout,
  setProfilePortrait: setProfilePortrait,
  createGroup: createGroup,
  applyJoinBigGroup: applyJoinBigGroup,
  quitBigGroup: quitBigGroup,
  destroyGroup: destroyGroup,
  sendMsg: sendMsg,
  c2CMsgReaded: c2CMsgReaded,
  // For the components beside this file, which have a connection of their own.
  address: address,
  openSocket: openSocket
}
