import { onMounted, onUnmounted, ref, shallowRef, watch, type Ref } from 'vue'
import { speedFor, type Clip, type Timeline } from './recordings'

/** How often sides are compared with the clock. */
const lookMs = 40
/** How long before its beginning a file is fetched. */
const aheadMs = 4_000
/** How long a side may have nothing to show before all wait for it. */
const patienceMs = 160
/** At a file's end browsers have nothing more to come, and are ready all the same. */
const endMs = 400
export const speeds: readonly number[] = [0.5, 1, 1.5, 2, 4]

interface Held {
  clip: Clip
  video: HTMLVideoElement
  correcting: boolean
  starved: number
}

/**
 * Plays all sides of a recording on one clock. The clock is this page's own; each <video> is kept to it by small changes
 * of its speed, and by a jump where that would take long. Where one side has nothing to show yet, all of them wait.
 */
export function useRecordingPlayer(line: Ref<Timeline>) {
  const position = ref(0)
  const playing = ref(false)
  const waiting = ref(false)
  const rate = ref(1)
  const nearby = shallowRef<readonly Clip[]>([])
  const broken = ref<readonly string[]>([])
  const held = new Map<string, Held>()
  /** The clock: `base` at the moment `since`, going on while it runs. */
  let base = 0
  let since = 0
  let runs = false
  let starting = 0

  const now = () => (runs ? Math.min(line.value.length, base + (performance.now() - since) * rate.value) : base)

  function halt(at: number = now()): void {
    base = at
    runs = false
    starting++
  }

  function seek(to: number): void {
    halt(Math.max(0, Math.min(to, line.value.length)))
    position.value = base
    look()
  }

  function play(): void {
    if (now() >= line.value.length - 20) seek(0)
    playing.value = true
    look()
  }

  function pause(): void {
    halt()
    playing.value = false
    waiting.value = false
    look()
  }

  const toggle = () => (playing.value ? pause() : play())

  function setRate(to: number): void {
    const at = now()
    base = at
    since = performance.now()
    rate.value = to
    look()
  }

  const here = (h: Held, at: number) => at >= h.clip.from && at < h.clip.to && !broken.value.includes(h.clip.file.name)
  const placeOf = (h: Held) => h.clip.from + h.video.currentTime * 1000

  /** Whether a side can show what belongs to a time. */
  function ready(h: Held, at: number): boolean {
    if (h.video.seeking) return false
    return h.video.readyState >= (playing.value ? HTMLMediaElement.HAVE_FUTURE_DATA : HTMLMediaElement.HAVE_CURRENT_DATA) || h.video.ended || (at > h.clip.to - endMs && h.video.readyState >= 2)
  }

  function look(): void {
    const at = now()
    position.value = at
    if (runs && at >= line.value.length) {
      halt(line.value.length)
      playing.value = false
    }
    gather(at)
    const present = [...held.values()].filter((h) => here(h, at))
    for (const h of held.values()) if (!present.includes(h)) rest(h, at)
    if (runs) follow(present, at)
    else stand(present, at)
  }

  /** Lets those play that are here, each at the speed that brings it to the clock. */
  function follow(present: Held[], at: number): void {
    for (const h of present) {
      if (ready(h, at)) h.starved = 0
      else h.starved ||= performance.now()
      if (h.starved && performance.now() - h.starved > patienceMs) {
        waiting.value = true
        return halt(at)
      }
      if (h.video.ended || h.video.seeking) continue
      if (h.video.paused) {
        h.video.currentTime = Math.max(0, at - h.clip.from) / 1000
        void h.video.play().catch(() => undefined)
        continue
      }
      const speed = speedFor(placeOf(h) - at, rate.value, h.correcting)
      h.correcting = speed !== null && speed !== rate.value
      if (speed === null) h.video.currentTime = (at - h.clip.from) / 1000
      else if (Math.abs(h.video.playbackRate - speed) > 0.002) h.video.playbackRate = speed
    }
  }

  /** Brings everybody to a clock that stands, and has it go on once all are there. */
  function stand(present: Held[], at: number): void {
    let all = true
    for (const h of present) {
      // Browsers do not go to the very end.
      const wanted = Math.min((at - h.clip.from) / 1000, Math.max(0, (h.video.duration || Infinity) - 0.01))
      if (Math.abs(h.video.currentTime - wanted) > 0.004 && !starts) {
        if (!h.video.paused) h.video.pause()
        if (!h.video.seeking && !(h.video.ended && at > h.clip.to - endMs)) h.video.currentTime = wanted
        all = false
      } else if (!ready(h, at)) all = false
    }
    if (!playing.value) {
      for (const h of present) if (!h.video.paused) h.video.pause()
      return
    }
    waiting.value = !all
    if (all && !starts) void start(present)
  }

  let starts = false
  /** Starts all, and then the clock, from where they are on average when they move. */
  async function start(present: Held[]): Promise<void> {
    const mine = ++starting
    starts = true
    try {
      for (const h of present) h.video.playbackRate = rate.value
      const played = await Promise.all(present.map((h) => h.video.play().then(() => true, (e: unknown) => !(e instanceof DOMException && e.name === 'NotAllowedError'))))
      if (mine !== starting || !playing.value) return
      if (played.includes(false)) return pause()
      const places = present.filter((h) => !h.video.ended).map(placeOf)
      if (places.length > 0) base = places.reduce((a, b) => a + b, 0) / places.length
      since = performance.now()
      runs = true
      waiting.value = false
    } finally {
      starts = false
    }
  }

  /** Keeps what is not here at the place where it will come in. */
  function rest(h: Held, at: number): void {
    if (!h.video.paused) h.video.pause()
    h.correcting = false
    h.starved = 0
    const wanted = at < h.clip.from ? 0 : h.video.currentTime
    if (!h.video.seeking && h.video.readyState > 0 && Math.abs(h.video.currentTime - wanted) > 0.004) h.video.currentTime = wanted
  }

  /** Which files are needed now or soon. */
  function gather(at: number): void {
    const clips = line.value.sides.flatMap((s) => s.clips.filter((c) => c.from - aheadMs * rate.value <= at && at < c.to + 500))
    if (clips.length !== nearby.value.length || clips.some((c, i) => c !== nearby.value[i])) nearby.value = clips
  }

  function hold(clip: Clip, video: HTMLVideoElement): () => void {
    const h: Held = { clip, video, correcting: false, starved: 0 }
    held.set(clip.file.name, h)
    look()
    return () => {
      if (held.get(clip.file.name) === h) held.delete(clip.file.name)
      video.pause()
      video.removeAttribute('src')
      video.load()
    }
  }
  const fail = (clip: Clip) => (broken.value = [...broken.value, clip.file.name])

  let timer: ReturnType<typeof setInterval> | undefined
  onMounted(() => {
    look()
    timer = setInterval(look, lookMs)
  })
  onUnmounted(() => {
    clearInterval(timer)
    halt()
  })
  watch(line, () => seek(Math.min(now(), line.value.length)))
  return { position, playing, waiting, rate, nearby, broken, seek, play, pause, toggle, setRate, hold, fail, step: (ms: number) => seek(now() + ms) }
}

export type RecordingPlayer = ReturnType<typeof useRecordingPlayer>
