import { ref } from 'vue'
import type { IconName } from '../components/IconMark.vue'

export interface Toast {
  id: number
  text: string
  icon?: IconName
  bad?: boolean
  /** What pressing it does. */
  act?: () => void
}

const shownMs = 5_000
/** Older ones make room: nobody reads a column of them. */
const most = 3

/** Short words about what just happened, each for a few seconds. The list is read out as it grows. */
export function useToasts() {
  const toasts = ref<Toast[]>([])
  let ids = 0

  function drop(id: number): void {
    toasts.value = toasts.value.filter((toast) => toast.id !== id)
  }

  function show(text: string, more: Omit<Toast, 'id' | 'text'> = {}): void {
    const id = ++ids
    toasts.value = [...toasts.value.filter((toast) => toast.text !== text).slice(1 - most), { id, text, ...more }]
    setTimeout(() => drop(id), shownMs)
  }

  return { toasts, show, drop }
}

export type Toasts = ReturnType<typeof useToasts>
