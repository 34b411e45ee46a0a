/**
 * live-room: an anchor, an audience, and viewers who come on stage (连麦). The user has logged in before
 * (utils/getlogininfo.js with type live_room). The audience watches the one mixed picture; on stage, everybody plays
 * everybody with low delay.
 */
const liveroom = require('../../../utils/liveroom')
const surroundings = require('../../../utils/surroundings')
const slots = require('../../../utils/members')
const waiting = require('../../../utils/waiting')
const recording = require('../call/recording')
const { PUSH, PLAY } = require('../call/codes')

const EVENT = 'RoomEvent'
const ERROR = {
  PUSHER: -1, LINK_PUSHER: -2, JOIN: 0, CREATE: -9001, PUSH_URL: -9002, ENTER: -9003, REQUEST: -9004, MESSAGE: -9005, CLOSED: -9006
}
/** How many others on stage are shown, and how long the anchor has to answer a request, in milliseconds. */
const OTHERS = 3
const REQUEST_TIMEOUT = 5000
const BEAUTY = 5

/** How the main player plays the audience's stream, and how the anchor's when on stage; caches in seconds. */
function mixed(url) {
  return { url: url, mode: 'live', minCache: 1, maxCache: 3 }
}
function close(url) {
  return { url: url, mode: 'RTC', minCache: 0.1, maxCache: 0.3 }
}

Component({
  options: { multipleSlots: true },

  properties: {
    role: { type: String, value: 'audience' },
    roomid: {
      type: String,
      value: '',
      observer: function (value) { this.setData({ roomID: value }) }
    },
    roomname: { type: String, value: 'undefined' },
    template: { type: String, value: 'float' },
    debug: { type: Boolean, value: false },
    beauty: { type: Number, value: BEAUTY },
    muted: { type: Boolean, value: false },
    pureaudio: { type: Boolean, value: false }
  },

  data: {
    roomID: '',
    isCaster: false,
    mode: 'RTC',
    mainPusherInfo: { url: '' },
    mainPlayerInfo: mixed(''),
    linkPusherInfo: { url: '' },
    members: [{}, {}, {}],
    recording: null,
    waitingImage: ''
  },

  lifetimes: {
    attached: function () {
      this.setData({ isCaster: this.data.role === 'presenter', waitingImage: waiting.image() })
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
      this.stop()
    }
  },

  methods: {
    start: function () {
      const self = this
      this.stop()
      // What belongs to an earlier start is not listened to any more.
      const call = { created: false, linking: false, linked: false, mixedPlayURL: '', roomCreator: '' }
      this.call = call
      const now = this.now(call)
      liveroom.setListener({
        onPushersChange: now(function (change) { self.showOthers(change.pushers) }),
        onRecording: now(function (told) { self.setData({ recording: recording(told.recording) }) }),
        onRoomClose: now(function () {
          self.stop()
          self.raise('roomClosed', ERROR.CLOSED, '房间已关闭')
        }),
        onRecvRoomTextMsg: now(function (message) { self.raise('recvTextMsg', 0, textMessage(message)) }),
        onSketchpadData: now(function (data) { self.raise('sketchpadData', 0, data) }),
        onRecvJoinPusherRequest: now(function (viewer) { self.raise('joinPusher', 0, viewer) }),
        onKickOut: now(function () { self.quitLink() })
      })
      if (this.data.isCaster) this.push(now)
      else this.watch(now)
    },

    /** Wraps a handler, so that it hears nothing any more once the call is over. */
    now: function (call) {
      const self = this
      return function (handler) {
        return function (result) { if (self.call === call) handler(result) }
      }
    },

    push: function (now) {
      const self = this
      liveroom.getPushURL({
        success: now(function (result) {
          self.setData({ mainPusherInfo: { url: result.pushURL } }, function () { self.mainPusher().start() })
        }),
        fail: now(function (err) { self.fail(ERROR.PUSH_URL, '获取推流地址失败', err) })
      })
    },

    watch: function (now) {
      const self = this
      liveroom.enterRoom({
        data: { roomID: this.data.roomID },
        success: now(function (room) {
          self.call.mixedPlayURL = room.mixedPlayURL
          self.call.roomCreator = room.roomCreator
          self.setData({ mainPlayerInfo: mixed(room.mixedPlayURL), recording: recording(room.recording) })
          liveroom.requestSketchpad()
        }),
        fail: now(function (err) { self.fail(ERROR.ENTER, '进入房间失败', err) })
      })
    },

    /** Leaves: pushers and players stop. The anchor's leaving ends the room. */
    stop: function () {
      if (!this.call) return
      this.call = null
      if (this.data.isCaster) this.mainPusher().stop()
      else this.mainPlayer().stop()
      if (this.data.linkPusherInfo.url) this.linkPusher().stop()
      this.data.members.forEach(function (member) { if (member.context) member.context.stop() })
      this.setData({
        mainPusherInfo: { url: '' }, mainPlayerInfo: mixed(''), linkPusherInfo: { url: '' }, members: slots.empty(OTHERS),
        recording: null
      })
      liveroom.setListener({})
      liveroom.exitRoom({})
    },

    pause: function () { this.everything('pause') },
    resume: function () { this.everything('resume') },

    everything: function (what) {
      if (!this.call) return
      if (this.data.isCaster) this.mainPusher()[what]()
      else this.mainPlayer()[what]()
      if (this.data.linkPusherInfo.url) this.linkPusher()[what]()
      this.data.members.forEach(function (member) { if (member.context) member.context[what]() })
    },

    switchCamera: function () {
      if (this.data.isCaster) this.mainPusher().switchCamera()
      else if (this.data.linkPusherInfo.url) this.linkPusher().switchCamera()
    },

    sendTextMsg: function (text) {
      const self = this
      if (text === '>debug') {
        this.toggleDebug()
        return
      }
      liveroom.sendRoomTextMsg({
        data: { msg: text },
        fail: function (err) { self.fail(ERROR.MESSAGE, '消息发送失败', err) }
      })
    },

    /** A viewer asks to come on stage; the anchor's yes does the rest. */
    requestJionPusher: function () {
      const self = this
      if (!this.call || this.data.isCaster) return
      liveroom.requestJoinPusher({
        data: { timeout: REQUEST_TIMEOUT },
        success: this.now(this.call)(function () { self.link() }),
        fail: this.now(this.call)(function (err) { self.fail(ERROR.REQUEST, '连麦请求失败', err) })
      })
    },

    /** The anchor's answer to a viewer: {userID}. */
    respondJoinReq: function (agree, viewer) {
      const self = this
      const options = {
        data: { userID: viewer.userID },
        fail: function (err) { self.fail(ERROR.PUSHER, '回应连麦请求失败', err) }
      }
      if (agree) liveroom.acceptJoinPusher(options)
      else liveroom.rejectJoinPusher(options)
    },

    /** Comes on stage: plays the anchor with low delay and pushes. */
    link: function () {
      const self = this
      const call = this.call
      if (!call || call.linking || this.data.isCaster) return
      call.linking = true
      const now = this.now(call)
      const failed = now(function (err) {
        self.unlink()
        self.fail(ERROR.PUSHER, '连麦失败', err)
      })
      const anchor = liveroom.getRoomInfo().pushers[0]
      if (anchor && anchor.accelerateURL) this.setData({ mainPlayerInfo: close(anchor.accelerateURL) })
      liveroom.getPushURL({
        success: now(function (result) {
          if (!call.linking) return
          self.setData({ linkPusherInfo: { url: result.pushURL } }, function () { self.linkPusher().start() })
        }),
        fail: failed
      })
    },

    /** Leaves the stage for the audience. */
    quitLink: function () {
      const self = this
      if (!this.call || !this.call.linking) return
      this.unlink()
      liveroom.quitPusher({
        fail: this.now(this.call)(function (err) { self.fail(ERROR.PUSHER, '退出连麦失败', err) })
      })
      this.raise('LinkOut', 0, '连麦结束')
    },

    /** Back to the mixed picture. */
    unlink: function () {
      this.call.linking = false
      this.call.linked = false
      if (this.data.linkPusherInfo.url) this.linkPusher().stop()
      this.setData({ linkPusherInfo: { url: '' }, mainPlayerInfo: mixed(this.call.mixedPlayURL), members: slots.empty(OTHERS) })
    },

    kickoutSubPusher: function (e) {
      const self = this
      liveroom.kickoutSubPusher({
        data: { userID: e.currentTarget.dataset.userid },
        fail: function (err) { self.fail(ERROR.PUSHER, '移出失败', err) }
      })
    },

    toggleDebug: function () { this.setData({ debug: !this.data.debug }) },
    toggleBeauty: function () { this.setData({ beauty: this.data.beauty ? 0 : BEAUTY }) },
    toggleMuted: function () { this.setData({ muted: !this.data.muted }) },

    mainPusher: function () { return wx.createLivePusherContext('pusher', this) },
    linkPusher: function () { return wx.createLivePusherContext('audience_pusher', this) },
    mainPlayer: function () { return wx.createLivePlayerContext('player', this) },

    raise: function (tag, code, detail) {
      this.triggerEvent(EVENT, { tag: tag, code: code, detail: detail })
    },

    fail: function (code, text, err) {
      this.raise('error', code, err && err.errMsg ? text + '：' + err.errMsg : text)
    },

    /** Who else is on stage, for who is there: the anchor is in the large picture, and oneself is not played. */
    showOthers: function (pushers) {
      const self = this
      if (!this.data.isCaster && !this.call.linked) return
      const creator = this.call.roomCreator
      const others = pushers.filter(function (pusher) { return pusher.userID !== creator })
      const gone = function (userID) { return !others.some(function (pusher) { return pusher.userID === userID }) }
      this.setData({
        members: slots.add(slots.remove(this.data.members, gone), others, function (pusher) {
          return {
            userID: pusher.userID, userName: pusher.userName, accelerateURL: pusher.accelerateURL,
            context: wx.createLivePlayerContext(pusher.userID, self)
          }
        })
      })
    },

    /** Another network: everything starts anew, before the old connections notice. */
    reconnect: function () {
      if (!this.call) return
      const again = function (context, start) { context.stop({ complete: function () { context[start]() } }) }
      if (this.data.mainPusherInfo.url) again(this.mainPusher(), 'start')
      if (this.data.mainPlayerInfo.url) again(this.mainPlayer(), 'play')
      if (this.data.linkPusherInfo.url) again(this.linkPusher(), 'start')
      this.data.members.forEach(function (member) { if (member.context) again(member.context, 'play') })
    },

    onMainPush: function (e) {
      if (e.detail.code === PUSH.PUSHING) this.create()
      else this.pushTrouble(e.detail.code)
    },

    /** The anchor's stream is there: now there can be a room. */
    create: function () {
      const self = this
      const call = this.call
      if (!call || call.created) return
      call.created = true
      liveroom.createRoom({
        data: { roomInfo: this.data.roomname, pushURL: this.data.mainPusherInfo.url },
        success: this.now(call)(function (made) {
          self.setData({ roomID: made.roomID })
          self.raise('created', 0, '房间创建成功')
        }),
        fail: this.now(call)(function (err) { self.fail(ERROR.CREATE, '创建房间失败', err) })
      })
    },

    onLinkPush: function (e) {
      if (e.detail.code === PUSH.PUSHING) this.join()
      else this.pushTrouble(e.detail.code)
    },

    /** The viewer's stream is there, for the first time or after a reconnect: the others may see it. */
    join: function () {
      const self = this
      const call = this.call
      if (!call || !call.linking) return
      liveroom.joinPusher({
        data: { pushURL: this.data.linkPusherInfo.url },
        success: this.now(call)(function () {
          if (call.linked || !call.linking) return
          call.linked = true
          self.showOthers(liveroom.getRoomInfo().pushers)
          self.raise('LinkOn', 0, '连麦成功')
        }),
        fail: this.now(call)(function (err) {
          self.unlink()
          self.fail(ERROR.JOIN, '连麦失败', err)
        })
      })
    },

    pushTrouble: function (code) {
      const text = {}
      text[PUSH.CAMERA] = '打开摄像头失败'
      text[PUSH.MICROPHONE] = '打开麦克风失败'
      text[PUSH.RESOLUTION] = '不支持的视频分辨率'
      text[PUSH.SAMPLE_RATE] = '不支持的音频采样率'
      text[PUSH.LOST] = '推流连接断开'
      text[PUSH.TOLD_TO_LEAVE] = '小程序被挂起，请重新进入房间'
      if (!text[code]) return
      if (code === PUSH.LOST || code === PUSH.TOLD_TO_LEAVE) this.stop()
      this.raise('error', code, text[code])
    },

    onMainError: function (e) {
      this.raise('error', ERROR.PUSHER, e.detail.errMsg || '推流出错')
    },

    onLinkError: function (e) {
      this.raise('error', ERROR.LINK_PUSHER, e.detail.errMsg || '连麦推流出错')
    },

    onMainPlayState: function (e) {
      if (e.detail.code === PLAY.LOST) this.raise('error', PLAY.LOST, '拉流失败')
    },

    /** Nothing that ends it: a player that gives up says so by its state. */
    onMainPlayError: function () {}
  }
})

function textMessage(message) {
  return {
    roomID: message.roomID, userID: message.userID, userName: message.nickName, userAvatar: message.headPic, message: message.textMsg,
    time: message.time
  }
}
