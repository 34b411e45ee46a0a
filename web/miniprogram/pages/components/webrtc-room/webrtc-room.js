/**
 * webrtc-room: a call of a mini-program with browsers and other phones, in a room of webrtc_room. The page gets an account
 * (get_login_info), makes or enters the room, sends heartbeats, and gives the component what it was given; start() does the
 * rest. The push URL and the members come from the gateway.
 */
const RoomWatch = require('../../../utils/roomwatch')
const surroundings = require('../../../utils/surroundings')
const slots = require('../../../utils/members')
const waiting = require('../../../utils/waiting')
const recording = require('../call/recording')
const im = require('./im_handler')
const { PUSH, PLAY, NO_CAMERA, NO_MICROPHONE } = require('../call/codes')
const CONSTANT = require('./constants')

const ERROR = CONSTANT.ROOM
/** How long a slot stays empty whose player gave up while the member is still there, in milliseconds. */
const PLAY_AGAIN = 2000

Component({
  options: { multipleSlots: true },

  properties: {
    roomID: { type: Number, value: 0 },
    roomName: { type: String, value: '' },
    userID: { type: String, value: '' },
    userName: { type: String, value: '' },
    userSig: { type: String, value: '' },
    sdkAppID: { type: Number, value: 0 },
    accountType: { type: String, value: '' },
    privateMapKey: { type: String, value: '' },
    template: {
      type: String,
      value: '',
      observer: function (value) { this.arrange(value) }
    },
    beauty: { type: Number, value: 5 },
    whiteness: { type: Number, value: 5 },
    aspect: { type: String, value: '3:4' },
    minBitrate: { type: Number, value: 200 },
    maxBitrate: { type: Number, value: 400 },
    muted: { type: Boolean, value: false },
    debug: { type: Boolean, value: false },
    enableIM: { type: Boolean, value: true },
    roomCreator: {
      type: String,
      value: '',
      observer: function () { this.show(this.data.members) }
    },
    useCloud: { type: Boolean, value: true },
    autoplay: { type: Boolean, value: false },
    enableCamera: { type: Boolean, value: true },
    pureAudioPushMod: { type: Number, value: 0 },
    recordId: { type: Number, value: null }
  },

  data: {
    CONSTANT: CONSTANT,
    pushURL: '',
    members: [{}, {}, {}],
    presenter: [],
    audience: [],
    isCaster: false,
    playerVideoStatus: {},
    playerMutedStatus: {},
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
      this.setData({ isCaster: !!this.data.userID && this.data.roomCreator === this.data.userID })
      this.endSurroundings = surroundings({
        network: function () { self.reconnect() },
        interrupted: function () { self.pause() },
        resumed: function () { self.resume() }
      })
    },
    detached: function () {
      if (this.endSurroundings) this.endSurroundings()
      this.stop()
      im.stop()
    }
  },

  pageLifetimes: {
    show: function () {
      if (this.watch) this.watch.check()
    }
  },

  methods: {
    /** Gets the push URL and the members, and (enableIM) logs into the messages. A call that is going on starts anew. */
    start: function () {
      const self = this
      this.halt()
      this.setData({ isCaster: !!this.data.userID && this.data.roomCreator === this.data.userID })
      const watch = new RoomWatch({
        userID: this.data.userID, userSig: this.data.userSig, sdkAppID: this.data.sdkAppID, roomID: this.data.roomID,
        privateMapKey: this.data.privateMapKey
      }, {
        opened: function (pushURL) { if (self.watch === watch) self.setData({ pushURL: pushURL }) },
        members: function (list) { if (self.watch === watch) self.userList(list.filter(hasPicture)) },
        recording: function (state) { if (self.watch === watch) self.setData({ recording: recording(state) }) },
        left: function () { if (self.watch === watch) self.lostPlace() },
        failed: function (err) {
          if (self.watch !== watch) return
          self.watch = null
          self.raise(ERROR.REQUEST_ROOM_SIG, '获取房间签名失败：' + err.message)
        }
      })
      this.watch = watch
      if (this.data.enableIM) {
        im.start(this.who(), function (tag, code, detail) {
          self.triggerEvent(CONSTANT.IM_EVENT, { tag: tag, code: code, detail: detail })
        })
      }
    },

    /** Stops the pusher and the players; the room and the messages stay. */
    stop: function () {
      this.halt()
    },

    halt: function () {
      clearTimeout(this.playAgain)
      if (this.watch) this.watch.close()
      this.watch = null
      this.list = []
      this.crowded = false
      if (this.data.pushURL) this.pusher().stop()
      this.data.members.forEach(function (member) { if (member.playerContext) member.playerContext.stop() })
      this.setData({ pushURL: '', playerVideoStatus: {}, playerMutedStatus: {}, recording: null })
      this.show(slots.empty(this.data.members.length))
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

    /** Shows or stops showing a member. */
    enableVideo: function (on, userID) {
      const member = userID && slots.find(this.data.members, userID)
      if (!member) return
      if (on) member.playerContext.play()
      else member.playerContext.stop()
      this.setStatus('playerVideoStatus', userID, !!on)
    },

    /** Lets a member be heard or not. params are those of the player's mute. */
    enableAudio: function (on, userID, params) {
      const member = userID && slots.find(this.data.members, userID)
      if (!member || !!this.data.playerMutedStatus[userID] === !on) return
      member.playerContext.mute(params)
      this.setStatus('playerMutedStatus', userID, !on)
    },

    setStatus: function (name, userID, value) {
      const status = Object.assign({}, this.data[name])
      status[userID] = value
      const change = {}
      change[name] = status
      this.setData(change)
    },

    sendC2CTextMsg: function (to, text, ok, fail) { im.sendTo(this.who(), to, text, ok, fail) },
    sendC2CCustomMsg: function (to, content, ok, fail) { im.sendTo(this.who(), to, content || {}, ok, fail) },
    sendGroupTextMsg: function (text, ok, fail) { im.send(this.who(), '', text, ok, fail) },
    sendGroupCustomMsg: function (content, ok, fail) { im.send(this.who(), '', content || {}, ok, fail) },

    who: function () {
      const data = this.data
      return {
        userID: data.userID, userName: data.userName, userSig: data.userSig, sdkAppID: data.sdkAppID, accountType: data.accountType,
        roomID: data.roomID, roomName: data.roomName
      }
    },

    pusher: function () {
      return wx.createLivePusherContext('rtcpusher', this)
    },

    raise: function (code, text) {
      this.triggerEvent(CONSTANT.ROOM_EVENT, { tag: ERROR.ERROR, code: code, detail: text })
    },

    /** As many slots as the template shows. */
    arrange: function (template) {
      this.show(slots.resize(this.data.members, template === CONSTANT.TEMPLATE_TYPE['1V1'] ? 1 : 3))
    },

    /** Shows slots: who made the room in front, where the template has a front. */
    show: function (members) {
      const data = this.data
      const front = function (member) { return member.userID === data.roomCreator }
      const isCaster = !!data.userID && data.roomCreator === data.userID
      const others = members.filter(function (member) { return member.userID && !front(member) })
      this.setData({
        members: members,
        presenter: members.filter(function (member) { return member.userID && front(member) }),
        audience: isCaster ? others : others.slice(0, 2)
      })
    },

    /** The complete list of the others: `[{userid, playurl}]`. */
    userList: function (list) {
      const self = this
      this.list = list
      const there = function (userID) { return list.some(function (user) { return String(user.userid) === userID }) }
      const video = Object.assign({}, this.data.playerVideoStatus)
      const muted = Object.assign({}, this.data.playerMutedStatus)
      const members = list.map(function (user) { return { userID: String(user.userid), accelerateURL: user.playurl } })
      const filled = slots.add(slots.remove(this.data.members, function (userID) { return !there(userID) }), members, function (member) {
        video[member.userID] = self.data.template !== CONSTANT.TEMPLATE_TYPE['1U3D'] || self.data.autoplay
        muted[member.userID] = false
        return {
          userID: member.userID, accelerateURL: member.accelerateURL, loading: true,
          playerContext: wx.createLivePlayerContext(member.userID, self)
        }
      })
      Object.keys(video).forEach(function (userID) {
        if (there(userID)) return
        delete video[userID]
        delete muted[userID]
      })
      this.setData({ playerVideoStatus: video, playerMutedStatus: muted })
      this.show(filled)
      const crowded = list.length > filled.length
      if (crowded && !this.crowded) this.raise(ERROR.EXCEEDS_THE_MAX_MEMBER, '房间成员数超过' + (filled.length + 1) + '人')
      this.crowded = crowded
    },

    /** The place in the room is gone, or was not to be had. What is shown stays, and the page offers to try again. */
    lostPlace: function () {
      this.watch = null
      this.raise(ERROR.JOIN_ROOM, '已离开房间或进房失败')
    },

    /** Another network: everything starts anew, before the old connections notice. */
    reconnect: function () {
      if (this.watch) this.start()
    },

    onPush: function (e) {
      const detail = e.detail
      switch (detail.code) {
        case PUSH.CAMERA:
          this.leave(ERROR.OPEN_CAMERA, '打开摄像头失败')
          break
        case PUSH.MICROPHONE:
          this.leave(ERROR.OPEN_MIC, '打开麦克风失败')
          break
        case PUSH.LOST:
          this.leave(ERROR.PUSH_DISCONNECT, '推流连接断开')
          break
        case PUSH.TOLD_TO_LEAVE:
          this.halt()
          break
        case PUSH.LEFT:
          this.lostPlace()
          break
        case PUSH.MEMBERS:
          this.userList(parseList(detail.message))
          break
        case PUSH.NETWORK:
          this.stop()
          this.start()
          break
      }
    },

    leave: function (code, text) {
      this.halt()
      this.raise(code, text)
    },

    onError: function (e) {
      const code = e.detail.errCode
      const text = code === NO_CAMERA ? '请允许使用摄像头' : code === NO_MICROPHONE ? '请允许使用麦克风' : e.detail.errMsg
      this.raise(ERROR.CAMERA_MIC_PERMISSION, text || '推流出错')
    },

    onPlay: function (e) {
      const userID = e.target.id || e.currentTarget.id
      switch (e.detail.code) {
        case PLAY.PLAYING:
          this.show(slots.change(this.data.members, userID, { loading: false }))
          break
        case PLAY.LOADING:
          this.show(slots.change(this.data.members, userID, { loading: true }))
          break
        case PLAY.LOST:
          this.show(slots.remove(this.data.members, function (other) { return other === userID }))
          this.fillAgain()
          break
      }
    },

    /** Somebody whose player gave up may still be there, or come back soon. */
    fillAgain: function () {
      const self = this
      clearTimeout(this.playAgain)
      this.playAgain = setTimeout(function () { if (self.watch) self.userList(self.list) }, PLAY_AGAIN)
    },

    onToggleSound: function (e) {
      const userID = e.currentTarget.dataset.userid
      this.enableAudio(!!this.data.playerMutedStatus[userID], userID)
    },

    onToggleCamera: function (e) {
      const userID = e.currentTarget.dataset.userid
      this.enableVideo(!this.data.playerVideoStatus[userID], userID)
    }
  }
})

/** Whoever has no stream yet, or only listens, takes no slot. */
function hasPicture(user) {
  return user.publishing !== false
}

function parseList(text) {
  try {
    return JSON.parse(text).userlist || []
  } catch (err) {
    return []
  }
}
