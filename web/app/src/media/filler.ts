/**
 * Stand-ins for a camera that is off and a microphone that is not there. What a peer connection carries is settled when it
 * is offered, and a player on a phone waits for each announced track: so something always flows, at next to no cost.
 */

/** A black picture, redrawn now and then so that late comers get one too. */
export function blackVideo(width: number, height: number): MediaStreamTrack | null {
  const canvas = document.createElement('canvas')
  canvas.width = width
  canvas.height = height
  const context = canvas.getContext('2d')
  if (!context || !canvas.captureStream) return null
  const draw = () => {
    context.fillStyle = '#000'
    context.fillRect(0, 0, width, height)
  }
  draw()
  const track = canvas.captureStream(2).getVideoTracks()[0]
  if (!track) return null
  const timer = setInterval(draw, 500)
  const stop = track.stop.bind(track)
  // A canvas track has no end of its own to listen to.
  track.stop = () => {
    clearInterval(timer)
    stop()
  }
  return track
}

/** Silence. */
export function silentAudio(): MediaStreamTrack | null {
  try {
    const context = new AudioContext()
    const track = context.createMediaStreamDestination().stream.getAudioTracks()[0]
    if (!track) return null
    void context.resume().catch(() => undefined)
    const stop = track.stop.bind(track)
    track.stop = () => {
      stop()
      void context.close().catch(() => undefined)
    }
    return track
  } catch {
    return null
  }
}
