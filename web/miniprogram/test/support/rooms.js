/** What pages do around the components: accounts, rooms, and putting a component on the screen. */
const { eventually } = require('./phones')

/**
 * Puts a webrtc-room on a phone and starts it, in a room that is made or, with a roomID, entered. Promises
 * {userID, roomID, account}; more are properties.
 */
async function webrtcRoom(phone, nickName, roomID, more) {
  const account = await phone.use('utils/webrtcroom', 'getLoginInfo', '', 'SUCCESS', 'FAIL')
  const entered = roomID
    ? await phone.use('utils/webrtcroom', 'enterRoom', account.userID, roomID, 'SUCCESS', 'FAIL', nickName)
    : await phone.use('utils/webrtcroom', 'createRoom', account.userID, 'a room', 'SUCCESS', 'FAIL', nickName)
  // A page keeps its place by heartbeats; these go on until the phone calls stopHeartBeat.
  await phone.use('utils/webrtcroom', 'startHeartBeat', account.userID, entered.roomID, null, null)
  const properties = {
    template: 'float', userID: account.userID, userName: nickName, userSig: account.userSig, sdkAppID: account.sdkAppID,
    roomID: Number(entered.roomID), privateMapKey: entered.privateMapKey, enableIM: true, roomCreator: '', ...more
  }
  await phone.mount('room', 'pages/components/webrtc-room/webrtc-room', properties, ['RoomEvent', 'IMEvent'])
  await phone.call('room', 'start')
  return { userID: account.userID, roomID: entered.roomID, account }
}

/** Takes a webrtc-room off the screen and leaves the room. */
async function leaveWebrtcRoom(phone, { userID, roomID }) {
  await phone.use('utils/webrtcroom', 'stopHeartBeat')
  await phone.do('unmount', { name: 'room' })
  await phone.use('utils/webrtcroom', 'quitRoom', userID, roomID, 'SUCCESS', 'SUCCESS')
  phone.events.length = 0
}

/** Logs in for rtc-room or live-room. Promises the account. */
function logIn(phone, type, userName) {
  return phone.use('utils/getlogininfo', 'getLoginInfo', { callbacks: true, type, userName })
}

/** Puts an rtc-room on a phone and starts it; without a roomID it makes a room. Promises {userID, roomID}. */
async function rtcRoom(phone, userName, roomID, more) {
  const account = await logIn(phone, 'multi_room', userName)
  await phone.mount('room', 'pages/components/rtc-room/rtc-room', { template: 'float', roomID: roomID || '', roomInfo: 'a room', ...more }, ['onRoomEvent'])
  await phone.call('room', 'start')
  return { userID: account.userID }
}

/** Puts a live-room on a phone and starts it; without a roomID the phone is the anchor. Promises {userID}. */
async function liveRoom(phone, userName, roomID, more) {
  const account = await logIn(phone, 'live_room', userName)
  const properties = { role: roomID ? 'audience' : 'presenter', roomid: roomID || '', roomname: 'a show', template: 'float', ...more }
  await phone.mount('room', 'pages/components/live-room/liveroom', properties, ['RoomEvent'])
  await phone.call('room', 'start')
  return { userID: account.userID }
}

/** Takes a component off the screen, which leaves the room. */
async function leave(phone) {
  await phone.do('unmount', { name: 'room' })
  phone.events.length = 0
}

/** Has a room recorded, as a back end does; promises what pauses, resumes and stops it. */
async function record(gateway, roomID) {
  const post = async (path, body) => {
    const answer = await fetch(gateway.url + '/api/v1/recordings' + path, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body || {})
    })
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
    return answer.json()
  }
  const { recordingID } = await post('', { roomID })
  return (what) => post(`/${recordingID}/${what}`)
}

/** Promises that a component on a phone shows the notice of being recorded, or, without a text, that it shows none. */
function notice(phone, text) {
  let html = ''
  return eventually(() => `${text || 'no notice'}; the screen has ${html}`, async () => {
    html = await phone.do('html', { name: 'room' })
    return text ? html.includes(text) && html.includes('recording-dot') : !html.includes('recording-dot')
  })
}

module.exports = { webrtcRoom, leaveWebrtcRoom, logIn, rtcRoom, liveRoom, leave, record, notice }
