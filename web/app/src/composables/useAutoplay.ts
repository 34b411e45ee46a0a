import { ref, type Ref } from 'vue'

/**
 * Starts playback as far as the browser allows without a touch: with sound, else muted, else not at all. `blocked` says
 * which touch is needed.
 */
export function useAutoplay(video: Ref<HTMLVideoElement | null>) {
  const blocked = ref<'none' | 'sound' | 'play'>('none')
  const muted = ref(false)

  async function play(): Promise<void> {
    const element = video.value
    if (!element) return
    element.muted = muted.value
    if (await tries(element)) {
      blocked.value = 'none'
      return
    }
    element.muted = true
    blocked.value = (await tries(element)) ? 'sound' : 'play'
  }

  /** To be called from a touch or key press. */
  async function unblock(): Promise<void> {
    muted.value = false
    await play()
  }

  function setMuted(now: boolean): void {
    muted.value = now
    if (video.value) video.value.muted = now
    if (!now) void unblock()
  }

  return { blocked, muted, play, unblock, setMuted }
}

/** Whether play() was allowed. Being interrupted by a new source is no refusal. */
async function tries(element: HTMLVideoElement): Promise<boolean> {
  try {
    await element.play()
    return true
  } catch (error) {
    return !(error instanceof DOMException && error.name === 'NotAllowedError')
  }
}
