const { Script } = require('./support/script')
const { Wire } = require('./support/wire')
const { makeWx } = require('./support/wx')
const { eventually } = require('./support/phones')

let script, wire, webim, config

beforeEach(async () => {
  script = await Script.start()
  wire = new Wire()
  jest.resetModules()
  global.wx = makeWx(wire, {}, { networkType: 'wifi' })
  config = require('../config')
  config.roomServiceUrl = script.url
  webim = require('../utils/webim_wx')
})

afterEach(async () => {
  webim.logout()
  await wire.close()
  await script.stop()
})

const who = { sdkAppID: 1400000001, appIDAt3rd: 1400000001, accountType: '36862', identifier: 'me', identifierNick: 'Me', userSig: 'sig' }

/** Listeners that keep what they hear. */
function listening() {
  const heard = { group: [], direct: [], system: [], status: [], kicked: 0 }
  return {
    heard,
    onConnNotify: (status) => heard.status.push(status.ErrorCode),
    onBigGroupMsgNotify: (messages) => { for (let i = messages.length - 1; i >= 0; i--) heard.group.push(messages[i]) },
    onMsgNotify: (messages) => heard.direct.push(...messages),
    onGroupSystemNotifys: { 5: (notice) => heard.system.push(notice), 255: (notice) => heard.system.push(notice) },
    onKickedEventCall: () => { heard.kicked++ }
  }
}

const ask = (run) => new Promise((resolve, reject) => run(resolve, reject))
const login = (listeners, info) => ask((ok, err) => webim.login(info || who, listeners, { isLogOn: false }, ok, err))
const join = (group) => ask((ok, err) => webim.applyJoinBigGroup({ GroupId: group }, ok, err))

/** Sends a text to the group, as pages do. */
function send(text, group) {
  const message = new webim.Msg(new webim.Session(webim.SESSION_TYPE.GROUP, group || 'g', 'g', '', 1), true, -1, 77, 1, 'me', 0, 'Me')
  message.addText(new webim.Msg.Elem.Text(text))
  return ask((ok, err) => webim.sendMsg(message, ok, err))
}

function message(seq, text, more) {
  return { group: 'g', seq, random: 'r' + seq, time: 1767323045, from: 'other', nick: 'Other', subType: 0, elems: [{ type: 'TIMTextElem', text }], ...more }
}

const texts = (messages) => messages.map((msg) => msg.getElems().map((elem) => elem.getContent().getText()).join(''))

describe('what pages use', () => {
  test('constants', () => {
    expect(webim.SESSION_TYPE).toEqual({ C2C: 'C2C', GROUP: 'GROUP' })
    expect(webim.CONNECTION_STATUS).toEqual({ INIT: -1, ON: 0, RECONNECT: 1, OFF: 9999 })
    expect(webim.MSG_MAX_LENGTH).toEqual({ C2C: 12000, GROUP: 8898 })
    expect(webim.GROUP_MSG_SUB_TYPE).toEqual({ COMMON: 0, LOVEMSG: 1, TIP: 2, REDPACKET: 3 })
    expect(webim.TLS_ERROR_CODE).toEqual({ OK: 0, SIGNATURE_EXPIRATION: 11 })
    expect(webim.EmotionDataIndexs['[笑]']).toBeUndefined()
  })

  test('a message and its elements', () => {
    const session = new webim.Session(webim.SESSION_TYPE.C2C, 'you', 'You', '', 5)
    expect([session.type(), session.id(), session.name()]).toEqual(['C2C', 'you', 'You'])
    const msg = new webim.Msg(session, true, -1, 7, 1767323045, 'me', 0, '')
    msg.addText(new webim.Msg.Elem.Text('<b>"5 & 6"</b>'))
    msg.addCustom(new webim.Msg.Elem.Custom('{"a":"<"}', 'd', 'e'))
    msg.addFace(new webim.Msg.Elem.Face(3, '[x]'))
    const [text, custom, face] = msg.getElems()
    expect(text.getType()).toBe('TIMTextElem')
    expect(text.getContent().getText()).toBe('&lt;b&gt;&quot;5 & 6&quot;&lt;/b&gt;')
    expect([custom.getType(), custom.getContent().getData(), custom.getContent().getDesc(), custom.getContent().getExt()])
      .toEqual(['TIMCustomElem', '{"a":"<"}', 'd', 'e'])
    expect([face.getType(), face.getContent().getIndex(), face.getContent().getData()]).toEqual(['TIMFaceElem', 3, '[x]'])
    expect([msg.getFromAccount(), msg.getFromAccountNick(), msg.fromAccount, msg.getIsSend(), msg.getTime(), msg.getSubType()])
      .toEqual(['me', 'me', 'me', true, 1767323045, 0])
    expect(msg.getSession()).toBe(session)
  })

  test.each([['', 0], ['abc', 3], ['中文', 6], ['😀é', 6]])('bytes of %j', (text, bytes) => {
    expect(webim.Tool.getStrBytes(text)).toBe(bytes)
  })

  test('text of markup', () => {
    expect(webim.Tool.formatHtml2Text('a&nbsp;b<br/>c')).toBe('a b\nc')
    expect(webim.Tool.formatTimeStamp(0)).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/)
  })

  test('logging out without a login, with and without a callback', () => {
    webim.logout()
    const ok = jest.fn()
    webim.logout(ok)
    expect(ok).toHaveBeenCalledWith(expect.objectContaining({ ActionStatus: 'OK', ErrorCode: 0 }))
  })

  test('nothing works without a login', async () => {
    await expect(join('g')).rejects.toEqual({ ActionStatus: 'FAIL', ErrorCode: 6014, ErrorInfo: expect.any(String) })
  })
})

describe('the address', () => {
  test.each(['', '/', '/weapp', '/weapp/', '/weapp/multi_room/'])('roomServiceUrl with %j behind it', async (tail) => {
    config.roomServiceUrl = script.url + tail
    await login(listening())
    expect(script.path).toBe('/weapp/ws')
  })

  test('behind a path of a proxy', async () => {
    config.roomServiceUrl = script.url + '/video'
    await login(listening())
    expect(script.path).toBe('/video/weapp/ws')
  })

  test('without one the login fails', async () => {
    config.roomServiceUrl = ''
    await expect(login(listening())).rejects.toMatchObject({ ActionStatus: 'FAIL', ErrorInfo: expect.stringContaining('roomServiceUrl') })
  })
})

describe('a session', () => {
  test('logs in, names itself, joins and hears what was said lately', async () => {
    const ears = listening()
    script.replies.join = { code: 0, joined: 'JoinedSuccess', seq: 2, messages: [message(1, 'one'), message(2, 'two')] }
    await expect(login(ears)).resolves.toMatchObject({ ActionStatus: 'OK', ErrorCode: 0 })
    expect(script.requests[0]).toMatchObject({ cmd: 'login', sdkAppID: 1400000001, userID: 'me', userSig: 'sig', nick: 'Me' })
    await ask((ok, err) => webim.setProfilePortrait({ ProfileItem: [{ Tag: 'Tag_Profile_IM_Nick', Value: 'Li' }] }, ok, err))
    expect(script.asked('nick')).toEqual([expect.objectContaining({ nick: 'Li' })])
    await expect(join('g')).resolves.toMatchObject({ JoinedStatus: 'JoinedSuccess' })
    expect(texts(ears.heard.group)).toEqual(['one', 'two'])
    script.say({ event: 'message', message: message(3, 'three <', { from: 'me' }) })
    await eventually('the third', () => ears.heard.group.length === 3)
    const [, , third] = ears.heard.group
    expect(third.getIsSend()).toBe(true)
    expect(third.getElems()[0].getContent().getText()).toBe('three &lt;')
    expect([third.getSession().type(), third.getSession().id(), third.getFromAccountNick()]).toEqual(['GROUP', 'g', 'Other'])
    expect(ears.heard.status).toEqual([0])
  })

  test('hands over a batch with the newest first', async () => {
    script.replies.join = { code: 0, joined: 'JoinedSuccess', seq: 2, messages: [message(1, 'one'), message(2, 'two')] }
    const batches = []
    await login({ onBigGroupMsgNotify: (messages) => batches.push(texts(messages)) })
    await join('g')
    expect(batches).toEqual([['two', 'one']])
  })

  test('hears direct messages, notices and tips; survives listeners that are missing', async () => {
    script.replies.join = { code: 0, joined: 'JoinedSuccess', seq: 0, messages: [] }
    const ears = listening()
    await login(ears)
    await join('g')
    script.say({ event: 'c2c', message: { seq: 1, random: 'x', time: 5, from: 'other', nick: 'Other', elems: [{ type: 'TIMCustomElem', data: 'd', desc: '', ext: 'e' }] } })
    script.say({ event: 'system', type: 255, group: 'g', text: '{"cmd":"notifyPusherChange","data":""}', operator: 'admin', time: 6 })
    script.say({ event: 'system', type: 255, group: 'elsewhere', text: '{}', time: 6 })
    script.say({ event: 'message', message: { group: 'g', seq: 0, time: 7, from: '@TIM#SYSTEM', subType: 2, elems: [{ type: 'TIMGroupTipElem', opType: 1, opUserID: 'u2', userIDList: ['u2'] }] } })
    script.say({ event: 'system', type: 5, group: 'g', operator: '', time: 8 })
    await eventually('the end of the group', () => ears.heard.system.length === 2)
    expect(ears.heard.direct[0].getSession().id()).toBe('other')
    expect(ears.heard.direct[0].getElems()[0].getContent().getExt()).toBe('e')
    expect(ears.heard.system[0]).toMatchObject({
      ReportType: 255, GroupId: 'g', UserDefinedField: '{"cmd":"notifyPusherChange","data":""}', MsgTime: 6, Operator_Account: 'admin'
    })
    expect(ears.heard.system[1]).toMatchObject({ ReportType: 5, GroupId: 'g' })
    expect(ears.heard.system[1].UserDefinedField).toBeUndefined()
    const tip = ears.heard.group[0]
    expect([tip.getSubType(), tip.getFromAccount()]).toEqual([webim.GROUP_MSG_SUB_TYPE.TIP, '@TIM#SYSTEM'])
    expect(tip.getElems()[0].getContent().getOpType()).toBe(webim.GROUP_TIP_TYPE.JOIN)
    expect(tip.getElems()[0].getContent().getUserIdList()).toEqual(['u2'])
    await login(undefined)
    script.say({ event: 'c2c', message: { seq: 2, from: 'other', elems: [] } })
    await join('g')
  })

  test('sends elements as they were written', async () => {
    script.replies.send = { code: 0, seq: 9, time: 1767323045 }
    await login(listening())
    const msg = new webim.Msg(new webim.Session(webim.SESSION_TYPE.C2C, 'you', 'you'), true)
    msg.addText(new webim.Msg.Elem.Text('a < b'))
    msg.addCustom(new webim.Msg.Elem.Custom('data', undefined, 'ext'))
    await ask((ok, err) => webim.sendMsg(msg, ok, err))
    expect(script.asked('send')[0]).toMatchObject({
      user: 'you', random: expect.stringMatching(/^\w{8,32}$/),
      elems: [{ type: 'TIMTextElem', text: 'a < b' }, { type: 'TIMCustomElem', data: 'data', desc: '', ext: 'ext' }]
    })
    expect(script.asked('send')[0].group).toBeUndefined()
    script.replies.send = { code: 20003, info: 'not there' }
    await expect(send('x')).rejects.toEqual({ ActionStatus: 'FAIL', ErrorCode: 20003, ErrorInfo: 'not there' })
  })

  test('leaves whatever group it is told to', async () => {
    await login(listening())
    for (const group of [0, 'unknown', 'g']) await ask((ok, err) => webim.quitBigGroup({ GroupId: group }, ok, err))
    expect(script.asked('quit').map((request) => request.group)).toEqual([0, 'unknown', 'g'])
  })

  test('a second login takes the place of the first', async () => {
    const first = listening()
    const second = listening()
    await login(first)
    await login(second, { ...who, identifier: 'you' })
    await join('g')
    script.say({ event: 'message', message: message(1, 'hi') })
    await eventually('the message', () => second.heard.group.length)
    expect(first.heard.group).toEqual([])
    expect(script.asked('login').map((request) => request.userID)).toEqual(['me', 'you'])
  })

  test('two logins of one user at once both succeed', async () => {
    await Promise.all([login(listening()), login(listening())])
  })
})

describe('trouble', () => {
  test('a wrong signature fails the login', async () => {
    script.replies.login = { code: 70001, info: 'bad userSig' }
    await expect(login(listening())).rejects.toEqual({ ActionStatus: 'FAIL', ErrorCode: 70001, ErrorInfo: 'bad userSig' })
    expect(script.requests).toHaveLength(1)
  })

  test('no gateway fails the login', async () => {
    await wire.cut()
    await expect(login(listening())).rejects.toMatchObject({ ActionStatus: 'FAIL', ErrorCode: -1 })
  })

  test('comes back where it was, and shows and sends everything once', async () => {
    const ears = listening()
    script.replies.join = (request) => (request.after === undefined
      ? { code: 0, joined: 'JoinedSuccess', seq: 1, messages: [message(1, 'one')] }
      : { code: 0, joined: 'JoinedSuccess', seq: 3, messages: [message(2, 'two'), message(3, 'three')] })
    await login(ears)
    await join('g')
    script.say({ event: 'message', message: message(2, 'two') })
    script.say({ event: 'c2c', message: { seq: 4, from: 'other', elems: [{ type: 'TIMTextElem', text: 'psst' }] } })
    await eventually('both', () => ears.heard.group.length === 2 && ears.heard.direct.length === 1)
    // The reply to this one is lost with the connection.
    script.replies.send = (request, socket) => {
      script.replies.send = { code: 0, seq: 5, time: 1 }
      script.replies.login = { code: 0, userID: 'me', session: 's1', resumed: true, c2c: 4 }
      socket.terminate()
      return null
    }
    await send('lost once')
    await eventually('the third', () => ears.heard.group.length === 3)
    expect(texts(ears.heard.group)).toEqual(['one', 'two', 'three'])
    script.say({ event: 'c2c', message: { seq: 4, from: 'other', elems: [{ type: 'TIMTextElem', text: 'psst' }] } })
    script.say({ event: 'c2c', message: { seq: 5, from: 'other', elems: [{ type: 'TIMTextElem', text: 'psst 2' }] } })
    await eventually('the second', () => ears.heard.direct.length === 2)
    expect(script.asked('login')[1].resume).toEqual({ session: 's1', c2c: 4 })
    expect(script.asked('join')[1]).toMatchObject({ group: 'g', after: 2 })
    const [one, two] = script.asked('send')
    expect(two.random).toBe(one.random)
    expect(ears.heard.status).toEqual([0, 1])
  })

  test('what is asked while the connection is down is asked when it is back', async () => {
    await login(listening())
    await join('g')
    await wire.cut()
    const sent = send('later')
    wire.mend()
    await sent
    expect(script.asked('send')).toHaveLength(1)
  })

  test('a group that ended meanwhile is over', async () => {
    const ears = listening()
    await login(ears)
    await join('g')
    script.replies.join = { code: 10010, info: 'no such group' }
    script.socket.terminate()
    await eventually('the end', () => ears.heard.system.length)
    expect(ears.heard.system[0]).toMatchObject({ ReportType: 5, GroupId: 'g' })
  })

  test('a group of that name that is numbered anew is heard from its beginning', async () => {
    const ears = listening()
    script.replies.join = { code: 0, joined: 'JoinedSuccess', seq: 7, messages: [message(7, 'old')] }
    await login(ears)
    await join('g')
    script.replies.join = { code: 0, joined: 'JoinedSuccess', seq: 1, messages: [message(1, 'new')] }
    script.socket.terminate()
    await eventually('the new one', () => ears.heard.group.length === 2)
    expect(texts(ears.heard.group)).toEqual(['old', 'new'])
  })

  test.each([['told', () => script.say({ event: 'kicked' })], ['found out', () => {
    script.replies.login = { code: 91101, info: 'another login' }
    script.socket.terminate()
  }]])('who logs in elsewhere ends this one, %s, and it does not come back', async (how, kick) => {
    const ears = listening()
    await login(ears)
    kick()
    await eventually('the kick', () => ears.heard.kicked === 1)
    await expect(join('g')).rejects.toMatchObject({ ErrorCode: 6014 })
    const before = script.sockets.length
    global.wx.fire('AppShow')
    await new Promise((resolve) => setTimeout(resolve, 600))
    expect(script.sockets.length).toBe(before)
  })

  test('a signature that has run out meanwhile ends it', async () => {
    const ears = listening()
    await login(ears)
    script.replies.login = { code: 70001, info: 'expired' }
    script.socket.terminate()
    await eventually('the end', () => ears.heard.status.includes(9999))
    await expect(join('g')).rejects.toMatchObject({ ErrorCode: 6014 })
  })

  test('coming to the foreground looks at the connection at once', async () => {
    await login(listening())
    await wire.cut()
    wire.mend()
    global.wx.fire('AppShow')
    await eventually('the second login', () => script.asked('login').length === 2)
  })
})

test.each([['beside it', 'utils/config.js'], ['one folder above', 'config.js']])('config.js %s is found', async (where, file) => {
  const fs = require('fs')
  const path = require('path')
  const directory = fs.mkdtempSync(path.join(require('os').tmpdir(), 'webim-'))
  try {
    fs.mkdirSync(path.join(directory, 'utils'))
    fs.copyFileSync(path.resolve(__dirname, '../utils/webim_wx.js'), path.join(directory, 'utils/webim_wx.js'))
    fs.writeFileSync(path.join(directory, file), `module.exports = { roomServiceUrl: ${JSON.stringify(script.url)} }`)
    const alone = require(path.join(directory, 'utils/webim_wx.js'))
    await ask((ok, err) => alone.login(who, listening(), {}, ok, err))
    alone.logout()
  } finally {
    fs.rmSync(directory, { recursive: true })
  }
})
