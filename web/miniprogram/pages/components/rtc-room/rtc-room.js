/**
 * rtc-room: a room for two or for a few, where everybody pushes. The user has logged in before (utils/getlogininfo.js).
 * Without a roomID, start() makes a room.
 */
const rtcroom = require('../../../utils/rtcroom')
const surroundings = require('../../../utils/surroundings')
const slots = require('../../../utils/members')
const waiting = require('../../../utils/waiting')
const recording = require('../call/recording')
const { PUSH, PLAY, NO_CAMERA, NO_MICROPHONE } = require('../call/codes')

const EVENT = 'onRoomEvent'
const ERROR = {
  PUSH_URL: -1, CREATE: -2, ENTER: -3, CAMERA: -4, MICROPHONE: -5, LOST: -6, PERMISSION: -7, TOO_MANY: -8, TOLD_TO_LEAVE: 5000
}
/** How many others a room shows. */
const OTHERS = 3
/** How soon a player that gave up is started again while its member is there, in milliseconds. */
const PLAY_AGAIN = 3000

Component({
  options: { multipleSlots: true },

  properties: {
    roomID: { type: String, value: '' },
    roomInfo: { type: String, value: '' },
    template: {
      type: String,
      value: '',
      observer: function (value) { this.setData({ members: slots.resize(this.data.members, value === '1v1' ? 1 : OTHERS) }) }
    },
    beauty: { type: Number, value: 5 },
    aspect: { type: String, value: '3:4' },
    minBitrate: { type: Number, value: 200 },
    maxBitrate: { type: Number, value: 400 },
    muted: { type: Boolean, value: false },
    debug: { type: Boolean, value: false },
    enableCamera: { type: Boolean, value: true }
  },

  data: {
    pushURL: '',
    members: [{}, {}, {}],
    recording: null,
    waitingImage: '',
    headerHeight: 0,
    statusBarHeight: 0
  },

  lifetimes: {
    attached: function () {
      const global = (typeof getApp === 'function' && getApp() && getApp().globalData) || {}
      this.setData({
        headerHeight: global.headerHeight || 0, statusBarHeight: global.statusBarHeight || 0, waitingImage: waiting.image()
      })
    },
    ready: function () {
      const self = this
      this.endSurroundings = surroundings({
        network: function () { self.reconnect() },
        interrupted: function () { self.pause() },
        resumed: function () { self.resume() }
      })
    },
    detached: function () {
      if (this.endSurroundings) this.endSurroundings()
      this.leave()
    }
  },

  methods: {
    start: function () {
      const self = this
      this.leave()
      // What belongs to an earlier start is not listened to any more.
      const call = { entered: false, roomID: this.data.roomID }
      this.call = call
      const now = function (handler) {
        return function (result) { if (self.call === call) handler(result) }
      }
      rtcroom.setListener({
        onPusherJoin: now(function (change) { self.join(change.pushers) }),
        onPusherQuit: now(function (change) { self.quit(change.pushers) }),
        onRecording: now(function (told) { self.setData({ recording: recording(told.recording) }) }),
        onRoomClose: now(function () {
          self.leave()
          self.raise('roomClosed', 0, '')
        }),
        onRecvRoomTextMsg: now(function (message) { self.raise('recvTextMsg', 0, JSON.stringify(message)) })
      })
      const getPushURL = function () {
        rtcroom.getPushURL({
          data: { roomID: call.roomID },
          success: now(function (result) { self.setData({ pushURL: result.pushURL }) }),
          fail: now(function (err) { self.fail(ERROR.PUSH_URL, '获取推流地址失败', err) })
        })
      }
      if (call.roomID) {
        getPushURL()
        rtcroom.getPushers({
          data: { roomID: call.roomID },
          success: now(function (found) {
            if (found.pushers.length > OTHERS) self.raise('error', ERROR.TOO_MANY, '房间成员已满')
            self.setData({ recording: recording(found.recording) })
            self.join(found.pushers)
          })
        })
        return
      }
      rtcroom.createRoom({
        data: { roomInfo: this.data.roomInfo },
        success: now(function (made) {
          call.roomID = made.roomID
          getPushURL()
        }),
        fail: now(function (err) {
          self.leave()
          self.fail(ERROR.CREATE, '创建房间失败', err)
        })
      })
    },

    stop: function () {
      this.leave()
    },

    /** Ends the call: pusher and players stop, the slots are emptied, and the others see the user go. */
    leave: function () {
      clearTimeout(this.playAgain)
      if (!this.call) return
      this.call = null
      if (this.data.pushURL) this.pusher().stop()
      this.data.members.forEach(function (member) { if (member.playerContext) member.playerContext.stop() })
      this.setData({ pushURL: '', members: slots.empty(this.data.members.length), recording: null })
      rtcroom.setListener({})
      rtcroom.exitRoom({})
    },

    pause: function () {
      if (this.data.pushURL) this.pusher().pause()
      this.data.members.forEach(function (member) { if (member.playerContext) member.playerContext.pause() })
    },

    resume: function () {
      if (this.data.pushURL) this.pusher().resume()
      this.data.members.forEach(function (member) { if (member.playerContext) member.playerContext.resume() })
    },

    switchCamera: function () {
      this.pusher().switchCamera()
    },

    sendTextMsg: function (text) {
      rtcroom.sendRoomTextMsg({ data: { msg: text } })
    },

    getAccountInfo: function () {
      return rtcroom.getAccountInfo()
    },

    getRoomInfo: function () {
      return rtcroom.getRoomInfo()
    },

    pusher: function () {
      return wx.createLivePusherContext('rtcpusher', this)
    },

    raise: function (tag, code, detail) {
      this.triggerEvent(EVENT, { tag: tag, code: code, detail: detail })
    },

    fail: function (code, text, err) {
      this.raise('error', code, err && err.errMsg ? text + '：' + err.errMsg : text)
    },

    join: function (pushers) {
      const self = this
      this.setData({
        members: slots.add(this.data.members, pushers, function (pusher) {
          return {
            userID: pusher.userID, userName: pusher.userName, accelerateURL: pusher.accelerateURL, loading: true,
            playerContext: wx.createLivePlayerContext(pusher.userID, self)
          }
        })
      })
    },

    quit: function (pushers) {
      this.setData({
        members: slots.remove(this.data.members, function (userID) {
          return pushers.some(function (pusher) { return pusher.userID === userID })
        })
      })
    },

    /** Another network: the pusher and the players start anew, before the old connections notice. */
    reconnect: function () {
      if (!this.call || !this.data.pushURL) return
      const pusher = this.pusher()
      pusher.stop({ complete: function () { pusher.start() } })
      this.data.members.forEach(function (member) {
        if (member.playerContext) member.playerContext.stop({ complete: function () { member.playerContext.play() } })
      })
    },

    onPush: function (e) {
      switch (e.detail.code) {
        case PUSH.PUSHING:
          this.enter()
          break
        case PUSH.CAMERA:
          this.end(ERROR.CAMERA, '打开摄像头失败')
          break
        case PUSH.MICROPHONE:
          this.end(ERROR.MICROPHONE, '打开麦克风失败')
          break
        case PUSH.LOST:
          this.end(ERROR.LOST, '推流连接断开')
          break
        case PUSH.TOLD_TO_LEAVE:
          this.end(ERROR.TOLD_TO_LEAVE, '小程序被挂起，请重新进入房间')
          break
      }
    },

    /** The stream is there: the others may see it. Later 1002 are of the same stream, after a reconnect. */
    enter: function () {
      const self = this
      const call = this.call
      if (!call || call.entered) return
      call.entered = true
      rtcroom.enterRoom({
        data: { roomID: call.roomID, pushURL: this.data.pushURL, roomInfo: this.data.roomInfo },
        fail: function (err) {
          if (self.call !== call) return
          self.leave()
          self.fail(ERROR.ENTER, '进入房间失败', err)
        }
      })
    },

    end: function (code, text) {
      this.leave()
      this.raise('error', code, text)
    },

    onError: function (e) {
      const code = e.detail.errCode
      const text = code === NO_CAMERA ? '请允许使用摄像头' : code === NO_MICROPHONE ? '请允许使用麦克风' : e.detail.errMsg
      this.raise('error', ERROR.PERMISSION, text || '推流出错')
    },

    onPlay: function (e) {
      const userID = e.target.id || e.currentTarget.id
      switch (e.detail.code) {
        case PLAY.PLAYING:
          this.setData({ members: slots.change(this.data.members, userID, { loading: false }) })
          break
        case PLAY.LOADING:
          this.setData({ members: slots.change(this.data.members, userID, { loading: true }) })
          break
        case PLAY.LOST:
          this.replay(userID)
          break
      }
    },

    /** A player gave up: while its member is there, the stream may come back, and is looked for. */
    replay: function (userID) {
      const self = this
      this.silent = (this.silent || []).concat(userID)
      clearTimeout(this.playAgain)
      this.playAgain = setTimeout(function () {
        self.silent.forEach(function (userID) {
          const member = slots.find(self.data.members, userID)
          if (member) member.playerContext.play()
        })
        self.silent = []
      }, PLAY_AGAIN)
    }
  }
})
