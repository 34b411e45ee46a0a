import { onUnmounted, ref, shallowRef } from 'vue'
import { openCamera, openMicrophone, openScreen, qualities, type Quality, type Source } from '../media/capture'
import { mixTracks } from '../media/sound'
import { Problem, toProblem } from '../rtc/problem'
import { refreshDevices } from './useDevices'
import { stored } from './stored'

export interface LocalMediaOptions {
  /** The picture size to begin with, and under which key the person's own choice is remembered. */
  quality?: Quality['id']
  qualityKey?: string
}

/**
 * The person's own camera or screen and microphone. `stream` is what a preview shows and a link sends; it is a new object
 * whenever its tracks changed, so that watching it is enough to follow.
 */
export function useLocalMedia(options: LocalMediaOptions = {}) {
  const source = ref<Source>('camera')
  const cameraId = stored<string>('camera', '')
  const microphoneId = stored<string>('microphone', '')
  const qualityId = stored<Quality['id']>(options.qualityKey ?? 'quality', options.quality ?? 'standard')
  const stream = shallowRef<MediaStream | null>(null)
  /** The microphone itself, for the level meter. */
  const microphone = shallowRef<MediaStreamTrack | null>(null)
  // Where cameras are forbidden, that is better said before anything is pressed.
  const problem = shallowRef<Problem | null>(window.isSecureContext ? null : new Problem('insecure'))
  const opening = ref(false)
  const micOn = ref(true)
  const cameraOn = ref(true)

  let video: MediaStreamTrack | null = null
  let screenAudio: MediaStreamTrack | null = null
  let mixed: ReturnType<typeof mixTracks> | null = null
  // Every opening and closing takes a number; an answer that comes late for its number is thrown away.
  let turn = 0

  const quality = () => qualities.find((q) => q.id === qualityId.value) ?? qualities[1]!

  /** Opens what `source` names. Resolves with the stream, or null when it could not be had: `problem` says why. */
  async function open(wanted: Source = source.value): Promise<MediaStream | null> {
    const mine = ++turn
    opening.value = true
    problem.value = null
    try {
      const picture = await openPicture(wanted)
      if (mine !== turn) return stopAll(picture.video, picture.audio)
      setPicture(wanted, picture.video, picture.audio)
      if (!microphone.value || microphone.value.readyState === 'ended') await openMic(mine)
    } catch (error) {
      if (mine === turn) problem.value = toProblem(error)
    } finally {
      if (mine === turn) {
        opening.value = false
        void refreshDevices()
      }
    }
    if (mine !== turn) return null
    publish()
    return stream.value
  }

  async function openPicture(wanted: Source): Promise<Picture> {
    if (wanted === 'screen') return openScreen()
    // An open camera keeps its size, and on a phone keeps the other one from opening; a screen stays until it is replaced.
    if (wanted === 'camera' && source.value === 'camera') video = stopAll(video)
    return { video: wanted === 'camera' ? await openCamera(cameraId.value, quality()) : null, audio: null }
  }

  /** A missing or refused microphone is said, but the picture goes on without it. */
  async function openMic(mine: number): Promise<void> {
    try {
      const track = await openMicrophone(microphoneId.value)
      if (mine !== turn) return void track.stop()
      microphone.value?.stop()
      microphone.value = track
      track.enabled = micOn.value
      track.onended = () => lost(track)
    } catch (error) {
      if (mine === turn) problem.value = toProblem(error)
    }
  }

  function setPicture(wanted: Source, track: MediaStreamTrack | null, audio: MediaStreamTrack | null): void {
    stopAll(video, screenAudio)
    source.value = wanted
    video = track
    screenAudio = audio
    if (track) {
      track.enabled = wanted === 'screen' || cameraOn.value
      track.onended = () => lost(track)
    }
    if (audio) audio.onended = () => publish()
  }

  /** A device was unplugged or taken, or the person ended the sharing in the browser's own bar. */
  function lost(track: MediaStreamTrack): void {
    if (track === video) {
      video = null
      if (source.value === 'camera') problem.value = new Problem('device-lost', track.label)
    }
    if (track === microphone.value) {
      microphone.value = null
      problem.value = new Problem('device-lost', track.label)
    }
    publish()
  }

  function publish(): void {
    mixed?.close()
    mixed = null
    const sounds = [microphone.value, screenAudio].filter((t): t is MediaStreamTrack => t?.readyState === 'live')
    if (sounds.length > 1) mixed = mixTracks(sounds)
    const sound = mixed?.track ?? sounds[0]
    const tracks = [video, sound].filter((t): t is MediaStreamTrack => !!t)
    stream.value = tracks.length > 0 ? new MediaStream(tracks) : null
  }

  async function switchMicrophone(id: string): Promise<void> {
    microphoneId.value = id
    if (!stream.value) return
    const mine = ++turn
    problem.value = null
    await openMic(mine)
    if (mine === turn) publish()
  }

  async function switchCamera(id: string): Promise<void> {
    cameraId.value = id
    if (stream.value && source.value === 'camera') await open('camera')
  }

  async function switchQuality(id: Quality['id']): Promise<void> {
    qualityId.value = id
    if (stream.value && source.value === 'camera') await open('camera')
  }

  function setMic(on: boolean): void {
    micOn.value = on
    if (microphone.value) microphone.value.enabled = on
  }

  function setCamera(on: boolean): void {
    cameraOn.value = on
    if (video && source.value === 'camera') video.enabled = on
  }

  function close(): void {
    turn++
    opening.value = false
    stopAll(video, screenAudio)
    microphone.value?.stop()
    video = screenAudio = microphone.value = null
    publish()
  }

  onUnmounted(close)

  return {
    source, cameraId, microphoneId, qualityId, stream, microphone, problem, opening, micOn, cameraOn,
    quality, open, close, setMic, setCamera, switchMicrophone, switchCamera, switchQuality,
  }
}

interface Picture {
  video: MediaStreamTrack | null
  audio: MediaStreamTrack | null
}

export type LocalMedia = ReturnType<typeof useLocalMedia>

function stopAll(...tracks: (MediaStreamTrack | null)[]): null {
  for (const track of tracks) {
    if (!track) continue
    track.onended = null
    track.stop()
  }
  return null
}
