import { onUnmounted, shallowRef, watch } from 'vue'
import { onlySections, receiveSample, sendSample, type Report, type Sample } from '../rtc/stats'

const sampleMs = 1_000
/** A minute of history, for the small graph. */
const keep = 60

/** Something that can be looked at once a second. `look` gets nothing and gives a sample, or null when there is none. */
export interface StatsSource {
  look(at: number): Promise<Sample | null>
}

/** Reads a peer connection, in the direction the person cares about; with `mids`, only what arrives in those sections. */
export function peerSource(pc: RTCPeerConnection, direction: 'send' | 'receive', mids?: { audio?: string; video?: string }): StatsSource {
  let before: Report | null = null
  return {
    async look(at) {
      if (pc.connectionState === 'closed') return null
      const whole = (await pc.getStats()) as unknown as Report
      const report = mids ? onlySections(whole, mids) : whole
      const sample = (direction === 'send' ? sendSample : receiveSample)(report, before, at)
      before = report
      return sample
    },
  }
}

/** Samples the given source every second, from when it appears until it is replaced or gone. */
export function useStats(source: () => StatsSource | null) {
  const latest = shallowRef<Sample | null>(null)
  const history = shallowRef<readonly Sample[]>([])
  let timer: ReturnType<typeof setInterval> | undefined

  watch(
    source,
    (now) => {
      clearInterval(timer)
      latest.value = null
      history.value = []
      if (!now) return
      const look = async () => {
        const sample = await now.look(Date.now()).catch(() => null)
        if (!sample || source() !== now) return
        latest.value = sample
        history.value = [...history.value.slice(1 - keep), sample]
      }
      void look()
      timer = setInterval(look, sampleMs)
    },
    { immediate: true },
  )
  onUnmounted(() => clearInterval(timer))

  return { latest, history }
}
