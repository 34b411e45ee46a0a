const fs = require('fs')
const path = require('path')
const { Gateway } = require('./support/gateway')
const { Phone, eventually } = require('./support/phones')

const ROOT = path.resolve(__dirname, '..')
const json = (file) => JSON.parse(fs.readFileSync(path.join(ROOT, file), 'utf8'))
const app = json('app.json')

/** Every file of the mini-program whose name ends so. */
function files(ending, directory = '') {
  return fs.readdirSync(path.join(ROOT, directory), { withFileTypes: true }).flatMap((entry) => {
    const name = path.posix.join(directory, entry.name)
    if (entry.isDirectory()) return ['node_modules', 'test'].includes(name) ? [] : files(ending, name)
    return name.endsWith(ending) ? [name] : []
  })
}

describe('what the developer tools want', () => {
  test.each(app.pages)('%s is whole', (page) => {
    for (const ending of ['.js', '.json', '.wxml', '.wxss']) expect(fs.existsSync(path.join(ROOT, page + ending))).toBe(true)
    for (const component of Object.values(json(page + '.json').usingComponents)) {
      expect(json(component.slice(1) + '.json').component).toBe(true)
    }
  })

  test('pictures, templates and modules that are named are there', () => {
    const there = (from, to) => fs.existsSync(to[0] === '/' ? path.join(ROOT, to) : path.join(ROOT, path.dirname(from), to))
    for (const file of files('.wxml')) {
      const text = fs.readFileSync(path.join(ROOT, file), 'utf8')
      for (const [, to] of text.matchAll(/<(?:import|include|image)[^>]*? src="([^"{]+)"/g)) expect([file, to, there(file, to)]).toEqual([file, to, true])
      for (const [, from, one, other] of text.matchAll(/src="([^"{]+)\{\{[^"]*\? '([\w-]+)' : '([\w-]+)'\}\}\.svg/g)) {
        for (const icon of [one, other]) expect([file, icon, there(file, `${from}${icon}.svg`)]).toEqual([file, icon, true])
      }
    }
    for (const file of files('.js').filter((name) => name !== 'jest.config.js')) {
      for (const [, to] of fs.readFileSync(path.join(ROOT, file), 'utf8').matchAll(/require\('(\.[^']+)'\)/g)) {
        // webim_wx.js looks for config.js in two places.
        if (file !== 'utils/webim_wx.js') expect([file, to, there(file, to + '.js')]).toEqual([file, to, true])
      }
    }
  })

  test('handlers that are named are there', () => {
    // A component may be several files in a folder of its name; parts that components share belong to none.
    for (const file of files('.wxml')) {
      const folder = path.posix.dirname(file)
      const code = files('.js', folder)
      if (!code.includes(file.replace(/wxml$/, 'js')) && !code.includes(path.posix.join(folder, path.posix.basename(folder) + '.js'))) continue
      const text = code.map((name) => fs.readFileSync(path.join(ROOT, name), 'utf8')).join('')
      for (const [, handler] of fs.readFileSync(path.join(ROOT, file), 'utf8').matchAll(/\s(?:bind|catch):?\w+="(\w+)"/g)) expect([file, handler, text.includes(`${handler}: function`)]).toEqual([file, handler, true])
    }
  })

  test('the project opens as it is', () => {
    expect(json('project.config.json')).toMatchObject({ compileType: 'miniprogram', miniprogramRoot: './', appid: expect.any(String) })
    expect(fs.existsSync(path.join(ROOT, app.sitemapLocation))).toBe(true)
  })
})

test.each([
  ['https://call.example.com/#/room/482-117-905', { server: 'https://call.example.com', roomID: '482-117-905' }],
  ['https://call.example.com/#/room/court?name=Li', { server: 'https://call.example.com', roomID: 'court' }],
  ['http://192.168.1.5:8080/#/room/7', { server: 'http://192.168.1.5:8080', roomID: '7' }],
  ['https://example.com/video/?lang=zh#/room/a_b', { server: 'https://example.com/video', roomID: 'a_b' }],
  ['1234567', { roomID: '1234567' }],
  ['https://example.com/', null],
  ['not a room', null]
])('the code %j', (text, read) => {
  expect(require('../demo/server').readCode(text)).toEqual(read)
})

describe('with a gateway', () => {
  let gateway, ann, bob

  beforeAll(async () => {
    gateway = await Gateway.start()
    ann = new Phone(gateway, { color: 'red', tone: 440 })
    // This one does not know the gateway yet.
    bob = new Phone({ url: 'http://127.0.0.1:9' }, { color: 'blue', tone: 880 })
  })

  afterAll(async () => {
    await Promise.all([ann, bob].map((phone) => phone.close()))
    await gateway.stop()
  })

  afterEach(() => Promise.all([ann, bob].map((phone) => phone.clear())))

  /** Opens the page that was navigated to last. */
  async function follow(phone) {
    const url = await eventually('another page', async () => (await phone.do('state')).pages.pop())
    const [page, search] = url.split('?')
    await phone.mount('page', page.slice(1))
    await phone.call('page', 'onLoad', Object.fromEntries(search.split('&').map((pair) => pair.split('='))))
  }
  const page = (phone) => phone.data('page')
  const someone = (phone) => eventually('another player', async () => Object.keys(await phone.media()).find((id) => id.startsWith('user_')))

  async function talk(from, to) {
    await from.call('page', 'onDraft', { detail: { value: 'can you hear me?' } })
    await from.call('page', 'onSend')
    await eventually('the line', async () => (await page(to)).lines.some((line) => line.text === 'can you hear me?' && line.from === 'Ann'))
  }

  test('one makes a room, another scans it: a call with sound, picture and chat', async () => {
    await ann.mount('index', 'demo/pages/index/index')
    await ann.call('index', 'onName', { detail: { value: 'Ann' } })
    await ann.do('tap', { name: 'index', selector: '.create' })
    await follow(ann)
    const { roomID, kind } = await page(ann)
    expect([roomID, kind]).toEqual([expect.stringMatching(/^\d+$/), 'webrtc'])

    await bob.mount('index', 'demo/pages/index/index')
    await bob.call('index', 'onName', { detail: { value: 'Bob' } })
    await bob.do('setState', { state: { scanned: `${gateway.url}/#/room/${roomID}` } })
    await bob.do('tap', { name: 'index', selector: '.scan-button' })
    await follow(bob)
    await ann.plays(await someone(ann), 'blue', 880)
    await bob.plays(await someone(bob), 'red', 440)
    expect((await gateway.get('/api/v1/rooms/' + roomID)).body.members.map((member) => member.nickName).sort()).toEqual(['Ann', 'Bob'])
    await talk(ann, bob)
    for (const tool of ['microphone', 'camera', 'layout', 'switch', 'talk']) await ann.do('tap', { name: 'page', selector: '.' + tool })
    await eventually('the switches', async () => {
      const { muted, camera, template, chat } = await page(ann)
      return muted && !camera && template === 'grid' && chat
    })

    await bob.do('unmount', { name: 'page' })
    await eventually('Bob to be gone', async () => (await gateway.get('/api/v1/rooms/' + roomID)).body.members.length === 1)
    // The one who stays is still in the call.
    expect((await ann.do('state')).pages).toHaveLength(1)
  })

  test('a room with a name', async () => {
    for (const [phone, name] of [[ann, 'Ann'], [bob, 'Bob']]) {
      await phone.mount('index', 'demo/pages/index/index')
      await phone.call('index', 'onName', { detail: { value: name } })
      await phone.call('index', 'onServer', { detail: { value: gateway.url + '/' } })
      await phone.call('index', 'onRoom', { detail: { value: 'court-7' } })
      await phone.do('tap', { name: 'index', selector: '.join' })
      await follow(phone)
      expect((await page(phone)).kind).toBe('rtc')
    }
    await ann.plays(await someone(ann), 'blue', 880)
    await bob.plays(await someone(bob), 'red', 440)
    await talk(ann, bob)
  })

  test('a room that is not there, and a code that is none', async () => {
    await ann.mount('index', 'demo/pages/index/index')
    await ann.do('setState', { state: { scanned: 'https://example.com/', toasts: [] } })
    await ann.do('tap', { name: 'index', selector: '.scan-button' })
    await eventually('a word', async () => (await ann.do('state')).toasts.includes('这不是通话房间的二维码'))
    await ann.call('index', 'onRoom', { detail: { value: '123456789' } })
    await ann.call('index', 'onJoin')
    await follow(ann)
    await eventually('the way back', async () => (await ann.do('state')).pages.pop() === 'back')
  })

  test('a live room', async () => {
    await ann.mount('index', 'demo/pages/index/index')
    await ann.call('index', 'onName', { detail: { value: 'Ann' } })
    await ann.do('tap', { name: 'index', selector: '.anchor' })
    await follow(ann)
    const line = await eventually('the room', async () => (await page(ann)).lines.find((one) => one.text.includes('房间号')))
    await bob.mount('index', 'demo/pages/index/index')
    await bob.call('index', 'onServer', { detail: { value: gateway.url } })
    await bob.call('index', 'onRoom', { detail: { value: line.text.split(' ').pop() } })
    await bob.call('index', 'onWatch')
    await follow(bob)
    await bob.plays('player', 'red', 440)
    await bob.do('tap', { name: 'page', selector: '.link' })
    await eventually('Bob on stage', async () => (await page(bob)).linked)
    await ann.plays(await someone(ann), 'blue', 880)
  })
})
