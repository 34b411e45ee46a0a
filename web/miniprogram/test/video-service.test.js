const http = require('http')
const { Gateway } = require('./support/gateway')
const { Phone, eventually } = require('./support/phones')
const { Agent, deskConfig } = require('./support/desk')

const COMPONENT = 'pages/components/video-service/video-service'

let gateway, ann, anna, ben, sam

beforeAll(async () => {
  gateway = await Gateway.start('', deskConfig([
    '{id: support, name: 在线客服, wait_message: 请稍候, hold_message: 马上回来, callback: true, max_waiting: 2, full_message: 线路已满}',
    '{id: night, name: 夜间, hours: ["Mon-Sun 00:00-00:01"], closed_message: 明天见, callback: true}'
  ], ['caller_grace: 5s', 'ring_timeout: 30s']) + 'rooms: {grace: 5s}\n')
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

/** A call that has been answered by Anna. */
async function talks(more) {
  await open(more)
  await tap('.vs-dial')
  await anna.be('ready')
  const call = await anna.answers()
  await ann.plays('agent-anna', 'blue', 880)
  await anna.sees('ann', 'red', 440)
  return call
}

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

test('a guest comes, the call is recorded and transferred, and the agent hangs up', async () => {
  const call = await talks()
  const invited = await anna.act(call.callID, 'invite', { nickName: '证人', role: 'witness', client: 'rtmp' })
  ben.start('pusher', 'guest', invited.room.push.rtmp)
  await shows('the guest', (d) => d.people.length === 2 && d.people.find((person) => !person.front).nickName === '证人' && d.others === '还有 证人')
  const guest = (await data()).people.find((person) => !person.front)
  await ann.plays(guest.userID, 'green', 660)
  await anna.act(call.callID, 'remove', { userID: guest.userID })
  await shows('the guest gone', (d) => d.people.length === 1 && d.others === '')
  ben.hushes()

  const { recordingID } = await anna.ask('POST', '/recordings', { callID: call.callID })
  await shows('that it is recorded', (d) => d.recording && d.recording.state === 'on' && d.recording.text === '录制中')
  expect(await ann.do('html', { name: 'service' })).toMatch(/recording[ "].*录制中/)
  await anna.ask('POST', `/recordings/${recordingID}/pause`)
  await shows('that it is paused', (d) => d.recording.text === '录制已暂停')
  await anna.ask('POST', `/recordings/${recordingID}/stop`)
  await shows('that it is not recorded', (d) => d.recording === null)

  await ben.be('ready')
  await anna.act(call.callID, 'transfer', { agentID: 'ben', warm: false })
  await shows('the transfer', (d) => d.over === 'hold' && d.headline === '正在为您转接')
  anna.hushes()
  await ben.answers()
  await shows('the other agent', (d) => d.who === '正在与Ben通话' && d.people.length === 1)
  await ann.plays('agent-ben', 'green', 660)
  await ben.sees('ann', 'red', 440)
  await ben.act(call.callID, 'hangup')
  await shows('the end', (d) => d.screen === 'ended' && d.answered && d.endReason === 'completed')
})

test('the network goes and comes back; pusher and player give up; the phone was in the background', async () => {
  const call = await talks()
  await ann.do('offline')
  await shows('that the network is gone', (d) => d.reconnecting && d.screen === 'call')
  await anna.act(call.callID, 'hold')
  await ann.do('online', { networkType: '4g' })
  await shows('what happened meanwhile', (d) => !d.reconnecting && d.over === 'hold')
  await anna.act(call.callID, 'resume')
  await ann.plays('agent-anna', 'blue', 880)
  await anna.sees('ann', 'red', 440)

  const pushes = async () => (await ann.media()).rtcpusher.states.filter((code) => code === 1002).length
  const before = await pushes()
  await ann.do('tell', { tag: 'rtcpusher', detail: { code: -1307 } })
  expect((await ann.hears('ServiceEvent', { tag: 'error', code: -6 })).detail).toBe('网络中断，正在重新连接…')
  await eventually('the pusher to push again', async () => await pushes() > before)
  await ann.do('tell', { tag: 'agent-anna', detail: { code: 2105 } })
  await ann.do('tell', { tag: 'agent-anna', event: 'netstatus', detail: { info: { videoFPS: 15, videoBitrate: 300, audioBitrate: 40, audioCache: 180 } } })
  await ann.do('tell', { tag: 'agent-anna', detail: { code: -2301 } })
  await eventually('the player to play again', async () => (await ann.media())['agent-anna'].calls.includes('play'))
  await eventually('what the phone sees to be told', async () => {
    const { legs } = await sam.ask('GET', `/calls/${call.callID}/quality`)
    return legs.some((leg) => leg.userID === 'agent-anna' && (leg.samples || []).some((sample) => sample.freezes > 0))
  })
  const again = await pushes()
  await ann.do('tell', { tag: 'rtcpusher', detail: { code: 5000 } })
  await ann.hears('ServiceEvent', { tag: 'error', code: 5000 })
  await ann.do('show', { name: 'service' })
  await eventually('the pusher to push after the background', async () => await pushes() > again)
  await ann.plays('agent-anna', 'blue', 880)
  await anna.sees('ann', 'red', 440)

  // The gateway is killed, and comes back with its calls.
  await gateway.halt('SIGKILL')
  await shows('that the gateway is gone', (d) => d.reconnecting)
  await gateway.run()
  for (const agent of [anna, ben, sam]) await agent.open()
  anna.hushes()
  const { room } = await anna.act(call.callID, 'join')
  await anna.enters(call, room)
  await shows('the call again', (d) => !d.reconnecting && d.screen === 'call' && d.over === '')
  await ann.plays('agent-anna', 'blue', 880)
  await anna.sees('ann', 'red', 440)

  // A call that ended while the phone was away has ended.
  await ann.do('offline')
  await anna.act(call.callID, 'hangup')
  await ann.do('online', { networkType: 'wifi' })
  await shows('the end', (d) => d.screen === 'ended' && d.answered)
})

test('who comes back into the line too late has lost the call', async () => {
  await open()
  await tap('.vs-dial')
  await shows('the line', (d) => d.over === 'queue')
  await ann.do('offline')
  const { calls } = await sam.ask('GET', '/calls')
  await sam.act(calls[0].callID, 'hangup')
  await ann.do('online')
  await shows('the end', (d) => d.screen === 'ended' && !d.answered && d.ended === '通话已中断。')
  await ann.hears('ServiceEvent', { tag: 'error', code: -10 })
})

test('closed, full, unknown, and not to be reached: a message, and a request to be called back', async () => {
  await open({ queue: 'night' })
  await shows('that it is closed', (d) => d.queueState === 'shut' && /^明天见 下次服务时间：周. \d\d:\d\d。$/.test(d.queueNote))
  await tap('.vs-dial')
  await shows('the refusal', (d) => d.screen === 'refused' && d.refusedTitle === '现在不在服务时间' && d.refusedText.startsWith('明天见') && d.offersCallback)
  await ann.hears('ServiceEvent', { tag: 'error', code: -9 })
  await ann.call('service', 'onContact', { detail: { value: '138 0000 0000' } })
  await ann.call('service', 'onNote', { detail: { value: '退货' } })
  await tap('.vs-callback')
  await shows('that it is noted', (d) => d.callbackDone)
  expect((await sam.ask('GET', '/callbacks?queue=night')).callbacks).toEqual([expect.objectContaining({ userID: 'ann', nickName: '安', contact: '138 0000 0000', note: '退货', state: 'open' })])
  await ann.clear()

  const others = []
  for (const userID of ['zhao', 'qian']) others.push(await sam.ask('POST', '/queues/support/calls', { userID, client: 'rtmp' }))
  await open({ lang: 'en' })
  await tap('.vs-dial')
  await shows('that the line is full', (d) => d.refusedTitle === 'All lines are busy' && d.refusedText === '线路已满')
  await sam.act(others[0].call.callID, 'hangup')
  await tap('.vs-again')
  await shows('the start', (d) => d.screen === 'start' && d.t.call === 'Call now')
  await tap('.vs-language')
  await tap('.vs-dial')
  await shows('the line', (d) => d.over === 'queue' && d.place === '您排在第 2 位')
  await tap('.vs-end')
  await shows('the end', (d) => d.screen === 'ended' && d.ended === '您在接通前挂断了。')
  await sam.act(others[1].call.callID, 'hangup')
  await ann.clear()

  await open({ queue: 'nobody' })
  expect((await data()).queueNote).toBe('没有这个客服队列。')
  await ann.do('offline')
  await tap('.vs-dial')
  await shows('that nobody answers', (d) => d.refusedText === '服务没有响应，请检查网络后重试。' && !d.offersCallback)
})

test('camera and microphone that may not be used, or do not open', async () => {
  await ann.do('trouble', { trouble: { errCode: 10001, errMsg: 'denied' } })
  await open()
  await shows('what to do about it', (d) => d.problem && d.problem.settings && d.t[d.problem.word] === '请允许使用摄像头，否则对方看不到您。')
  expect((await ann.hears('ServiceEvent', { tag: 'error', code: -7 })).detail).toBe('请允许使用摄像头，否则对方看不到您。')
  expect(await ann.do('attributes', { tag: 'rtcpusher' })).toMatchObject({ enableCamera: false })
  await ann.do('trouble', { trouble: null })
  await ann.call('service', 'onSettings')
  await shows('that all is well', (d) => d.problem === null)
  await tap('.vs-dial')
  await eventually('the pusher', async () => ((await ann.media()).rtcpusher || {}).running)
  expect(await ann.do('attributes', { tag: 'rtcpusher' })).toMatchObject({ enableCamera: true })
  for (const [code, raised, word] of [[-1301, -4, '摄像头无法打开，可能正被其他应用占用。'], [-1302, -5, '麦克风无法打开，可能正被其他应用占用。']]) {
    await ann.do('tell', { tag: 'rtcpusher', detail: { code } })
    expect((await ann.hears('ServiceEvent', { tag: 'error', code: raised })).detail).toBe(word)
    // The call goes on: who is not seen may be heard.
    await shows('the words', (d) => d.screen === 'call' && d.t[d.problem.word] === word)
  }
  await tap('.vs-small')
  await shows('another attempt', (d) => d.problem === null && d.enableCamera)
})

test('a call of the back end, one of an earlier life, another phone of the same user, and a page that is left', async () => {
  // The back end of a company passes on what the gateway says; here it is the gateway.
  await open({ placeUrl: gateway.url + '/api/v1/queues/support/calls', header: { 'x-session': 's' }, skills: [], userData: null, userID: '', userId: 'ann' })
  await tap('.vs-dial')
  await shows('the line', (d) => d.over === 'queue')
  const bob = new Phone(gateway, { color: 'yellow', tone: 550 })
  try {
    const placed = await sam.ask('POST', '/queues/support/calls', { userID: 'ann', client: 'rtmp' })
    await bob.do('keep', { key: 'hutong.call.' + gateway.url + '/support', value: { callID: placed.call.callID, token: placed.token } })
    await bob.mount('service', COMPONENT, { server: gateway.url, queue: 'support' }, ['ServiceEvent'])
    await eventually('the call on the other phone', async () => (await bob.data('service')).over === 'queue')
    await shows('that it goes on elsewhere', (d) => d.screen === 'ended' && d.ended === '通话已在另一台设备上继续。' && !d.answered)
    await bob.do('unmount', { name: 'service' })
    await eventually('the line to be left', async () => (await sam.ask('GET', '/calls')).calls.length === 0)
    expect((await sam.ask('GET', '/history/' + placed.call.callID)).call.reason).toBe('abandoned')
    const ready = await sam.ask('POST', '/queues/support/calls', { userID: 'bob', client: 'rtmp' })
    await bob.mount('service', COMPONENT, { server: gateway.url, queue: 'support', placed: ready }, ['ServiceEvent'])
    await eventually('the placed call', async () => (await bob.data('service')).over === 'queue')
    await eventually('bob to push', async () => (await gateway.get('/api/v1/rooms/' + ready.call.callID)).body.members.some((member) => member.publishing))
    await sam.act(ready.call.callID, 'hangup')
  } finally {
    await bob.close()
  }
})

/** A company's back end: it knows its customer by the header, asks the gateway with its key, and passes on status and answer. */
async function backEnd(guarded, key) {
  const server = http.createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    const { queue, ...body } = JSON.parse(text)
    const answer = await fetch(guarded.url + `/api/v1/queues/${queue}${request.url}`, {
      method: 'POST', headers: { 'content-type': 'application/json', authorization: 'Bearer ' + key },
      body: JSON.stringify({ ...body, userID: 'customer-' + request.headers['x-session'] })
    })
    response.writeHead(answer.status, { 'content-type': 'application/json' })
    response.end(await answer.text())
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: 'http://127.0.0.1:' + server.address().port, close: () => new Promise((resolve) => server.close(resolve)) }
}

test('where access takes keys, the company\'s back end places the call', async () => {
  const key = 'k'.repeat(32)
  const guarded = await Gateway.start('', deskConfig([
    '{id: support, name: 在线客服}', '{id: night, hours: ["Mon-Sun 00:00-00:01"], closed_message: 明天见, callback: true}'
  ]) + `auth: {mode: token, token_secret: "${'s'.repeat(32)}", api_keys: [{name: shop, key: "${key}"}], signed_urls: [{app: live, key: "${'u'.repeat(32)}"}]}\n`)
  const shop = await backEnd(guarded, key)
  const clerk = new Agent(guarded, 'anna', { color: 'green', tone: 660 })
  const component = { server: guarded.url, queue: 'support', nickName: '安', header: { 'x-session': '7' } }
  try {
    await clerk.open()
    await clerk.be('ready')
    await ann.mount('service', COMPONENT, component, ['ServiceEvent'])
    await shows('the start screen', (d) => d.screen === 'start')
    await tap('.vs-dial')
    await shows('that it takes an invitation', (d) => d.screen === 'refused' && d.refusedText === '需要由您要联系的公司发起呼叫。' && !d.offersCallback)
    await ann.clear()

    await ann.mount('service', COMPONENT, { ...component, placeUrl: shop.url + '/calls' }, ['ServiceEvent'])
    await shows('the start screen', (d) => d.screen === 'start')
    await tap('.vs-dial')
    const call = await clerk.answers()
    expect(call.caller).toMatchObject({ userID: 'customer-7', nickName: '安' })
    await ann.plays('agent-anna', 'green', 660)
    await clerk.sees('customer-7', 'red', 440)
    await ann.do('offline')
    await ann.do('online', { networkType: '5g' })
    await shows('the call', (d) => !d.reconnecting && d.phase === 'answered')
    await ann.plays('agent-anna', 'green', 660)
    await tap('.vs-end')
    await shows('the end', (d) => d.screen === 'ended' && d.answered)
    await tap('.star-5')
    await tap('.vs-rate')
    await shows('thanks', (d) => d.ratingDone)
    await ann.clear()

    await ann.mount('service', COMPONENT, { ...component, queue: 'night', placeUrl: shop.url + '/calls', callbackUrl: shop.url + '/callbacks' }, ['ServiceEvent'])
    await shows('the start screen', (d) => d.screen === 'start')
    await tap('.vs-dial')
    await shows('the form', (d) => d.offersCallback)
    await ann.call('service', 'onContact', { detail: { value: '138 0000 0000' } })
    await tap('.vs-callback')
    await shows('that it is noted', (d) => d.callbackDone)
  } finally {
    await ann.clear()
    clerk.close()
    await shop.close()
    await guarded.stop()
  }
})

test('the demo leads to it', async () => {
  await ann.mount('index', 'demo/pages/index/index')
  await ann.call('index', 'onName', { detail: { value: '安' } })
  await ann.call('index', 'onServer', { detail: { value: gateway.url } })
  await ann.do('tap', { name: 'index', selector: '.service' })
  const url = (await ann.do('state')).pages.pop()
  expect(url).toBe('/demo/pages/service/service?queue=support&nickName=' + encodeURIComponent('安'))
  await ann.mount('page', 'demo/pages/service/service')
  await ann.call('page', 'onLoad', { queue: 'support', nickName: encodeURIComponent('安') })
  await ann.do('laidOut', { name: 'page', selector: '#service' })
  await eventually('the preview', async () => ((await ann.media()).rtcpusher || { calls: [] }).calls.includes('startPreview'))
})

test('both languages have the same words, and none is idle', () => {
  const fs = require('fs')
  const path = require('path')
  const { zh, en } = require('../' + COMPONENT.replace('video-service/video-service', 'video-service/words'))
  expect(Object.keys(en)).toEqual(Object.keys(zh))
  const folder = path.join(__dirname, '..', path.dirname(COMPONENT))
  const code = fs.readdirSync(folder).filter((name) => name !== 'words.js' && /\.(js|wxml)$/.test(name)).map((name) => fs.readFileSync(path.join(folder, name), 'utf8')).join('') +
    fs.readFileSync(path.join(folder, 'words.js'), 'utf8').split('/** A text with its gaps filled')[1]
  for (const name of Object.keys(zh)) {
    const used = name.startsWith('reason.') || code.includes(`t.${name}`) || code.includes(`words.${name}`) || code.includes(`'${name}'`)
    expect([name, used]).toEqual([name, true])
  }
})
