import { ref, watch, type Ref } from 'vue'

/** A string that survives a reload of the page, and does without where storage is forbidden. */
export function stored<T extends string>(key: string, initial: T): Ref<T> {
  const full = `hutong.${key}`
  let saved: string | null = null
  try {
    saved = localStorage.getItem(full)
  } catch {
    // Private windows and blocked cookies throw here.
  }
  const value = ref((saved ?? initial) as T) as Ref<T>
  watch(value, (now) => {
    try {
      localStorage.setItem(full, now)
    } catch {
      // As above: it then lasts as long as the page.
    }
  })
  return value
}
