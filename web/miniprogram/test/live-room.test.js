const { Gateway } = require('./support/gateway')
const { Phone, eventually } = require('./support/phones')
const { liveRoom, logIn, leave, record, notice } = require('./support/rooms')

let gateway, anchor, viewer, guest

beforeAll(async () => {
  gateway = await Gateway.start()
  anchor = new Phone(gateway, { color: 'red', tone: 440 })
  viewer = new Phone(gateway, { color: 'blue', tone: 880 })
  guest = new Phone(gateway, { color: 'yellow', tone: 1200 })
})

afterAll(async () => {
  await Promise.all([anchor, viewer, guest].map((phone) => phone.close()))
  await gateway.stop()
})

afterEach(() => Promise.all([anchor, viewer, guest].map((phone) => phone.clear())))

const created = async (phone) => {
  await phone.hears('RoomEvent', { tag: 'created', code: 0 })
  return (await phone.data('room')).roomID
}
const members = async (phone) => (await phone.data('room')).members.filter((slot) => slot.userID)
/** A viewer on stage: asks, is allowed, and is there. */
async function link(phone) {
  const asked = anchor.heard('RoomEvent', { tag: 'joinPusher' }).length
  await phone.call('room', 'requestJionPusher')
  const request = await eventually('the request', () => anchor.heard('RoomEvent', { tag: 'joinPusher' })[asked])
  await anchor.call('room', 'respondJoinReq', true, request.detail)
  await phone.hears('RoomEvent', { tag: 'LinkOn', code: 0 })
  return request.detail
}

test('an anchor, and an audience that comes on stage and goes', async () => {
  await liveRoom(anchor, 'Anchor')
  const roomID = await created(anchor)
  expect(await anchor.do('attributes', { tag: 'pusher' })).toMatchObject({
    mode: 'RTC', autopush: false, minBitrate: 850, maxBitrate: 850, aspect: '9:16', beauty: 5, enableCamera: true, backgroundMute: true
  })
  const recording = await record(gateway, roomID)
  await notice(anchor, '录制中')
  await viewer.do('setState', { state: { language: 'en' } })
  const v = await liveRoom(viewer, 'Viewer', roomID)
  await viewer.plays('player', 'red', 440)
  // Who comes later sees it too, in the phone's language.
  await notice(viewer, 'Recording')
  await recording('stop')
  for (const phone of [anchor, viewer]) await notice(phone, '')
  expect(await viewer.do('attributes', { tag: 'player' })).toMatchObject({
    mode: 'live', autoplay: true, minCache: 1, maxCache: 3, objectFit: 'fillCrop', backgroundMute: false, src: expect.stringMatching(/^https?:.*\.flv/)
  })
  // A viewer asks the anchor for the whiteboard.
  await anchor.hears('RoomEvent', { tag: 'sketchpadData' })
  await viewer.call('room', 'sendTextMsg', 'hi "anchor"')
  const lines = () => anchor.heard('RoomEvent', { tag: 'recvTextMsg', code: 0 }).map((event) => event.detail)
  expect(await eventually('the message', () => lines().find((line) => line.userID === v.userID))).toMatchObject({
    roomID, userName: 'Viewer', userAvatar: '', message: 'hi "anchor"', time: expect.any(String)
  })
  // That somebody has come is a line, too.
  await eventually('the tip', () => lines().find((line) => line.userID === '@TIM#SYSTEM' && line.message === 'Viewer进入了房间'))

  const request = await link(viewer)
  expect(request).toMatchObject({ userID: v.userID, userName: 'Viewer' })
  expect(await viewer.do('attributes', { tag: 'audience_pusher' })).toMatchObject({
    mode: 'RTC', autopush: false, minBitrate: 200, maxBitrate: 300, aspect: '9:16', backgroundMute: 'true'
  })
  expect(await viewer.do('attributes', { tag: 'player' })).toMatchObject({ mode: 'RTC', minCache: 0.1, maxCache: 0.3, src: expect.stringMatching(/^rtmp:/) })
  await anchor.plays(v.userID, 'blue', 880)
  await viewer.plays('player', 'red', 440)
  expect((await members(anchor))[0]).toMatchObject({ userID: v.userID, userName: 'Viewer' })
  expect(await members(viewer)).toEqual([])

  // Somebody else on stage is seen by who is there.
  const g = await liveRoom(guest, 'Guest', roomID)
  await guest.plays('player', 'red')
  await link(guest)
  await viewer.plays(g.userID, 'yellow', 1200)
  await guest.plays(v.userID, 'blue', 880)

  await viewer.call('room', 'quitLink')
  await viewer.hears('RoomEvent', { tag: 'LinkOut', code: 0 })
  expect(await viewer.do('attributes', { tag: 'player' })).toMatchObject({ mode: 'live', src: expect.stringMatching(/\.flv/) })
  await eventually('the guest alone', async () => (await members(anchor)).map((slot) => slot.userID).join() === g.userID)

  await anchor.call('room', 'kickoutSubPusher', { currentTarget: { dataset: { userid: g.userID } } })
  await guest.hears('RoomEvent', { tag: 'LinkOut', code: 0 })
  await eventually('an empty stage', async () => (await members(anchor)).length === 0)

  await leave(anchor)
  await viewer.hears('RoomEvent', { tag: 'roomClosed', code: -9006 })
  await guest.hears('RoomEvent', { tag: 'roomClosed', code: -9006 })
  for (const phone of [viewer, guest]) expect(phone.heard('RoomEvent', { tag: 'error' })).toEqual([])
})

test('a request that is refused, and one that nobody answers', async () => {
  await liveRoom(anchor, 'Anchor')
  await liveRoom(viewer, 'Viewer', await created(anchor))
  await viewer.plays('player', 'red')
  await viewer.call('room', 'requestJionPusher')
  const { detail } = await anchor.hears('RoomEvent', { tag: 'joinPusher' })
  await anchor.call('room', 'respondJoinReq', false, detail)
  await viewer.hears('RoomEvent', { tag: 'error', code: -9004 })

  viewer.events.length = 0
  const began = Date.now()
  await viewer.call('room', 'requestJionPusher')
  await viewer.hears('RoomEvent', { tag: 'error', code: -9004 })
  expect(Date.now() - began).toBeGreaterThan(4900)
  expect((await viewer.data('room')).linkPusherInfo.url).toBe('')
})

test('no such room', async () => {
  await liveRoom(viewer, 'Viewer', 'room_nowhere')
  await viewer.hears('RoomEvent', { tag: 'error', code: -9003 })
  await viewer.call('room', 'sendTextMsg', 'anybody?')
  await viewer.hears('RoomEvent', { tag: 'error', code: -9005 })
})

test('an anchor whose push address or room is refused', async () => {
  await liveRoom(anchor, 'Anchor', '', { roomname: 'x'.repeat(1025) })
  await anchor.hears('RoomEvent', { tag: 'error', code: -9001 })
  await leave(anchor)
  await logIn(anchor, 'live_room', 'Anchor')
  await anchor.use('utils/liveroom', 'logout')
  await anchor.mount('room', 'pages/components/live-room/liveroom', { role: 'presenter', template: 'float' }, ['RoomEvent'])
  await anchor.call('room', 'start')
  await anchor.hears('RoomEvent', { tag: 'error', code: -9002 })
})

test.each([
  ['-1301', { detail: { code: -1301 } }, -1301, false],
  ['-1302', { detail: { code: -1302 } }, -1302, false],
  ['-1305', { detail: { code: -1305 } }, -1305, false],
  ['-1306', { detail: { code: -1306 } }, -1306, false],
  ['-1307', { detail: { code: -1307 } }, -1307, true],
  ['5000', { detail: { code: 5000 } }, 5000, true],
  ['10001', { event: 'error', detail: { errCode: 10001 } }, -1, false]
])('%s of the anchor', async (name, state, code, left) => {
  await liveRoom(anchor, 'Anchor')
  const roomID = await created(anchor)
  await anchor.do('tell', { tag: 'pusher', ...state })
  await anchor.hears('RoomEvent', { tag: 'error', code })
  const there = async () => (await gateway.get('/api/v1/rooms/' + roomID)).status === 200
  if (left) await eventually('the room to end', async () => !(await there()))
  else expect(await there()).toBe(true)
})

test('a viewer whose player gives up', async () => {
  await liveRoom(anchor, 'Anchor')
  await liveRoom(viewer, 'Viewer', await created(anchor))
  await viewer.plays('player', 'red')
  await viewer.do('tell', { tag: 'player', detail: { code: -2301 } })
  await viewer.hears('RoomEvent', { tag: 'error', code: -2301 })
})

test('switches', async () => {
  await liveRoom(anchor, 'Anchor')
  await created(anchor)
  await anchor.call('room', 'sendTextMsg', '>debug')
  for (const method of ['toggleBeauty', 'toggleMuted', 'switchCamera', 'pause', 'resume']) await anchor.call('room', method)
  expect(await anchor.do('attributes', { tag: 'pusher' })).toMatchObject({ debug: true, beauty: 0, muted: true })
  expect((await anchor.media()).pusher.calls).toEqual(['start', 'switchCamera', 'pause', 'resume'])
})
