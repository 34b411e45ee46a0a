/** The gateway the demo talks to: config.js has one, and the user may choose another, by hand or with a QR code. */
const config = require('../config')

const KEY = 'server'

function use(address) {
  config.url = config.roomServiceUrl = address
  config.webrtcServerUrl = address + '/weapp/webrtc_room'
}

/** Takes the address that was used last. */
function restore() {
  const address = wx.getStorageSync(KEY)
  if (address) use(address)
}

/** Takes an address, as it was typed; returns whether it is one. */
function choose(text) {
  const address = String(text).trim().replace(/\/+$/, '')
  if (!/^https?:\/\/[^\s/]+(\/[^\s?#]*)?$/.test(address)) return false
  use(address)
  wx.setStorageSync(KEY, address)
  return true
}

function current() {
  return config.roomServiceUrl
}

/**
 * What a QR code says: the address of the call page, https://HOST/#/room/ID, gives {server, roomID}; a roomID alone gives
 * {roomID}; anything else null.
 */
function readCode(text) {
  const page = /^(https?:\/\/[^\s#?]+?)\/*(?:\?[^#]*)?#\/room\/([A-Za-z0-9_-]{1,48})(?:[?].*)?$/.exec(String(text).trim())
  if (page) return { server: page[1].replace(/\/index\.html$/, ''), roomID: page[2] }
  return /^[A-Za-z0-9_-]{1,48}$/.test(text) ? { roomID: String(text) } : null
}

/** Whether a room is one of webrtc_room, which has a number; other rooms have names. */
function isNumber(roomID) {
  return /^[1-9]\d{0,9}$/.test(roomID) && Number(roomID) <= 2147483647
}

module.exports = { restore: restore, choose: choose, current: current, readCode: readCode, isNumber: isNumber }
