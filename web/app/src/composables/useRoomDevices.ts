import { computed, ref, shallowRef, watch } from 'vue'
import { askForBoth, qualities, type Source } from '../media/capture'
import type { Problem } from '../rtc/problem'
import type { Sending } from '../room/publish'
import { stored } from './stored'
import { useLocalMedia } from './useLocalMedia'

/**
 * What a person brings into a room: microphone and camera, each on or off, and a screen in the camera's place. A camera that
 * is off is let go, so that its light goes out.
 */
export function useRoomDevices() {
  const media = useLocalMedia({ quality: 'high', qualityKey: 'roomQuality' })
  const mic = stored<'on' | 'off'>('roomMic', 'on', 'tab')
  const camera = stored<'on' | 'off'>('roomCamera', 'on', 'tab')
  const problem = shallowRef<Problem | null>(media.problem.value)
  const opened = ref(false)
  media.setMic(mic.value === 'on')

  const picture = computed(() => media.stream.value?.getVideoTracks()[0] ?? null)
  const sharing = computed(() => media.source.value === 'screen' && picture.value !== null)
  const micOn = computed(() => media.micOn.value && media.microphone.value !== null)
  const cameraOn = computed(() => media.source.value === 'camera' && picture.value !== null)
  /** Whether others see anything of us. */
  const shown = computed(() => cameraOn.value || sharing.value)

  const sending = computed<Sending>(() => {
    const quality = qualities.find((q) => q.id === media.qualityId.value) ?? qualities[2]!
    const { width = quality.width, height = quality.height } = cameraOn.value ? (picture.value?.getSettings() ?? {}) : {}
    const audio = media.stream.value?.getAudioTracks()[0] ?? null
    return { audio, video: picture.value, screen: sharing.value, width, height, bitrate: quality.bitrate, fps: quality.fps }
  })

  async function show(wanted: Source): Promise<void> {
    problem.value = null
    await media.open(wanted)
    const failed = media.problem.value
    // Without a camera there is still the microphone.
    if (failed && wanted === 'camera' && !picture.value) await media.open('sound')
    problem.value = failed ?? media.problem.value
    opened.value = true
  }

  /** Opens what the person wished for last time. */
  async function open(): Promise<void> {
    await askForBoth()
    await show(camera.value === 'on' ? 'camera' : 'sound')
  }

  async function setCamera(on: boolean): Promise<void> {
    camera.value = on ? 'on' : 'off'
    if (!sharing.value) await show(on ? 'camera' : 'sound')
  }

  function setMic(on: boolean): void {
    mic.value = on ? 'on' : 'off'
    media.setMic(on)
    if (on && !media.microphone.value) void show(camera.value === 'on' && !sharing.value ? 'camera' : 'sound')
  }

  /** For as long as a key is held: not remembered. */
  const holdMic = (on: boolean) => media.setMic(on)

  async function share(on: boolean): Promise<void> {
    await show(on ? 'screen' : camera.value === 'on' ? 'camera' : 'sound')
  }

  // The sharing was ended in the browser's own bar.
  watch(media.stream, () => {
    if (media.source.value === 'screen' && !picture.value && opened.value) void share(false)
  })
  watch(media.problem, (now) => {
    if (now) problem.value = now
  })

  return { media, problem, opened, picture, sharing, micOn, cameraOn, shown, sending, open, setCamera, setMic, holdMic, share }
}

export type RoomDevices = ReturnType<typeof useRoomDevices>
