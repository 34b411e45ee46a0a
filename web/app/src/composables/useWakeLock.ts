import { onMounted, onUnmounted } from 'vue'

/** Keeps the screen on while a component shows or sends live pictures, where the browser can. */
export function useWakeLock(): void {
  let lock: WakeLockSentinel | null = null
  let gone = false

  async function hold(): Promise<void> {
    if (document.hidden || !('wakeLock' in navigator)) return
    try {
      const got = await navigator.wakeLock.request('screen')
      if (gone) void got.release()
      else lock = got
    } catch {
      // Refused on low battery; the call goes on.
    }
  }
  // The browser lets go of it whenever the page is hidden.
  const onVisible = () => void hold()

  onMounted(() => {
    void hold()
    document.addEventListener('visibilitychange', onVisible)
  })
  onUnmounted(() => {
    gone = true
    document.removeEventListener('visibilitychange', onVisible)
    void lock?.release().catch(() => undefined)
  })
}
