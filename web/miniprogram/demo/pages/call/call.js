/**
 * A call. A room with a number is one of webrtc_room and gets that component; a room with a name, such as the call page
 * makes, gets rtc-room. Either meets browsers and phones alike.
 */
const server = require('../../server')
const webrtcroom = require('../../../utils/webrtcroom')
const getlogininfo = require('../../../utils/getlogininfo')

const LAYOUTS = ['float', 'grid']
/** Who has made the room is in front in these. */
const CREATORS_LAYOUTS = ['float', 'grid', '1l3r', '1u3d']
/** Codes of both components, and of webrtc-room for a lost place in the room. */
const NO_PERMISSION = -7
const TOO_MANY = -8
const LOST_PLACE = -10
/** Who says that somebody has come or gone. */
const SYSTEM = '@TIM#SYSTEM'
/** How many lines of the chat are kept. */
const KEPT = 100

Component({
  data: {
    kind: '', template: 'float', roomID: '', roomCreator: '', nickName: '', userID: '', userSig: '', sdkAppID: 0, accountType: '', privateMapKey: '',
    muted: false, camera: true, chat: false, unread: false, lines: [], draft: '', status: '正在进入房间…'
  },

  lifetimes: {
    detached: function () { this.leave() }
  },

  pageLifetimes: {
    show: function () { wx.setKeepScreenOn({ keepScreenOn: true }) }
  },

  methods: {
    /** query: roomID, nickName, and userID where the user has made the room and is in it. */
    onLoad: function (query) {
      const roomID = decodeURIComponent(query.roomID || '')
      const nickName = decodeURIComponent(query.nickName || '')
      wx.setNavigationBarTitle({ title: '房间 ' + roomID })
      this.setData({ roomID: roomID, roomCreator: query.userID || '', nickName: nickName, kind: server.isNumber(roomID) ? 'webrtc' : 'rtc' })
      if (this.data.kind === 'webrtc') this.enterWebrtc(query.userID || '')
      else this.enterRtc()
    },

    room: function () { return this.selectComponent('#room') },

    enterWebrtc: function (userID) {
      const self = this
      const roomID = this.data.roomID
      const failed = function (err) { self.giveUp('进入房间失败', err.errMsg) }
      webrtcroom.getLoginInfo(userID, function (account) {
        webrtcroom.enterRoom(account.userID, roomID, function (entered) {
          if (self.over) return
          self.setData({
            userID: account.userID, userSig: account.userSig, sdkAppID: account.sdkAppID, accountType: account.accountType,
            privateMapKey: entered.privateMapKey, status: ''
          }, function () { self.room().start() })
          webrtcroom.startHeartBeat(account.userID, roomID, null, function () { self.giveUp('通话中断', '与服务器失去联系') })
        }, failed, self.data.nickName)
      }, failed)
    },

    enterRtc: function () {
      const self = this
      getlogininfo.getLoginInfo({
        type: 'multi_room',
        userName: this.data.nickName,
        success: function () {
          if (self.over) return
          self.setData({ status: '' }, function () { self.room().start() })
        },
        fail: function (err) { self.giveUp('登录失败', err.errMsg) }
      })
    },

    onWebrtcEvent: function (e) {
      const event = e.detail
      if (event.tag !== 'error') return
      if (event.code === LOST_PLACE) this.offerAgain()
      else this.trouble(event)
    },

    trouble: function (event) {
      if (event.code === TOO_MANY) wx.showToast({ title: '人数较多，只显示一部分', icon: 'none' })
      else if (event.code === NO_PERMISSION) this.giveUp('没有权限', '请在右上角“设置”中允许使用摄像头和麦克风，再重新进入')
      else this.giveUp('通话中断', event.detail)
    },

    onIMEvent: function (e) {
      const event = e.detail
      if (event.tag !== 'big_group_msg_notify') return
      for (let i = event.detail.length - 1; i >= 0; i--) this.hear(event.detail[i])
    },

    /** A chat line of webrtc-room is one custom element: the text, and the name in its description. */
    hear: function (message) {
      const elem = message.getElems()[0]
      const content = elem && elem.getContent()
      if (!content || !content.getExt || content.getExt() !== 'TEXT') return
      let name = message.getFromAccountNick()
      try { name = JSON.parse(content.getDesc()).nickName || name } catch (err) { name = message.getFromAccountNick() }
      this.addLine(name, content.getData())
    },

    onRtcEvent: function (e) {
      const event = e.detail
      if (event.tag === 'recvTextMsg') {
        const message = JSON.parse(event.detail)
        this.addLine(message.userID === SYSTEM ? '' : message.nickName, message.textMsg)
      } else if (event.tag === 'roomClosed') {
        this.giveUp('通话结束', '房间已关闭')
      } else if (event.tag === 'error') {
        this.trouble(event)
      }
    },

    addLine: function (from, text) {
      this.count = (this.count || 0) + 1
      this.setData({ lines: this.data.lines.concat({ id: this.count, from: from, text: text }).slice(-KEPT), unread: !this.data.chat })
    },

    onDraft: function (e) { this.setData({ draft: e.detail.value }) },

    onSend: function () {
      const text = this.data.draft.trim()
      if (!text) return
      this.setData({ draft: '' })
      const failed = function () { wx.showToast({ title: '消息没有发出', icon: 'none' }) }
      if (this.data.kind === 'rtc') this.room().sendTextMsg(text)
      else this.room().sendGroupCustomMsg({ data: text, ext: 'TEXT', desc: JSON.stringify({ nickName: this.data.nickName || this.data.userID }) }, null, failed)
    },

    onMute: function () { this.setData({ muted: !this.data.muted }) },
    onCamera: function () { this.setData({ camera: !this.data.camera }) },
    onSwitch: function () { this.room().switchCamera() },
    onChat: function () { this.setData({ chat: !this.data.chat, unread: false }) },
    onEnd: function () { wx.navigateBack({}) },

    onLayout: function () {
      const layouts = this.data.roomCreator ? CREATORS_LAYOUTS : LAYOUTS
      this.setData({ template: layouts[(layouts.indexOf(this.data.template) + 1) % layouts.length] })
    },

    offerAgain: function () {
      const self = this
      wx.showModal({
        title: '已离开房间',
        content: '要重新进入吗？',
        success: function (res) {
          if (res.confirm) self.enterWebrtc(self.data.userID)
          else wx.navigateBack({})
        }
      })
    },

    giveUp: function (title, text) {
      if (this.over) return
      this.leave()
      wx.showModal({ title: title, content: text, showCancel: false, success: function () { wx.navigateBack({}) } })
    },

    leave: function () {
      if (this.over) return
      this.over = true
      wx.setKeepScreenOn({ keepScreenOn: false })
      webrtcroom.stopHeartBeat()
      const room = this.room()
      if (room) room.stop()
      if (this.data.kind === 'webrtc' && this.data.userID) webrtcroom.quitRoom(this.data.userID, this.data.roomID)
    }
  }
})
