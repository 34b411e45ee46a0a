/**
 * The login of rtc-room and live-room: asks the gateway for an account and logs into its rooms and messages.
 * options: type ('double_room', 'multi_room' or 'live_room'), userName and userAvatar where the page knows them,
 * success(account) and fail({errCode, errMsg}).
 */
const gateway = require('./gateway')
const rtcroom = require('./rtcroom')
const liveroom = require('./liveroom')

function none() {}

/** Promises the code by which a back end can find out who the user is, or an empty one. */
function wechatCode() {
  return new Promise(function (resolve) {
    wx.login({
      success: function (res) { resolve(res.code || '') },
      fail: function () { resolve('') }
    })
  })
}

function getLoginInfo(options) {
  const type = options.type || 'multi_room'
  const rooms = type === 'live_room' ? liveroom : rtcroom
  wechatCode().then(function (code) {
    return gateway.call('/weapp/utils/get_login_info?userIDPrefix=weixin&code=' + encodeURIComponent(code))
  }).then(function (info) {
    rooms.login({
      data: {
        type: type, userID: info.userID, userSig: info.userSig, sdkAppID: info.sdkAppID, accountType: info.accType,
        userName: options.userName || info.userID, userAvatar: options.userAvatar || ''
      },
      success: options.success,
      fail: options.fail
    })
  }, function (err) {
    (options.fail || none)({ errCode: err.code, errMsg: err.message })
  })
}

module.exports = { getLoginInfo: getLoginInfo }
