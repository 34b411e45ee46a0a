const { Gateway } = require('./support/gateway')
const { Phone, eventually } = require('./support/phones')
const { Agent, deskConfig } = require('./support/desk')

const COMPONENT = 'pages/components/video-service/video-service'

let gateway, ann, anna, ben, sam

beforeAll(async () => {
  gateway = await Gateway.start('', deskConfig([
    '{id: support, name: 在线客服, wait_message: 请稍候, hold_message: 马上回来, callback: true, max_waiting: 2, full_message: 线路已满}',
    '{id: night, name: 夜间, hours: ["Mon-Sun 00:00-00:01"], closed_message: 明天见, callback: true}'
  ], ['caller_grace: 10s', 'ring_timeout: 30s']) + 'rooms: {grace: 5s}\nrecording: {}\n')
  ann = new Phone(gateway, { color: 'red', tone: 440 })
  anna = new Agent(gateway, 'anna', { color: 'blue', tone: 880 })
  ben = new Agent(gateway, 'ben', { color: 'green', tone: 660 })
  sam = new Agent(gateway, 'sam')
  for (const agent of [anna, ben, sam]) await agent.open()
})

afterAll(async () => {
  for (const agent of [anna, ben, sam]) agent.close()
  await ann.close()
  await gateway.stop()
})

afterEach(async () => {
  for (const agent of [anna, ben]) {
    agent.hushes()
    await agent.be('offline')
  }
  await ann.clear()
  await eventually('the calls to be over', async () => (await sam.ask('GET', '/calls')).calls.length === 0)
})

const data = () => ann.data('service')
const shows = (what, condition) => eventually(async () => `${what}; the screen has ${JSON.stringify(await data())}`, async () => condition(await data()))
const tap = (selector) => ann.do('tap', { name: 'service', selector })

/** Puts the component on the screen; more are properties. */
async function open(more) {
  await ann.mount('service', COMPONENT, { server: gateway.url, queue: 'support', userID: 'ann', nickName: '安', userData: { order: 4711 }, ...more }, ['ServiceEvent'])
  await shows('the start screen', (d) => d.screen === 'start' && (d.queueState || d.queueNote))
}

test('one calls, waits, talks with an agent, is put on hold, and rates', async () => {
  await open()
  expect(await data()).toMatchObject({ queueName: '在线客服', queueState: 'open', name: '安' })
  expect((await ann.media()).rtcpusher).toMatchObject({ calls: ['startPreview'], running: false })

  // Somebody is before her in line.
  const first = await sam.ask('POST', '/queues/support/calls', { userID: 'zhao', client: 'rtmp' })
  await tap('.vs-dial')
  await shows('the queue screen', (d) => d.over === 'queue' && d.place === '您排在第 2 位' && d.notice === '请稍候')
  expect(await data()).toMatchObject({ headline: '正在排队', expected: '目前没有客服在岗，我们会为您保留位置。', endText: '取消呼叫' })
  await sam.act(first.call.callID, 'hangup')
  await shows('her turn', (d) => d.headline === '下一位就是您' && d.place === '')
  await anna.be('ready')
  await shows('the ringing', (d) => d.headline === '正在为您接通客服')
  const call = await anna.answers()
  expect(call.caller).toMatchObject({ userID: 'ann', nickName: '安', client: 'rtmp', userData: { order: 4711 } })
  await shows('the call screen', (d) => d.phase === 'answered' && d.who === '正在与Anna通话' && !d.over && !d.alone && /^0:\d\d$/.test(d.timer))
  await ann.plays('agent-anna', 'blue', 880)
  await anna.sees('ann', 'red', 440)
  expect(await ann.do('attributes', { tag: 'agent-anna' })).toMatchObject({ mode: 'RTC', autoplay: true, minCache: '0.1', maxCache: '0.3', objectFit: 'contain' })
  await shows('the picture', (d) => d.people[0].loading === false && d.people[0].front)

  const talk = await anna.talks()
  talk.say('您好，请讲')
  await shows('a new message', (d) => d.unread === 1 && d.lines[0].text === '您好，请讲' && d.lines[0].from === 'Anna' && !d.lines[0].mine)
  await tap('.vs-talk')
  await ann.call('service', 'onDraft', { detail: { value: '你好' } })
  await tap('.vs-send')
  await eventually('the message at the agent', () => talk.said.some((said) => said.text === '你好' && said.from === 'ann'))
  await shows('one\'s own message', (d) => d.unread === 0 && d.draft === '' && d.lines.some((line) => line.mine && line.text === '你好'))
  await tap('.vs-mic')
  await tap('.vs-camera')
  await eventually('what is off to be known', async () => {
    const me = (await gateway.get('/api/v1/rooms/' + call.callID)).body.members.find((member) => member.userID === 'ann')
    return me.audioMuted && me.videoMuted
  })
  expect(await ann.do('attributes', { tag: 'rtcpusher' })).toMatchObject({ muted: true, enableCamera: false })
  await tap('.vs-mic')
  await tap('.vs-camera')
  await tap('.vs-switch')
  expect((await ann.media()).rtcpusher.calls).toContain('switchCamera')

  await anna.act(call.callID, 'hold')
  await shows('the hold screen', (d) => d.over === 'hold' && d.headline === '通话保持中' && d.notice === '马上回来')
  await anna.act(call.callID, 'resume')
  await shows('the call again', (d) => d.over === '' && d.phase === 'answered')
  await ann.plays('agent-anna', 'blue', 880)

  await tap('.vs-end')
  await shows('the end', (d) => d.screen === 'ended' && d.answered && d.ended === '感谢您的来电' && /^通话已结束。 通话时长 \d+:\d\d。$/.test(d.lasted))
  expect((await ann.media()).rtcpusher).toBeUndefined()
  await tap('.star-4')
  await ann.call('service', 'onComment', { detail: { value: '很好' } })
  await tap('.vs-rate')
  await ann.hears('ServiceEvent', { tag: 'rated' })
  await shows('thanks', (d) => d.ratingDone)
  const record = await sam.ask('GET', '/history/' + call.callID)
  expect(record.call).toMatchObject({ reason: 'completed', endedBy: 'caller', rating: { stars: 4, comment: '很好' } })
  expect(ann.heard('ServiceEvent', { tag: 'screen' }).map((event) => event.detail)).toEqual(['start', 'call', 'ended'])
  expect(ann.heard('ServiceEvent', { tag: 'error' })).toEqual([])
  await tap('.vs-again')
  await shows('the start again', (d) => d.screen === 'start')
})
