const server = require('./demo/server')

App({
  /** Read by the components: what of the screen's top is covered. The pages here have the ordinary navigation bar. */
  globalData: { headerHeight: 0, statusBarHeight: 0 },

  onLaunch: function () {
    server.restore()
  }
})
