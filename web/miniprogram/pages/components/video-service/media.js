/** The part of video-service that pushes and plays: methods of the component. */
const slots = require('../../../utils/members')
const { PUSH, PLAY, NO_CAMERA, NO_MICROPHONE } = require('../call/codes')
const { TAG, ERROR } = require('./events')

/** The pusher's errors that are of pictures and music which nobody has asked for. */
const DECORATION = [10003, 10004]
/** How long a preview may take to end, and how soon a player, or the pusher, that gave up is started again, in milliseconds. */
const PREVIEW_END = 1000
const PLAY_AGAIN = 2000
const PUSH_AGAIN = [500, 1000, 2000, 4000]

module.exports = {
  pusher: function () {
    return wx.createLivePusherContext('rtcpusher', this)
  },

  /** How one looks, before the call. */
  startPreview: function () {
    if (this.data.screen !== 'start' || !this.data.preview || !this.data.enableCamera) return
    this.previewing = true
    this.pusher().startPreview()
  },

  /** A pusher that shows a preview begins to push once that has ended. */
  endPreview: function (then) {
    if (!this.previewing) {
      then()
      return
    }
    this.previewing = false
    const late = setTimeout(then, PREVIEW_END)
    this.pusher().stopPreview({
      complete: function () {
        clearTimeout(late)
        then()
      }
    })
  },

  stopMedia: function () {
    this.quiet()
    if (this.data.pushURL) this.pusher().stop()
    this.data.people.forEach(function (person) { person.playerContext.stop() })
    this.setData({ pushURL: '', people: [], problem: null, chatting: false })
  },

  everything: function (what) {
    if (!this.call || this.call.over()) return
    if (this.data.pushURL) this.pusher()[what]()
    this.data.people.forEach(function (person) { person.playerContext[what]() })
  },

  /** Another network: everything starts anew, before the old connections notice. */
  reconnect: function () {
    if (!this.call || this.call.over()) return
    this.call.restart()
    const pusher = this.pusher()
    if (this.data.pushURL) pusher.stop({ complete: function () { pusher.start() } })
    this.data.people.forEach(function (person) {
      person.playerContext.stop({ complete: function () { person.playerContext.play() } })
    })
  },

  switchCamera: function () {
    this.pusher().switchCamera()
  },

  onPush: function (e) {
    switch (e.detail.code) {
      case PUSH.PUSHING:
        this.pushing = 0
        break
      case PUSH.CAMERA:
        this.deviceFailed(ERROR.CAMERA, 'problem.camera')
        break
      case PUSH.MICROPHONE:
        this.deviceFailed(ERROR.MICROPHONE, 'problem.microphone')
        break
      case PUSH.LOST:
        this.pushLost()
        break
      case PUSH.TOLD_TO_LEAVE:
        this.suspended = true
        this.raise(TAG.ERROR, ERROR.SUSPENDED, this.data.t.suspended)
        break
    }
  },

  onError: function (e) {
    const code = e.detail.errCode
    if (code === NO_CAMERA) this.deviceFailed(ERROR.PERMISSION, 'problem.noCameraRight', true)
    else if (code === NO_MICROPHONE) this.deviceFailed(ERROR.PERMISSION, 'problem.noMicrophoneRight', true)
    else if (DECORATION.indexOf(code) < 0) this.deviceFailed(ERROR.PERMISSION, 'problem.push')
  },

  /** The call goes on without what does not work: who is not seen may be heard, and who is neither may write. */
  deviceFailed: function (code, word, settings) {
    this.setData({ problem: { word: word, settings: !!settings } })
    this.raise(TAG.ERROR, code, this.data.t[word])
    if (word.indexOf('amera') < 0 || !this.data.enableCamera) return
    this.cameraLost = true
    this.setCamera(false)
    if (this.call && !this.call.over()) this.push()
  },

  /** The devices may be had now, say the settings or the caller. */
  onSettings: function () { this.retryDevices() },

  retryDevices: function () {
    this.setData({ problem: null })
    if (this.cameraLost) this.setCamera(true)
    this.cameraLost = false
    if (this.call && !this.call.over()) this.push()
    else this.startPreview()
  },

  /** The pusher gave up. While the call goes on it is started again, each time with an address that is good. */
  pushLost: function () {
    const self = this
    const call = this.call
    if (!call || call.over()) return
    const wait = PUSH_AGAIN[Math.min(this.pushing, PUSH_AGAIN.length - 1)]
    this.pushing++
    if (this.pushing === 1) this.raise(TAG.ERROR, ERROR.LOST, this.data.t.reconnecting)
    clearTimeout(this.pushAgain)
    this.pushAgain = setTimeout(function () {
      call.renew().then(function () { if (self.live(call) && !call.over()) self.push() })
    }, wait)
  },

  /** Pushes to the newest address. */
  push: function () {
    const self = this
    this.suspended = false
    this.pusher().stop({
      complete: function () {
        self.setData({ pushURL: '' }, function () {
          if (self.call && !self.closed && !self.call.over()) self.setData({ pushURL: self.latestPush })
        })
      }
    })
  },

  onPlay: function (e) {
    const userID = e.target.id || e.currentTarget.id
    switch (e.detail.code) {
      case PLAY.PLAYING:
        this.setData({ people: slots.change(this.data.people, userID, { loading: false }) })
        break
      case PLAY.LOADING:
        this.setData({ people: slots.change(this.data.people, userID, { loading: true }) })
        break
      case PLAY.LAG:
        this.watcher.lag(userID)
        break
      case PLAY.LOST:
        this.replay(userID)
        break
    }
  },

  onNetStatus: function (e) {
    this.watcher.status(e.target.id || e.currentTarget.id, e.detail.info || {})
  },

  /** A player gave up: while its member is there, the stream may come back, and is looked for. */
  replay: function (userID) {
    const self = this
    this.silent = (this.silent || []).concat(userID)
    clearTimeout(this.playAgain)
    this.playAgain = setTimeout(function () {
      const silent = self.silent
      self.silent = []
      silent.forEach(function (userID) { self.playAnew(userID) })
    }, PLAY_AGAIN)
  },

  playAnew: function (userID) {
    const person = slots.find(this.data.people, userID)
    const member = this.room.members.find(function (member) { return member.userID === userID })
    if (!person || !member || this.closed) return
    const url = this.call.playURL(member)
    if (url !== person.accelerateURL) this.setData({ people: slots.change(this.data.people, userID, { accelerateURL: url }) })
    else person.playerContext.play()
  },

  onMute: function () {
    this.setData({ muted: !this.data.muted })
    this.tellMuted()
  },

  onSwitch: function () { this.switchCamera() },
  onCamera: function () { this.setCamera(!this.data.enableCamera) },

  setCamera: function (on) {
    this.setData({ enableCamera: on })
    this.tellMuted()
    if (on) this.startPreview()
  },

  tellMuted: function () {
    if (this.call) this.call.mute(this.data.muted, !this.data.enableCamera)
  }
}
