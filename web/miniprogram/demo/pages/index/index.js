/** The front page: who I am, which room, and which gateway. */
const server = require('../../server')
const webrtcroom = require('../../../utils/webrtcroom')

const NAME = 'nickName'

Component({
  data: { nickName: '', roomID: '', queue: 'support', server: '' },

  lifetimes: {
    attached: function () {
      this.setData({ nickName: wx.getStorageSync(NAME) || '', server: server.current() })
    }
  },

  methods: {
    /** The page can be opened with a room, from a shared card: ?roomID=... */
    onLoad: function (query) {
      if (query && query.roomID) this.setData({ roomID: query.roomID })
    },

    onShareAppMessage: function () {
      return { title: '邀请你视频通话', path: '/demo/pages/index/index?roomID=' + encodeURIComponent(this.data.roomID) }
    },

    onName: function (e) { this.setData({ nickName: e.detail.value.trim() }) },
    onRoom: function (e) { this.setData({ roomID: e.detail.value.trim() }) },

    onServer: function (e) {
      if (!server.choose(e.detail.value)) wx.showToast({ title: '地址应类似 https://call.example.com', icon: 'none' })
      this.setData({ server: server.current() })
    },

    onScan: function () {
      const self = this
      wx.scanCode({
        success: function (res) {
          const read = server.readCode(res.result)
          if (!read) {
            wx.showToast({ title: '这不是通话房间的二维码', icon: 'none' })
            return
          }
          if (read.server) server.choose(read.server)
          self.setData({ roomID: read.roomID, server: server.current() })
          self.onJoin()
        },
        fail: function () {}
      })
    },

    onJoin: function () {
      if (server.readCode(this.data.roomID)) this.open('call', this.data.roomID)
      else wx.showToast({ title: '房间号只有字母、数字、_ 和 -', icon: 'none' })
    },

    /** A new room has a number, so that it can be read out. */
    onCreate: function () {
      const self = this
      const fail = function (err) { wx.showModal({ title: '新建房间失败', content: err.errMsg, showCancel: false }) }
      webrtcroom.getLoginInfo('', function (account) {
        webrtcroom.createRoom(account.userID, self.data.nickName || '视频通话', function (made) {
          self.setData({ roomID: made.roomID })
          self.open('call', made.roomID, account.userID)
        }, fail, self.data.nickName)
      }, fail)
    },

    onAnchor: function () { this.open('live', '') },
    onWatch: function () { this.open('live', this.data.roomID) },
    onQueue: function (e) { this.setData({ queue: e.detail.value.trim() }) },

    onService: function () {
      wx.setStorageSync(NAME, this.data.nickName)
      wx.navigateTo({
        url: '/demo/pages/service/service?queue=' + encodeURIComponent(this.data.queue) + '&nickName=' + encodeURIComponent(this.data.nickName)
      })
    },

    /** Opens a page; userID is who is in the room already. */
    open: function (page, roomID, userID) {
      wx.setStorageSync(NAME, this.data.nickName)
      const query = ['roomID=' + encodeURIComponent(roomID), 'nickName=' + encodeURIComponent(this.data.nickName), 'userID=' + (userID || '')]
      wx.navigateTo({ url: '/demo/pages/' + page + '/' + page + '?' + query.join('&') })
    }
  }
})
