import { onUnmounted, ref, watch, type Ref } from 'vue'

/** The inner size of an element in CSS pixels, 0 by 0 until it is there. */
export function useSize(element: Ref<HTMLElement | null>) {
  const width = ref(0)
  const height = ref(0)
  const observer = new ResizeObserver(([entry]) => {
    width.value = entry?.contentRect.width ?? 0
    height.value = entry?.contentRect.height ?? 0
  })
  watch(
    element,
    (now, before) => {
      if (before) observer.unobserve(before)
      if (now) observer.observe(now)
    },
    { immediate: true, flush: 'post' },
  )
  onUnmounted(() => observer.disconnect())
  return { width, height }
}
