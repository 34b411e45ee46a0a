const { Gateway } = require('./support/gateway')
const { Phone, eventually } = require('./support/phones')
const { webrtcRoom, leaveWebrtcRoom } = require('./support/rooms')

let gateway, ann, bob

beforeAll(async () => {
  gateway = await Gateway.start()
  ann = new Phone(gateway, { color: 'red', tone: 440 })
  bob = new Phone(gateway, { color: 'blue', tone: 880 })
})

afterAll(async () => {
  await Promise.all([ann, bob].map((phone) => phone.close()))
  await gateway.stop()
})

afterEach(() => Promise.all([ann, bob].map((phone) => phone.clear())))

const pushes = (phone) => eventually('the pusher to push', async () => ((await phone.media()).rtcpusher || { states: [] }).states.includes(1002))
const members = async (phone) => (await phone.data('room')).members
const seesNobody = (phone) => eventually('empty slots', async () => (await members(phone)).every((slot) => !slot.userID))
const slotOf = (phone, userID) => eventually('a slot for ' + userID, async () => (await members(phone)).find((slot) => slot.userID === userID))

test('two phones see and hear each other, talk, and one goes', async () => {
  const a = await webrtcRoom(ann, 'Ann')
  const b = await webrtcRoom(bob, 'Bob', a.roomID, { template: 'grid' })
  await ann.plays(b.userID, 'blue', 880)
  await bob.plays(a.userID, 'red', 440)
  await eventually('the picture to be there', async () => (await slotOf(ann, b.userID)).loading === false)

  for (const phone of [ann, bob]) {
    await phone.hears('IMEvent', { tag: 'login_event', code: 0 })
    await phone.hears('IMEvent', { tag: 'join_group_event', code: 0 })
  }
  await ann.call('room', 'sendGroupTextMsg', 'to all <3')
  await ann.call('room', 'sendGroupCustomMsg', { data: 'hello', ext: 'TEXT', desc: '{"nickName":"Ann"}' })
  await ann.call('room', 'sendC2CTextMsg', b.userID, 'psst')
  await ann.call('room', 'sendC2CCustomMsg', b.userID, { data: '{"x":1}', desc: 'd', ext: 'e' })
  const said = () => bob.heard('IMEvent', { tag: 'big_group_msg_notify' }).flatMap((event) => event.detail)
    .filter((message) => message.from === a.userID)
  await eventually('two messages', () => said().length === 2)
  const [text, custom] = said()
  expect(JSON.stringify(text.elems)).toContain('to all &lt;3')
  expect([text.own, text.nick, custom.elems[0].content.ext, custom.elems[0].content.data]).toEqual([false, 'Ann', 'TEXT', 'hello'])
  await eventually('both direct messages', () => bob.heard('IMEvent', { tag: 'msg_notify' }).length === 2)
  expect(bob.heard('IMEvent', { tag: 'msg_notify' })[1].detail[0].elems[0].content).toMatchObject({ data: '{"x":1}', desc: 'd', ext: 'e' })
  // One's own messages of the group come back, too.
  await eventually('the echo', () => ann.heard('IMEvent', { tag: 'big_group_msg_notify' }).flatMap((event) => event.detail).some((message) => message.own))

  await leaveWebrtcRoom(bob, b)
  await seesNobody(ann)
  expect(ann.heard('RoomEvent')).toEqual([])
  await leaveWebrtcRoom(ann, a)
})

test('what templates give the tags', async () => {
  const a = await webrtcRoom(ann, 'Ann', '', { minBitrate: 150, maxBitrate: 300, beauty: 3, whiteness: 2 })
  const b = await webrtcRoom(bob, 'Bob', a.roomID, { enableIM: false, template: '1l3r', roomCreator: a.userID })
  await pushes(ann)
  expect(await ann.do('attributes', { tag: 'rtcpusher' })).toMatchObject({
    mode: 'RTC', autopush: true, minBitrate: 150, maxBitrate: 300, aspect: '3:4', audioQuality: 'high', beauty: 3, muted: false,
    enableCamera: true, backgroundMute: true, url: expect.stringMatching(/^rtmp:/)
  })
  await slotOf(ann, b.userID)
  expect(await ann.do('attributes', { tag: b.userID })).toMatchObject({
    mode: 'RTC', autoplay: true, minCache: '0.1', maxCache: '0.3', objectFit: 'fillCrop', backgroundMute: true, src: expect.stringMatching(/^rtmp:/)
  })
  await slotOf(bob, a.userID)
  const seen = await bob.data('room')
  expect([seen.isCaster, seen.presenter.map((slot) => slot.userID), seen.audience]).toEqual([false, [a.userID], []])
  expect(bob.heard('IMEvent')).toEqual([])

  // Sound and picture of one member, by the buttons of the template and by the page.
  await bob.plays(a.userID, 'red', 440)
  await bob.call('room', 'enableAudio', false, a.userID)
  await bob.call('room', 'enableAudio', false, a.userID)
  expect((await bob.data('room')).playerMutedStatus[a.userID]).toBe(true)
  expect((await bob.media())[a.userID].muted).toBe(true)
  await bob.do('tap', { name: 'room', selector: '.control' })
  await eventually('sound again', async () => (await bob.data('room')).playerMutedStatus[a.userID] === false)
  await bob.call('room', 'enableVideo', false, a.userID)
  expect((await bob.data('room')).playerVideoStatus[a.userID]).toBe(false)
  await bob.call('room', 'enableVideo', true, a.userID)
  await bob.call('room', 'enableVideo', false)
  expect((await bob.data('room')).playerVideoStatus[a.userID]).toBe(true)
  expect((await bob.media())[a.userID].calls).toEqual(['mute', 'mute', 'stop', 'play'])

  // 1u3d starts players only where the page says so, and has no pusher without a push URL.
  await bob.set('room', { template: '1u3d' })
  await eventually('the other template', async () => (await bob.do('attributes', { tag: a.userID })).autoplay === false)
  await bob.call('room', 'stop')
  expect((await bob.media()).rtcpusher).toBeUndefined()
  await leaveWebrtcRoom(bob, b)
  await leaveWebrtcRoom(ann, a)
})

test.each([
  ['-1301', { detail: { code: -1301 } }, -4, true],
  ['-1302', { detail: { code: -1302 } }, -5, true],
  ['-1307', { detail: { code: -1307 } }, -6, true],
  ['10001', { event: 'error', detail: { errCode: 10001, errMsg: 'no camera' } }, -7, false],
  ['10002', { event: 'error', detail: { errCode: 10002, errMsg: 'no microphone' } }, -7, false],
  ['5000', { detail: { code: 5000 } }, null, true]
])('%s of the pusher', async (name, state, code, left) => {
  const a = await webrtcRoom(ann, 'Ann')
  await pushes(ann)
  await ann.do('tell', { tag: 'rtcpusher', ...state })
  if (code) {
    const event = await ann.hears('RoomEvent', { code })
    expect(event.tag).toBe('error')
    expect(event.detail).toEqual(expect.any(String))
  }
  await eventually('what follows', async () => ((await ann.data('room')).pushURL === '') === left)
  expect(ann.heard('RoomEvent')).toHaveLength(code ? 1 : 0)
  expect((await ann.media()).rtcpusher.running).toBe(!left)
  await leaveWebrtcRoom(ann, a)
})

test('no permission from the beginning', async () => {
  await ann.do('trouble', { trouble: { errCode: 10001, errMsg: 'denied' } })
  const a = await webrtcRoom(ann, 'Ann')
  await ann.hears('RoomEvent', { tag: 'error', code: -7 })
  await ann.do('trouble', { trouble: null })
  await leaveWebrtcRoom(ann, a)
})

test('no push address after one try and three repeats', async () => {
  const a = await webrtcRoom(ann, 'Ann')
  await ann.set('room', { userSig: 'forged' })
  const began = Date.now()
  await ann.call('room', 'start')
  await ann.hears('RoomEvent', { tag: 'error', code: -9 })
  expect(Date.now() - began).toBeGreaterThan(5900)
  expect((await ann.data('room')).pushURL).toBe('')
  await leaveWebrtcRoom(ann, a)
})

test('who has lost the place is told, and may enter again', async () => {
  const a = await webrtcRoom(ann, 'Ann')
  const b = await webrtcRoom(bob, 'Bob', a.roomID)
  await pushes(ann)
  await ann.use('utils/webrtcroom', 'quitRoom', a.userID, a.roomID, 'SUCCESS', 'FAIL')
  await ann.hears('RoomEvent', { tag: 'error', code: -10 })
  // As the page does: an account and the room again, then start.
  const again = await ann.use('utils/webrtcroom', 'enterRoom', a.userID, a.roomID, 'SUCCESS', 'FAIL', 'Ann')
  await ann.set('room', { privateMapKey: again.privateMapKey })
  await ann.call('room', 'start')
  await ann.plays(b.userID, 'blue', 880)
  await leaveWebrtcRoom(bob, b)
  await leaveWebrtcRoom(ann, a)
})

test('more members than slots', async () => {
  const cat = new Phone(gateway, { color: 'green', tone: 660 })
  try {
    const a = await webrtcRoom(ann, 'Ann', '', { template: '1v1' })
    const b = await webrtcRoom(bob, 'Bob', a.roomID)
    const c = await webrtcRoom(cat, 'Cat', a.roomID)
    await ann.hears('RoomEvent', { tag: 'error', code: -8 })
    expect((await members(ann)).filter((slot) => slot.userID)).toHaveLength(1)
    await leaveWebrtcRoom(cat, c)
    await leaveWebrtcRoom(bob, b)
    await leaveWebrtcRoom(ann, a)
  } finally {
    await cat.close()
  }
})

test('another network: everything starts anew at once', async () => {
  const a = await webrtcRoom(ann, 'Ann')
  const b = await webrtcRoom(bob, 'Bob', a.roomID)
  await bob.plays(a.userID, 'red')
  const before = (await ann.media()).rtcpusher.states.filter((code) => code === 1002).length
  await ann.do('online', { networkType: '4g' })
  await eventually('a second connection', async () => (await ann.media()).rtcpusher.states.filter((code) => code === 1002).length > before)
  await ann.plays(b.userID, 'blue', 880)
  await bob.plays(a.userID, 'red', 440)
  expect(ann.heard('RoomEvent')).toEqual([])
  await leaveWebrtcRoom(bob, b)
  await leaveWebrtcRoom(ann, a)
})

test('a lost network that returns', async () => {
  const a = await webrtcRoom(ann, 'Ann')
  const b = await webrtcRoom(bob, 'Bob', a.roomID)
  await bob.plays(a.userID, 'red')
  await ann.hears('IMEvent', { tag: 'join_group_event', code: 0 })
  await bob.hears('IMEvent', { tag: 'join_group_event', code: 0 })
  await ann.do('offline')
  await bob.call('room', 'sendGroupTextMsg', 'are you there?')
  await ann.do('online')
  const said = () => ann.heard('IMEvent', { tag: 'big_group_msg_notify' }).flatMap((event) => event.detail).filter((message) => message.from === b.userID)
  await ann.plays(b.userID, 'blue', 880)
  await bob.plays(a.userID, 'red', 440)
  await eventually('the message', () => said().length > 0)
  expect(said()).toHaveLength(1)
  expect(ann.heard('RoomEvent')).toEqual([])
  await leaveWebrtcRoom(bob, b)
  await leaveWebrtcRoom(ann, a)
})

test('a lost network that does not return', async () => {
  const a = await webrtcRoom(ann, 'Ann')
  const b = await webrtcRoom(bob, 'Bob', a.roomID)
  await bob.plays(a.userID, 'red')
  await ann.do('offline')
  await ann.hears('RoomEvent', { tag: 'error', code: -6 })
  expect((await ann.data('room')).pushURL).toBe('')
  // The other one sees the phone go once its place has run out.
  await eventually('the slot to be emptied', async () => (await members(bob)).every((slot) => !slot.userID))
  await ann.do('online')
  await leaveWebrtcRoom(bob, b)
  await leaveWebrtcRoom(ann, a)
})

test('a player that gives up empties its slot, and the member who is still there comes back', async () => {
  const a = await webrtcRoom(ann, 'Ann')
  const b = await webrtcRoom(bob, 'Bob', a.roomID)
  await ann.plays(b.userID, 'blue')
  await ann.do('tell', { tag: b.userID, detail: { code: -2301 } })
  await seesNobody(ann)
  await ann.plays(b.userID, 'blue', 880)
  await leaveWebrtcRoom(bob, b)
  await leaveWebrtcRoom(ann, a)
})

test('a phone call pauses everything', async () => {
  const a = await webrtcRoom(ann, 'Ann')
  await pushes(ann)
  await ann.do('fire', { event: 'AudioInterruptionBegin' })
  await ann.do('fire', { event: 'AudioInterruptionEnd' })
  expect((await ann.media()).rtcpusher.calls).toEqual(['pause', 'resume'])
  await leaveWebrtcRoom(ann, a)
})

test('messages that cannot be sent', async () => {
  const a = await webrtcRoom(ann, 'Ann')
  const fails = (method, ...args) => ann.do('fails', { name: 'room', method, args })
  expect((await fails('sendC2CTextMsg', '', 'x'))[0]).toBe(-1)
  expect((await fails('sendGroupTextMsg', ''))[0]).toBe(-2)
  expect((await fails('sendGroupTextMsg', '中'.repeat(3000)))[0]).toBe(-3)
  const [code, err] = await fails('sendC2CTextMsg', 'user_nobody', 'x')
  expect([code, err.ActionStatus]).toEqual([-4, 'FAIL'])
  await leaveWebrtcRoom(ann, a)
})
