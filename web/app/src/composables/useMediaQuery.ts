import { onUnmounted, ref } from 'vue'

/** Whether a CSS media query holds, followed as it changes. */
export function useMediaQuery(query: string) {
  const list = window.matchMedia(query)
  const matches = ref(list.matches)
  const onChange = () => (matches.value = list.matches)
  list.addEventListener?.('change', onChange)
  onUnmounted(() => list.removeEventListener?.('change', onChange))
  return matches
}
