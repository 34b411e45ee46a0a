/** States of `<live-pusher>` and `<live-player>` (statechange) and the pusher's errors (error) that components act on. */
module.exports = {
  PUSH: {
    PUSHING: 1002,
    JOINED: 1018,
    LEFT: 1019,
    MEMBERS: 1020,
    NETWORK: 1021,
    CAMERA: -1301,
    MICROPHONE: -1302,
    RESOLUTION: -1305,
    SAMPLE_RATE: -1306,
    LOST: -1307,
    TOLD_TO_LEAVE: 5000
  },
  PLAY: { PLAYING: 2004, LOADING: 2007, LAG: 2105, LOST: -2301 },
  NO_CAMERA: 10001,
  NO_MICROPHONE: 10002
}
