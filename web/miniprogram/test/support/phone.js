/**
 * A phone, as a process of its own: it mounts pages and components with the official WXML compiler, its tags push and play
 * with ffmpeg, and its network can be cut. Commands come as lines of JSON, {id, do, ...}; answers {id, result} or {id, error}
 * and events {event, ...} go out as lines.
 *
 *   node phone.js --gateway http://127.0.0.1:8080 --color red --tone 440 [--file clip.flv]
 */
const path = require('path')
const readline = require('readline')
const { JSDOM } = require('jsdom')
const { Wire } = require('./wire')
const { Media, Tag } = require('./media')
const { makeWx } = require('./wx')

const ROOT = path.resolve(__dirname, '../..')

const options = {}
for (let i = 2; i < process.argv.length; i += 2) options[process.argv[i].slice(2)] = process.argv[i + 1]

const say = (line) => { process.stdout.write(JSON.stringify(line) + '\n') }

const dom = new JSDOM('<!doctype html><body></body>', { pretendToBeVisual: true })
for (const name of ['document', 'Node', 'HTMLElement', 'Event', 'CustomEvent', 'requestAnimationFrame']) global[name] = dom.window[name]
global.window = dom.window

const state = { toasts: [], pages: [], scanned: '', networkType: 'wifi', clipboard: '', refuses: false, language: 'zh_CN' }
const wire = new Wire()
const media = new Media(wire, { color: options.color || 'red', tone: Number(options.tone || 440), file: options.file })
const wx = makeWx(wire, media, state)
global.wx = wx
global.getApp = () => ({ globalData: { headerHeight: 44, statusBarHeight: 20 } })
const config = require(path.join(ROOT, 'config'))
Object.assign(config, { url: options.gateway, roomServiceUrl: options.gateway, webrtcServerUrl: options.gateway + '/weapp/webrtc_room' })

// The pages' own lines are of no interest to who reads the commands.
console.log = console.info = console.debug = () => {}

const simulate = require('miniprogram-simulate')
const tags = tagsFor(media)
const mounted = new Map()

/** The tags as components, so that what a template gives them arrives. */
function tagsFor(media) {
  const tag = (kind, properties, urlName, startName) => simulate.load({
    id: 'live-' + kind,
    tagName: 'live-' + kind,
    template: '<div><slot></slot></div>',
    properties,
    attached() {
      this.tag = new Tag(media, kind, this.id, (event, detail) => this.triggerEvent(event, detail))
      media.tags.set(this.id, this.tag)
      this.follow()
    },
    detached() {
      this.tag.stop()
      if (media.tags.get(this.tag.id) === this.tag) media.tags.delete(this.tag.id)
    },
    methods: {
      follow() {
        if (!this.tag) return
        if (this.id !== this.tag.id) {
          if (media.tags.get(this.tag.id) === this.tag) media.tags.delete(this.tag.id)
          this.tag.id = this.id
          media.tags.set(this.id, this.tag)
        }
        this.tag.attributes = Object.assign({}, this.data)
        this.tag.setURL(this.data[urlName], this.data[startName])
      }
    },
    observers: { '**': function () { this.follow() } }
  })
  const text = { type: String, value: '' }
  const yes = { type: Boolean, value: false }
  const any = { type: null, value: null }
  return {
    'live-pusher': tag('pusher', {
      url: text, mode: text, autopush: yes, minBitrate: Number, maxBitrate: Number, aspect: text, audioQuality: text, beauty: Number,
      whiteness: Number, muted: yes, enableCamera: any, backgroundMute: any, waitingImage: text, debug: yes
    }, 'url', 'autopush'),
    'live-player': tag('player', {
      src: text, mode: text, autoplay: yes, minCache: any, maxCache: any, objectFit: text, muted: yes, backgroundMute: any, debug: yes
    }, 'src', 'autoplay')
  }
}

const commands = {
  /** Puts a page or component on the screen: name, file, properties, and the events to report. */
  mount({ name, file, properties, events }) {
    const listening = (events || []).map((event) => `bind${event}="on${event}"`).join(' ')
    const given = properties || {}
    const id = simulate.load(path.join(ROOT, file), 'page', { rootPath: ROOT, usingComponents: tags })
    const methods = {}
    for (const event of events || []) {
      methods['on' + event] = (e) => { say({ event, name, tag: e.detail.tag, code: e.detail.code, detail: plain(e.detail.detail) }) }
    }
    const attributes = Object.keys(given).map((key) => `${key}="{{${key}}}"`).join(' ')
    const holder = simulate.render(simulate.load({
      template: `<page id="it" ${attributes} ${listening}></page>`, usingComponents: { page: id }, data: given, methods
    }))
    const parent = document.createElement('div')
    document.body.appendChild(parent)
    holder.attach(parent)
    mounted.set(name, { holder, it: holder.querySelector('#it').instance })
    return Object.keys(mounted.get(name).it.data).length
  },
  unmount({ name }) {
    mounted.get(name).holder.detach()
    mounted.delete(name)
  },
  /** Takes everything off the screen and mends the network: what a test that failed has left must not fail the next. */
  clear() {
    for (const name of [...mounted.keys()]) commands.unmount({ name })
    require(path.join(ROOT, 'utils/webrtcroom')).stopHeartBeat()
    media.trouble = null
    Object.assign(state, { toasts: [], pages: [], scanned: '' })
    wire.mend()
  },
  set({ name, properties }) { mounted.get(name).holder.setData(properties) },
  /** Changes a page's own data. */
  patch({ name, data }) { mounted.get(name).it.setData(data) },
  data({ name }) { return plain(mounted.get(name).it.data) },
  html({ name }) { return mounted.get(name).holder.dom.innerHTML },
  /** Calls a method whose last two arguments are callbacks, and answers with what the second gets. */
  fails({ name, method, args }) {
    return new Promise((resolve, reject) => {
      mounted.get(name).it[method](...args, () => reject(new Error(method + ' did not fail')), (...told) => resolve(plain(told)))
    })
  },
  call({ name, method, args }) { return plain(mounted.get(name).it[method](...(args || []))) },
  /** A tap on what the selector finds within a page. */
  tap({ name, selector }) { mounted.get(name).holder.querySelector('#it').querySelector(selector).dispatchEvent('tap') },
  /** Calls a function of a file that takes {data, success, fail}, or any other, with callbacks where a text says so. */
  use({ file, method, args }) {
    return new Promise((resolve, reject) => {
      const given = (args || []).map((arg) => {
        if (arg === 'SUCCESS') return resolve
        if (arg === 'FAIL') return reject
        return arg && typeof arg === 'object' && !Array.isArray(arg) && arg.callbacks ? Object.assign(arg, { success: resolve, fail: reject }) : arg
      })
      const result = require(path.join(ROOT, file))[method](...given)
      if (!given.includes(resolve) && !given.some((arg) => arg && arg.callbacks)) resolve(result)
    })
  },
  media() { return media.report() },
  attributes({ tag }) { return plain(media.tags.get(tag).attributes) },
  trouble({ trouble }) { media.trouble = trouble },
  /** A state that a tag tells of itself. */
  tell({ tag, event, detail }) {
    media.tags.get(tag).tell(event || 'statechange', detail)
  },
  async offline() {
    await wire.cut()
    wx.fire('NetworkStatusChange', { isConnected: false, networkType: 'none' })
  },
  online({ networkType }) {
    wire.mend()
    state.networkType = networkType || state.networkType
    wx.fire('NetworkStatusChange', { isConnected: true, networkType: state.networkType })
  },
  fire({ event, detail }) { wx.fire(event, detail) },
  /** A component that came onto the screen after its page did has been laid out. */
  laidOut({ name, selector }) { mounted.get(name).holder.querySelector('#it').querySelector(selector).triggerLifeTime('ready') },
  /** The page is shown again, as after the app was in the background. */
  show({ name }) { mounted.get(name).holder.querySelector('#it').triggerPageLifeTime('show') },
  state() { return state },
  /** What the mini-program has kept from an earlier life. */
  keep({ key, value }) { wx.setStorageSync(key, value) },
  setState(change) { Object.assign(state, change.state) }
}

/** What of a value can travel as JSON. */
function plain(value) {
  const seen = new Set()
  const text = JSON.stringify(value === undefined ? null : value, (key, part) => {
    if (typeof part === 'function') return undefined
    if (part && typeof part === 'object') {
      if (part.getElems) return { from: part.getFromAccount(), nick: part.getFromAccountNick(), subType: part.getSubType(), own: part.getIsSend(), elems: part.elems }
      if (seen.has(part) && !Array.isArray(part)) return undefined
      seen.add(part)
    }
    return part
  })
  return text === undefined ? null : JSON.parse(text)
}

readline.createInterface({ input: process.stdin }).on('line', async (line) => {
  const command = JSON.parse(line)
  try {
    say({ id: command.id, result: (await commands[command.do](command)) ?? null })
  } catch (err) {
    say({ id: command.id, error: (err && (err.errMsg || err.message || err.ErrorInfo)) || String(err), code: err && (err.errCode ?? err.code ?? err.ErrorCode) })
  }
}).on('close', async () => {
  for (const name of [...mounted.keys()]) commands.unmount({ name })
  media.close()
  await wire.close()
  process.exit(0)
})

process.on('uncaughtException', (err) => say({ event: 'crash', detail: String(err && err.stack) }))
process.on('unhandledRejection', (err) => say({ event: 'crash', detail: String((err && err.stack) || JSON.stringify(err)) }))
say({ event: 'ready' })
