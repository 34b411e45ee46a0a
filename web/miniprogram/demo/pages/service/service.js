/** A customer calls the desk: the component does everything, the page says whom to call and as whom. */
const server = require('../../server')

Component({
  data: { server: '', queue: '', nickName: '', userData: null },

  methods: {
    /** query: queue, and nickName. A mini-program of a company's own would give its customer's data. */
    onLoad: function (query) {
      this.setData({
        server: server.current(), queue: decodeURIComponent(query.queue || ''), nickName: decodeURIComponent(query.nickName || ''),
        userData: { from: 'demo' }
      })
    },

    onServiceEvent: function (e) {
      if (e.detail.tag === 'close') wx.navigateBack({})
    }
  }
})
