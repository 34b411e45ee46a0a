/**
 * What happens around a call: the app goes to the background, a phone call takes the microphone, the network changes.
 * Where the base library is too old to tell, a handler is not called.
 */

/** handlers: network(), interrupted(), resumed(). Returns a function that ends it. */
module.exports = function (handlers) {
  let type = ''
  let on = true
  let down = false
  const network = function (status) {
    if (!on) return
    const changed = status.isConnected && (down || (type && status.networkType !== type))
    down = !status.isConnected
    if (status.isConnected) type = status.networkType
    if (changed) handlers.network()
  }
  const interrupted = function () { if (on) handlers.interrupted() }
  const resumed = function () { if (on) handlers.resumed() }
  if (wx.getNetworkType) {
    wx.getNetworkType({ success: function (res) { type = type || (res.networkType === 'none' ? '' : res.networkType) } })
  }
  if (wx.onNetworkStatusChange) wx.onNetworkStatusChange(network)
  if (wx.onAudioInterruptionBegin) wx.onAudioInterruptionBegin(interrupted)
  if (wx.onAudioInterruptionEnd) wx.onAudioInterruptionEnd(resumed)
  return function () {
    on = false
    if (wx.offNetworkStatusChange) wx.offNetworkStatusChange(network)
    if (wx.offAudioInterruptionBegin) wx.offAudioInterruptionBegin(interrupted)
    if (wx.offAudioInterruptionEnd) wx.offAudioInterruptionEnd(resumed)
  }
}
