/** Users of different components in one room, and clients of the messages alone. */
const { Gateway } = require('./support/gateway')
const { Phone, eventually } = require('./support/phones')
const { webrtcRoom, rtcRoom, record, notice } = require('./support/rooms')

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

const chatOfWebrtcRoom = (phone) => phone.heard('IMEvent', { tag: 'big_group_msg_notify' }).flatMap((event) => event.detail)
  .flatMap((message) => message.elems.filter((elem) => elem.content.ext === 'TEXT').map((elem) => [message.from, elem.content.data, JSON.parse(elem.content.desc).nickName]))
const chatOfRtcRoom = (phone) => phone.heard('onRoomEvent', { tag: 'recvTextMsg' }).map((event) => JSON.parse(event.detail))
  .map((message) => [message.userID, message.textMsg, message.nickName])

test('webrtc-room and rtc-room in one room: members, messages, media, and a lost network', async () => {
  const a = await webrtcRoom(ann, 'Ann')
  await ann.hears('IMEvent', { tag: 'join_group_event', code: 0 })
  const b = await rtcRoom(bob, 'Bob', a.roomID)
  await ann.plays(b.userID, 'blue', 880)
  await bob.plays(a.userID, 'red', 440)
  const { body } = await gateway.get('/api/v1/rooms/' + a.roomID)
  expect(body.members.map((member) => [member.userID, member.nickName, member.client]).sort()).toEqual([[a.userID, 'Ann', 'rtmp'], [b.userID, 'Bob', 'rtmp']].sort())

  // Both are told that they are recorded.
  const recording = await record(gateway, a.roomID)
  for (const phone of [ann, bob]) await notice(phone, '录制中')
  await recording('pause')
  for (const phone of [ann, bob]) await notice(phone, '录制已暂停')
  await recording('stop')
  for (const phone of [ann, bob]) await notice(phone, '')

  // Each reads chat in the form of the own component.
  await ann.call('room', 'sendGroupCustomMsg', { data: 'hello Bob', ext: 'TEXT', desc: '{"nickName":"Ann"}' })
  await eventually('the message to rtc-room', () => chatOfRtcRoom(bob).find(([userID]) => userID === a.userID))
  expect(chatOfRtcRoom(bob).filter(([userID]) => userID === a.userID)).toEqual([[a.userID, 'hello Bob', 'Ann']])
  await bob.call('room', 'sendTextMsg', 'hello Ann')
  await eventually('the message to webrtc-room', () => chatOfWebrtcRoom(ann).find(([userID]) => userID === b.userID))
  expect(chatOfWebrtcRoom(ann).filter(([userID]) => userID === b.userID)).toEqual([[b.userID, 'hello Ann', 'Bob']])

  // Bob loses the network; what is said meanwhile reaches him once, and the media comes back.
  await bob.do('offline')
  await ann.call('room', 'sendGroupCustomMsg', { data: 'while away', ext: 'TEXT', desc: '{"nickName":"Ann"}' })
  await bob.do('online', { networkType: '4g' })
  await eventually('the message', () => chatOfRtcRoom(bob).find(([, text]) => text === 'while away'))
  await bob.plays(a.userID, 'red', 440)
  await ann.plays(b.userID, 'blue', 880)
  expect(chatOfRtcRoom(bob).filter(([, text]) => text === 'while away')).toHaveLength(1)
  expect([...ann.heard('RoomEvent'), ...bob.heard('onRoomEvent', { tag: 'error' })]).toEqual([])
})

test('a gateway that is started again: calls and messages go on', async () => {
  const a = await webrtcRoom(ann, 'Ann')
  const b = await rtcRoom(bob, 'Bob', a.roomID)
  await ann.plays(b.userID, 'blue')
  await bob.plays(a.userID, 'red')
  await gateway.halt()
  await gateway.run()
  await ann.hears('IMEvent', { tag: 'connection_event', code: 1 })
  await bob.call('room', 'sendTextMsg', 'still here')
  await eventually('the message', () => chatOfWebrtcRoom(ann).find(([, text]) => text === 'still here'))
  await ann.plays(b.userID, 'blue', 880)
  await bob.plays(a.userID, 'red', 440)
})
