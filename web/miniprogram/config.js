/**
 * Where the gateway is: the one thing to change. The domain has to be among the request and socket domains of the
 * mini-program (mp.weixin.qq.com, development settings), or domain checks be switched off in the developer tools.
 */
const serverUrl = 'http://127.0.0.1:8080'

module.exports = {
  /** get_login_info, and the room service of rtc-room and live-room; messages take their address from here, too. */
  url: serverUrl,
  roomServiceUrl: serverUrl,
  /** The room service of webrtc-room. */
  webrtcServerUrl: serverUrl + '/weapp/webrtc_room'
}
