/** What pages hear of video-service: `ServiceEvent` with {tag, code, detail}. */
module.exports = {
  EVENT: 'ServiceEvent',
  TAG: { SCREEN: 'screen', CALL: 'call', RATED: 'rated', CALLBACK: 'callback', CLOSE: 'close', ERROR: 'error' },
  /** Codes of errors; those of devices and of the stream are those of webrtc-room. */
  ERROR: { CAMERA: -4, MICROPHONE: -5, LOST: -6, PERMISSION: -7, REFUSED: -9, CALL: -10, SUSPENDED: 5000 }
}
