import { ref, watch, type Ref } from 'vue'

/**
 * A string that survives a reload of the page, and does without where storage is forbidden. `tab` keeps it to this tab,
 * for what two tabs must not share, and keeps the initial value as well, which may be made up.
 */
export function stored<T extends string>(key: string, initial: T, where: 'browser' | 'tab' = 'browser'): Ref<T> {
  const full = `hutong.${key}`
  let saved: string | null = null
  const save = (now: T) => {
    try {
      ;(where === 'tab' ? sessionStorage : localStorage).setItem(full, now)
    } catch {
      // Private windows and blocked cookies throw here: it then lasts as long as the page.
    }
  }
  try {
    saved = (where === 'tab' ? sessionStorage : localStorage).getItem(full)
  } catch {
    // As above.
  }
  if (saved === null && where === 'tab') save(initial)
  const value = ref((saved ?? initial) as T) as Ref<T>
  watch(value, save, { flush: 'sync' })
  if (where === 'browser' && typeof window !== 'undefined') {
    // Chosen in another tab, it holds here too.
    window.addEventListener('storage', ({ key, newValue }) => {
      if (key === full && newValue !== null) value.value = newValue as T
    })
  }
  return value
}
