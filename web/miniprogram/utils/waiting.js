/** What the others see while the app is in the background: a picture of the gateway's, where it can be had by https. */
const gateway = require('./gateway')

module.exports = {
  /** server is the gateway's address; without one, that of config.js. */
  image: function (server) {
    const base = server || gateway.base()
    return base.indexOf('https://') === 0 ? base + '/waiting.png' : ''
  }
}
