import { onUnmounted, ref } from 'vue'

/** The time, moving on once a second, for clocks on the page. */
export function useNow() {
  const now = ref(Date.now())
  const timer = setInterval(() => (now.value = Date.now()), 1000)
  onUnmounted(() => clearInterval(timer))
  return now
}
