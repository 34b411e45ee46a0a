/** A live room: without a roomID the user is the anchor, with one a viewer, who may ask to come on stage. */
const getlogininfo = require('../../../utils/getlogininfo')

/** Codes that do not end it: the anchor did not want somebody on stage, and a message was not sent. */
const PASSING = [-9004, -9005]
/** Who says that somebody has come or gone. */
const SYSTEM = '@TIM#SYSTEM'
/** How many lines of the chat are shown. */
const SHOWN = 6

Component({
  data: { ready: false, role: 'audience', roomID: '', nickName: '', lines: [], draft: '', linked: false, status: '正在连接…' },

  lifetimes: {
    detached: function () { this.over = true }
  },

  pageLifetimes: {
    show: function () { wx.setKeepScreenOn({ keepScreenOn: true }) }
  },

  methods: {
    onLoad: function (query) {
      const self = this
      const roomID = decodeURIComponent(query.roomID || '')
      const nickName = decodeURIComponent(query.nickName || '')
      this.setData({ roomID: roomID, role: roomID ? 'audience' : 'presenter', nickName: nickName || '直播' })
      getlogininfo.getLoginInfo({
        type: 'live_room',
        userName: nickName,
        success: function () {
          if (self.over) return
          self.setData({ ready: true, status: roomID ? '' : '正在打开摄像头…' }, function () { self.room().start() })
        },
        fail: function (err) { self.giveUp('登录失败', err.errMsg) }
      })
    },

    room: function () { return this.selectComponent('#room') },

    onRoomEvent: function (e) {
      const event = e.detail
      switch (event.tag) {
        case 'created':
          this.setData({ status: '' })
          this.addLine('', '直播已开始，房间号 ' + this.room().data.roomID)
          break
        case 'recvTextMsg':
          this.addLine(event.detail.userID === SYSTEM ? '' : event.detail.userName, event.detail.message)
          break
        case 'joinPusher':
          this.answer(event.detail)
          break
        case 'LinkOn':
        case 'LinkOut':
          this.setData({ linked: event.tag === 'LinkOn', status: '' })
          break
        case 'roomClosed':
          this.giveUp('直播结束', '主播已离开')
          break
        case 'error':
          this.setData({ status: '' })
          if (PASSING.indexOf(event.code) >= 0) wx.showToast({ title: event.detail, icon: 'none' })
          else this.giveUp('直播中断', event.detail)
          break
      }
    },

    /** Somebody asks to come on stage. */
    answer: function (viewer) {
      const self = this
      wx.showModal({
        title: '连麦请求',
        content: (viewer.userName || viewer.userID) + ' 想要连麦',
        success: function (res) { self.room().respondJoinReq(res.confirm, viewer) }
      })
    },

    addLine: function (from, text) {
      this.count = (this.count || 0) + 1
      this.setData({ lines: this.data.lines.concat({ id: this.count, from: from, text: text }).slice(-SHOWN) })
    },

    onDraft: function (e) { this.setData({ draft: e.detail.value }) },

    onSend: function () {
      const text = this.data.draft.trim()
      if (text) this.room().sendTextMsg(text)
      this.setData({ draft: '' })
    },

    onLink: function () {
      if (this.data.linked) {
        this.room().quitLink()
        return
      }
      this.setData({ status: '正在等待主播同意…' })
      this.room().requestJionPusher()
    },

    onSwitch: function () { this.room().switchCamera() },
    onEnd: function () { wx.navigateBack({}) },

    giveUp: function (title, text) {
      if (this.over) return
      this.over = true
      if (this.room()) this.room().stop()
      wx.showModal({ title: title, content: text, showCancel: false, success: function () { wx.navigateBack({}) } })
    }
  }
})
