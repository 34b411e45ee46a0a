/** Opening cameras, microphones and screens, with every refusal named as a Problem. */
import { Problem, problemFromCapture } from '../rtc/problem'

/** What is published besides the microphone; `sound` is the microphone alone. */
export type Source = 'camera' | 'screen' | 'sound'

/** A picture size with the bitrate that suits it, in bits per second. Phones play 200 to 850 kb/s comfortably. */
export interface Quality {
  id: 'low' | 'standard' | 'high'
  width: number
  height: number
  fps: number
  bitrate: number
}

export const qualities: readonly Quality[] = [
  { id: 'low', width: 480, height: 360, fps: 24, bitrate: 400_000 },
  { id: 'standard', width: 640, height: 480, fps: 30, bitrate: 800_000 },
  { id: 'high', width: 1280, height: 720, fps: 30, bitrate: 1_800_000 },
]

/** A screen is read, not watched: as sharp as the encoder's level allows, at half the frames. */
export const screenQuality = { width: 1920, height: 1080, fps: 15, bitrate: 2_000_000 }

function devices(): MediaDevices {
  // Absent, whatever the types say, on plain http and in old web views.
  const found = navigator.mediaDevices as MediaDevices | undefined
  if (found) return found
  throw new Problem(window.isSecureContext === false ? 'insecure' : 'no-webrtc')
}

/** `deviceId` empty means the system's default. Falls back to it when the chosen device is no longer there. */
export async function openMicrophone(deviceId = ''): Promise<MediaStreamTrack> {
  const audio: MediaTrackConstraints = { echoCancellation: true, noiseSuppression: true, autoGainControl: true }
  return first(await open({ audio: { ...audio, ...exactly(deviceId) } }, { audio }))
}

export async function openCamera(deviceId: string, quality: Quality): Promise<MediaStreamTrack> {
  const video: MediaTrackConstraints = {
    width: { ideal: quality.width },
    height: { ideal: quality.height },
    frameRate: { ideal: quality.fps, max: 30 },
  }
  const track = first(await open({ video: { ...video, ...exactly(deviceId) } }, { video }))
  track.contentHint = 'motion'
  return track
}

/**
 * Asks for camera and microphone at once, so that the person is asked once. Only where they have not decided yet; what
 * comes of it shows when the devices are opened.
 */
export async function askForBoth(): Promise<void> {
  try {
    const names = ['camera', 'microphone'] as unknown as PermissionName[]
    const states = await Promise.all(names.map((name) => navigator.permissions.query({ name })))
    if (!states.every(({ state }) => state === 'prompt')) return
    const stream = await devices().getUserMedia({ audio: true, video: true })
    for (const track of stream.getTracks()) track.stop()
  } catch {
    // Cannot be asked, or refused: each device then says so itself.
  }
}

/** The picture of a screen or window, and its sound where the browser and the person share it. */
export async function openScreen(): Promise<{ video: MediaStreamTrack; audio: MediaStreamTrack | null }> {
  const media = devices()
  if (!('getDisplayMedia' in media)) throw new Problem('no-screen')
  try {
    const stream = await media.getDisplayMedia({
      video: {
        width: { max: screenQuality.width },
        height: { max: screenQuality.height },
        frameRate: { ideal: screenQuality.fps, max: 30 },
      },
      audio: true,
    })
    const video = first(stream.getVideoTracks())
    video.contentHint = 'detail'
    return { video, audio: stream.getAudioTracks()[0] ?? null }
  } catch (error) {
    throw problemFromCapture(error, 'screen')
  }
}

async function open(wanted: MediaStreamConstraints, plain: MediaStreamConstraints): Promise<MediaStreamTrack[]> {
  const media = devices()
  try {
    return (await media.getUserMedia(wanted)).getTracks()
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'OverconstrainedError') throw problemFromCapture(error, 'camera')
  }
  try {
    return (await media.getUserMedia(plain)).getTracks()
  } catch (error) {
    throw problemFromCapture(error, 'camera')
  }
}

const exactly = (deviceId: string): MediaTrackConstraints => (deviceId ? { deviceId: { exact: deviceId } } : {})

function first(tracks: MediaStreamTrack[]): MediaStreamTrack {
  const track = tracks[0]
  if (!track) throw new Problem('no-device')
  return track
}
