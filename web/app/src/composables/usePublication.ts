import { computed, ref, watch } from 'vue'
import type { Access } from '../api/client'
import { screenQuality, type Source } from '../media/capture'
import type { LocalMedia } from './useLocalMedia'
import { peerSource, useStats } from './useStats'
import { useWhip, type SendLimits } from './useWhip'

/**
 * The person's media and its publishing, tied together: what changes in one (another camera, a screen, the end of a
 * sharing) follows in the other.
 */
export function usePublication(media: LocalMedia) {
  const whip = useWhip()
  const keep = ref<SendLimits['keep']>('resolution')
  const starting = ref(false)

  const active = computed(() => starting.value || ['connecting', 'waiting', 'live', 'reconnecting'].includes(whip.state.value))
  const source = computed(() => (whip.state.value === 'live' && whip.peer.value ? peerSource(whip.peer.value, 'send') : null))
  const stats = useStats(() => source.value)

  const limits = (): SendLimits => {
    const { bitrate, fps } = media.source.value === 'screen' ? screenQuality : media.quality()
    return { bitrate, fps, keep: keep.value }
  }

  /** Goes live as `stream`, opening the camera first when the person has not. */
  async function start(stream: string, access: Access = {}): Promise<void> {
    if (active.value) return
    starting.value = true
    try {
      const found = media.stream.value ?? (await media.open())
      if (found) await whip.start(stream, found, limits(), access)
    } finally {
      starting.value = false
    }
  }

  /** Shows another source, live or before. A picker that was closed changes nothing. */
  const pick = (wanted: Source) => media.open(wanted)

  watch(media.stream, (now) => {
    if (whip.state.value === 'idle' || !active.value) return
    // The sharing was ended in the browser's own bar, or the only device is gone.
    if (!now || (media.source.value === 'screen' && now.getVideoTracks().length === 0)) whip.stop()
    else void whip.replace(now, limits())
  })
  watch(keep, () => {
    if (active.value && media.stream.value) void whip.replace(media.stream.value, limits())
  })

  return { ...whip, keep, active, stats, start, pick }
}

export type Publication = ReturnType<typeof usePublication>
