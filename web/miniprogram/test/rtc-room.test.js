const { Gateway } = require('./support/gateway')
const { Phone, eventually } = require('./support/phones')
const { rtcRoom, logIn, leave } = require('./support/rooms')

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

const members = async (phone) => (await phone.data('room')).members.filter((slot) => slot.userID)
const roomInfo = (phone) => phone.call('room', 'getRoomInfo')
/** Promises the roomID, once the one who makes the room has entered it. */
const entered = (phone) => eventually('the room to be entered', async () => {
  const { roomID, roomCreator } = await roomInfo(phone)
  return roomCreator && roomID
})
const texts = (phone) => phone.heard('onRoomEvent', { tag: 'recvTextMsg' }).map((event) => JSON.parse(event.detail))

test('two phones meet in a room that one has made', async () => {
  const a = await rtcRoom(ann, 'Ann')
  const roomID = await entered(ann)
  const b = await rtcRoom(bob, 'Bob', roomID, { template: 'grid' })
  await ann.plays(b.userID, 'blue', 880)
  await bob.plays(a.userID, 'red', 440)
  expect(await members(ann)).toEqual([expect.objectContaining({ userID: b.userID, accelerateURL: expect.stringMatching(/^rtmp:/) })])
  expect(await ann.call('room', 'getAccountInfo')).toMatchObject({
    userID: a.userID, userName: 'Ann', userAvatar: '', userSig: expect.any(String), sdkAppID: 1400000001, accountType: expect.any(String),
    accountMode: 0, token: expect.any(String)
  })
  expect(await roomInfo(ann)).toMatchObject({
    roomID, roomCreator: a.userID, roomInfo: 'a room', mixedPlayURL: expect.stringMatching(/^https?:.*\.flv/), isDestory: false,
    pushers: [expect.objectContaining({ userID: b.userID, userName: 'Bob' })]
  })
  expect(await ann.do('attributes', { tag: 'rtcpusher' })).toMatchObject({
    mode: 'RTC', autopush: true, minBitrate: 200, maxBitrate: 400, aspect: '3:4', audioQuality: 'high', beauty: 5, backgroundMute: true
  })

  await ann.call('room', 'sendTextMsg', 'hello "Bob" <3')
  const line = await eventually('the message', () => texts(bob).find((message) => message.userID === a.userID))
  expect(line).toMatchObject({ roomID, nickName: 'Ann', headPic: '', textMsg: 'hello "Bob" <3', time: expect.stringMatching(/^\d\d:\d\d:\d\d$/) })

  await leave(bob)
  await eventually('the slot to be emptied', async () => (await members(ann)).length === 0)
  expect(ann.heard('onRoomEvent', { tag: 'error' })).toEqual([])
})

test('who is in the room is shown before one has entered', async () => {
  const a = await rtcRoom(ann, 'Ann')
  const roomID = await entered(ann)
  await bob.do('trouble', { trouble: { code: 1003 } })
  await rtcRoom(bob, 'Bob', roomID)
  await bob.plays(a.userID, 'red')
  expect(await members(ann)).toEqual([])
})

test.each([
  ['-1301', { detail: { code: -1301 } }, -4, true],
  ['-1302', { detail: { code: -1302 } }, -5, true],
  ['-1307', { detail: { code: -1307 } }, -6, true],
  ['5000', { detail: { code: 5000 } }, 5000, true],
  ['10001', { event: 'error', detail: { errCode: 10001 } }, -7, false],
  ['10002', { event: 'error', detail: { errCode: 10002 } }, -7, false]
])('%s of the pusher', async (name, state, code, left) => {
  await rtcRoom(ann, 'Ann')
  const roomID = await entered(ann)
  await ann.do('tell', { tag: 'rtcpusher', ...state })
  const event = await ann.hears('onRoomEvent', { tag: 'error', code })
  expect(event.detail).toEqual(expect.any(String))
  expect((await ann.data('room')).pushURL === '').toBe(left)
  const inRoom = async () => (await gateway.get('/api/v1/rooms/' + roomID)).status === 200
  if (left) await eventually('the gateway to know', async () => !(await inRoom()))
  else expect(await inRoom()).toBe(true)
})

test('nobody makes a room without a login, and a full room refuses', async () => {
  await ann.mount('room', 'pages/components/rtc-room/rtc-room', { template: 'float', roomInfo: 'x'.repeat(1025) }, ['onRoomEvent'])
  await logIn(ann, 'multi_room', 'Ann')
  await ann.call('room', 'start')
  await ann.hears('onRoomEvent', { tag: 'error', code: -2 })
  await leave(ann)

  // double_room takes two: a third is refused when it enters.
  const cat = new Phone(gateway, { color: 'green', tone: 660 })
  try {
    await logIn(ann, 'double_room', 'Ann')
    await ann.mount('room', 'pages/components/rtc-room/rtc-room', { template: '1v1' }, ['onRoomEvent'])
    for (const [phone, name] of [[ann, 'Ann'], [bob, 'Bob'], [cat, 'Cat']]) {
      await logIn(phone, 'double_room', name)
      if (phone !== ann) await phone.mount('room', 'pages/components/rtc-room/rtc-room', { template: 'float', roomID: (await roomInfo(ann)).roomID }, ['onRoomEvent'])
      else await ann.set('room', { template: 'float' })
      await phone.call('room', 'start')
      if (phone === ann) await entered(ann)
      if (phone === bob) await eventually('Bob to be in', async () => (await members(ann)).length)
    }
    const refused = await cat.hears('onRoomEvent', { tag: 'error', code: -3 })
    expect(refused.detail).toContain('[5001]')
    expect((await cat.data('room')).pushURL).toBe('')
  } finally {
    await cat.close()
  }
})

test('a room that is dissolved is left', async () => {
  await rtcRoom(ann, 'Ann')
  const roomID = await entered(ann)
  await rtcRoom(bob, 'Bob', roomID)
  await eventually('Bob to be in', async () => (await members(ann)).length)
  await ann.use('utils/webim_wx', 'destroyGroup', { GroupId: roomID }, 'SUCCESS', 'FAIL')
  await bob.hears('onRoomEvent', { tag: 'roomClosed', code: 0, detail: '' })
  expect((await bob.data('room')).pushURL).toBe('')
})

test('a lost network that returns, and one that does not', async () => {
  const a = await rtcRoom(ann, 'Ann')
  const roomID = await entered(ann)
  const b = await rtcRoom(bob, 'Bob', roomID)
  await bob.plays(a.userID, 'red')
  await eventually('each other', async () => (await members(ann)).length)
  await ann.do('offline')
  await bob.call('room', 'sendTextMsg', 'are you there?')
  await ann.do('online', { networkType: '4g' })
  await ann.plays(b.userID, 'blue', 880)
  await bob.plays(a.userID, 'red', 440)
  await eventually('the message', () => texts(ann).some((message) => message.textMsg === 'are you there?'))
  expect(texts(ann).filter((message) => message.textMsg === 'are you there?')).toHaveLength(1)
  expect(ann.heard('onRoomEvent', { tag: 'error' })).toEqual([])

  await ann.do('offline')
  await ann.hears('onRoomEvent', { tag: 'error', code: -6 })
  await eventually('the slot to be emptied', async () => (await members(bob)).length === 0)
})

test('a player that gives up stays in its slot and tries again', async () => {
  const a = await rtcRoom(ann, 'Ann')
  const b = await rtcRoom(bob, 'Bob', await entered(ann))
  await ann.plays(b.userID, 'blue')
  await ann.do('tell', { tag: b.userID, detail: { code: 2007 } })
  await eventually('loading', async () => (await members(ann))[0].loading)
  await ann.do('tell', { tag: b.userID, detail: { code: -2301 } })
  expect(await members(ann)).toHaveLength(1)
  await eventually('another attempt', async () => (await ann.media())[b.userID].calls.includes('play'))
  await ann.plays(b.userID, 'blue', 880)
  expect(ann.heard('onRoomEvent', { tag: 'error' })).toEqual([])
  await bob.plays(a.userID, 'red')
})
