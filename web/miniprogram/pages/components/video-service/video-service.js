/**
 * video-service: a customer calls a queue of the desk, waits in line, talks with an agent, and says how it was. The page says
 * whom to call and as whom; the component does the rest. Events: `ServiceEvent`, see events.js.
 */
const Desk = require('../../../utils/desk')
const { ServiceCall, comeBack } = require('../../../utils/servicecall')
const language = require('../../../utils/language')
const surroundings = require('../../../utils/surroundings')
const waiting = require('../../../utils/waiting')
const { EVENT, TAG, ERROR } = require('./events')
const media = require('./media')
const { tiles, Watcher } = require('./people')
const view = require('./view')
const words = require('./words')

/** How often the start screen asks how the queue is, and the gateway is told how the others arrive, in milliseconds. */
const QUEUE_EVERY = 15000
const REPORT_EVERY = 5000
const SECOND = 1000
/** How long the first connections may take before it is said that there are none. */
const CONNECTING = 5000
const USER_KEY = 'hutong.caller'

Component({
  options: { multipleSlots: true },

  properties: {
    server: {
      type: String,
      value: '',
      observer: function (value) { if (this.desk && !this.call) this.desk = new Desk(value) }
    },
    queue: {
      type: String,
      value: '',
      observer: function () { if (this.opened && !this.call) this.start() }
    },
    userID: { type: String, value: '' },
    /** What WXML makes of user-id. */
    userId: { type: String, value: '' },
    nickName: {
      type: String,
      value: '',
      observer: function (value) { this.setData({ name: value }) }
    },
    userData: { type: null, value: null },
    skills: { type: Array, value: [] },
    /** A call that the company's back end has placed: the gateway's answer. */
    placed: {
      type: Object,
      value: null,
      observer: function (value) { if (this.opened && value) this.begin(value) }
    },
    placeUrl: { type: String, value: '' },
    callbackUrl: { type: String, value: '' },
    header: { type: Object, value: {} },
    auto: { type: Boolean, value: false },
    lang: {
      type: String,
      value: '',
      observer: function () { this.speak(this.data.lang || language.ofPhone()) }
    },
    preview: { type: Boolean, value: true },
    aspect: { type: String, value: '3:4' },
    minBitrate: { type: Number, value: 200 },
    maxBitrate: { type: Number, value: 600 },
    beauty: { type: Number, value: 5 },
    whiteness: { type: Number, value: 5 },
    muted: { type: Boolean, value: false },
    enableCamera: { type: Boolean, value: true },
    debug: { type: Boolean, value: false }
  },

  data: Object.assign(view.nothing(), {
    t: words.zh, language: 'zh', pushURL: '', people: [], name: '', contact: '', note: '', draft: '', comment: '', stars: 0,
    waitingImage: '', headerHeight: 0, statusBarHeight: 0
  }),

  lifetimes: {
    attached: function () {
      const global = (typeof getApp === 'function' && getApp() && getApp().globalData) || {}
      this.desk = new Desk(this.data.server)
      this.watcher = new Watcher()
      this.room = { userID: '', members: [], messages: [], recording: '' }
      this.read = 0
      this.setData({
        headerHeight: global.headerHeight || 0, statusBarHeight: global.statusBarHeight || 0, waitingImage: waiting.image(this.desk.server),
        name: this.data.nickName
      })
      this.speak(this.data.lang || language.ofPhone())
    },
    ready: function () {
      const self = this
      this.endSurroundings = surroundings({
        network: function () { self.reconnect() },
        interrupted: function () { self.everything('pause') },
        resumed: function () { self.everything('resume') }
      })
      this.open()
    },
    detached: function () {
      if (this.endSurroundings) this.endSurroundings()
      this.closed = true
      this.hangUp()
      this.quiet()
      wx.setKeepScreenOn({ keepScreenOn: false })
    }
  },

  pageLifetimes: {
    show: function () { this.shown() }
  },

  methods: Object.assign({}, media, {
    /** Into a call that goes on, that is placed already, or to the start screen. */
    open: function () {
      const self = this
      const desk = this.desk
      if (this.data.placed) {
        this.opened = true
        this.begin(this.data.placed)
        return
      }
      comeBack(desk, this.data.queue).then(function (placed) {
        if (self.closed || self.call) return
        self.opened = true
        if (placed) {
          self.begin(placed)
          return
        }
        self.start()
        if (self.data.auto) self.place()
      })
    },

    speak: function (lang) {
      this.setData({ language: lang, t: words[lang] || words.zh })
      this.draw()
    },

    /** What is shown follows from what is known. then is called once it is on the screen. */
    draw: function (then) {
      if (!this.opened || this.closed) return
      const screen = this.data.screen
      const next = view.of({
        t: this.data.t, lang: this.data.language, call: this.call && this.call.status, refusal: this.refusal, room: this.room,
        lost: !this.up && (this.wasUp || Date.now() - this.began > CONNECTING),
        queue: this.queue, placing: this.placing, now: this.desk.now(), read: this.read, people: this.data.people,
        callback: !this.data.placeUrl || !!this.data.callbackUrl
      })
      this.setData(view.changes(this.data, next), then)
      if (next.screen !== screen) {
        wx.setKeepScreenOn({ keepScreenOn: next.screen === 'call' })
        this.raise(TAG.SCREEN, 0, next.screen)
      }
    },

    raise: function (tag, code, detail) {
      this.triggerEvent(EVENT, { tag: tag, code: code, detail: detail })
    },

    /** The start screen: how the queue is, and how one looks. */
    start: function () {
      const self = this
      this.quiet()
      this.draw(function () { self.startPreview() })
      this.asking = setInterval(function () { self.askQueue() }, QUEUE_EVERY)
      this.askQueue()
    },

    askQueue: function () {
      const self = this
      if (!this.data.queue) return
      this.desk.queue(this.data.queue).then(function (queue) {
        self.queue = queue
        self.draw()
      }, function (err) {
        // Only who has a key may ask; the call itself tells, then.
        self.queue = err.status === 404 ? { missing: true } : null
        self.draw()
      })
    },

    who: function () {
      let userID = this.data.userID || this.data.userId
      if (!userID) {
        userID = wx.getStorageSync(USER_KEY) || 'phone-' + Math.random().toString(36).slice(2, 10) + Date.now().toString(36)
        wx.setStorageSync(USER_KEY, userID)
      }
      return { userID: userID, nickName: this.data.name.trim(), userData: this.data.userData, skills: this.data.skills }
    },

    /** Calls the queue. */
    place: function () {
      const self = this
      if (this.placing || this.call) return
      this.placing = true
      this.refusal = null
      this.draw()
      this.desk.place(this.data.queue, this.who(), { url: this.data.placeUrl, header: this.data.header }).then(function (placed) {
        self.placing = false
        if (self.closed) self.desk.call(placed.call.callID, '/hangup', placed.token).catch(function () {})
        else self.begin(placed)
      }, function (err) {
        self.placing = false
        if (self.closed) return
        self.quiet()
        self.refusal = err
        self.setData({ callbackDone: false, callbackFailed: false })
        self.draw()
        self.raise(TAG.ERROR, ERROR.REFUSED, err.code + ': ' + err.message)
      })
    },

    /** In line, and in the call: the picture is there from the first moment, so that the agent sees who calls. */
    begin: function (placed) {
      const self = this
      if (this.call) this.call.close()
      this.quiet()
      this.up = false
      this.wasUp = false
      this.began = Date.now()
      this.read = 0
      this.pushing = 0
      this.refusal = null
      this.room = { userID: '', members: [], messages: [], recording: '' }
      this.setData({ stars: 0, comment: '', draft: '', chatting: false, ratingDone: false, ratingFailed: false, messageFailed: false, people: [] })
      const call = new ServiceCall(this.desk, this.data.queue, placed, {
        media: function (url) { self.latestPush = url },
        status: function (status) { if (self.live(call)) self.heard(status) },
        room: function (room) { if (self.live(call)) self.follow(room) },
        up: function (up) { if (self.live(call)) self.stands(up) }
      })
      this.call = call
      call.mute(this.data.muted, !this.data.enableCamera)
      this.endPreview(function () { if (self.live(call) && !call.over()) self.setData({ pushURL: self.latestPush }) })
      this.ticking = setInterval(function () { self.draw() }, SECOND)
      this.reporting = setInterval(function () { call.report(self.watcher.report()) }, REPORT_EVERY)
      this.heard(call.status)
    },

    live: function (call) {
      return this.call === call && !this.closed
    },

    heard: function (status) {
      if (status.state === 'ended') this.stopMedia()
      else this.follow(this.room)
      this.draw()
      this.raise(TAG.CALL, 0, status)
      if (status.state === 'ended' && status.reason === 'failed') this.raise(TAG.ERROR, ERROR.CALL, this.data.t['reason.failed'])
    },

    stands: function (up) {
      this.up = up
      this.wasUp = this.wasUp || up
      this.draw()
    },

    /** Who is there to be played. */
    follow: function (room) {
      const self = this
      const call = this.call
      const agent = call.status.agent || {}
      this.room = room
      if (this.data.chatting) this.read = view.newest(room)
      this.setData({
        people: tiles(this.data.people, room, agent.userID, function (member) {
          return { accelerateURL: call.playURL(member), loading: true, playerContext: wx.createLivePlayerContext(member.userID, self) }
        })
      })
      this.draw()
    },

    /** Ends what goes on by itself. */
    quiet: function () {
      clearInterval(this.asking)
      clearInterval(this.ticking)
      clearInterval(this.reporting)
      clearTimeout(this.playAgain)
      clearTimeout(this.pushAgain)
    },

    /** The app, or the page, is in the foreground again. */
    shown: function () {
      if (!this.call || this.call.over()) {
        if (this.asking) this.askQueue()
        return
      }
      wx.setKeepScreenOn({ keepScreenOn: true })
      this.call.check()
      if (this.suspended) this.push()
    },

    /** Leaves the call, or the line. */
    hangUp: function () {
      if (this.call && !this.call.over()) this.call.hangUp()
    },

    /** Back to the start screen after a call, or to call again after a refusal. */
    again: function () {
      if (this.call) this.call.close()
      this.call = null
      this.refusal = null
      this.start()
    },

    onLanguage: function () { this.speak(this.data.language === 'zh' ? 'en' : 'zh') },
    onName: function (e) { this.setData({ name: e.detail.value }) },
    onPlace: function () { this.place() },
    onAgain: function () { this.again() },
    onHangUp: function () { this.hangUp() },
    onClose: function () { this.raise(TAG.CLOSE, 0, '') },

    onChat: function () {
      const chatting = !this.data.chatting
      if (chatting) this.read = view.newest(this.room)
      this.setData({ chatting: chatting })
      this.draw()
    },

    onDraft: function (e) { this.setData({ draft: e.detail.value, messageFailed: false }) },

    onSend: function () {
      const self = this
      const text = this.data.draft.trim()
      if (!text || !this.call) return
      this.setData({ draft: '', messageFailed: false })
      this.call.say(text).catch(function () {
        // What was typed meanwhile stays behind it.
        self.setData({ draft: (text + ' ' + self.data.draft).trim(), messageFailed: true })
      })
    },

    onStar: function (e) { this.setData({ stars: Number(e.currentTarget.dataset.stars) }) },
    onComment: function (e) { this.setData({ comment: e.detail.value }) },

    onRate: function () {
      const self = this
      const call = this.call
      if (!this.data.stars || this.data.sending || !call) return
      this.setData({ sending: true, ratingFailed: false })
      call.rate(this.data.stars, this.data.comment.trim()).then(function () {
        self.setData({ sending: false, ratingDone: true })
        self.raise(TAG.RATED, 0, { callID: call.callID, stars: self.data.stars })
      }, function () {
        self.setData({ sending: false, ratingFailed: true })
      })
    },

    onContact: function (e) { this.setData({ contact: e.detail.value }) },
    onNote: function (e) { this.setData({ note: e.detail.value }) },

    onCallback: function () {
      const self = this
      const who = this.who()
      const contact = this.data.contact.trim()
      if (!contact || this.data.sending) return
      this.setData({ sending: true, callbackFailed: false })
      const what = { userID: who.userID, nickName: who.nickName || contact, contact: contact, note: this.data.note.trim() }
      if (who.userData !== null && who.userData !== undefined && who.userData !== '') what.userData = who.userData
      this.desk.askCallback(this.data.queue, what, { url: this.data.callbackUrl, header: this.data.header }).then(function () {
        self.setData({ sending: false, callbackDone: true })
        self.raise(TAG.CALLBACK, 0, { contact: contact })
      }, function () {
        self.setData({ sending: false, callbackFailed: true })
      })
    }
  })
})
