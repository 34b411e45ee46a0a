import { watchEffect } from 'vue'
import { stored } from './stored'

export type Theme = 'auto' | 'light' | 'dark'
const order: readonly Theme[] = ['auto', 'light', 'dark']
const theme = stored<Theme>('theme', 'auto')

/** Puts the person's choice on <html>, where the style sheet finds it; `auto` leaves it to the system. */
export function installTheme(): void {
  watchEffect(() => {
    if (theme.value === 'auto') delete document.documentElement.dataset['theme']
    else document.documentElement.dataset['theme'] = theme.value
  })
}

export function useTheme() {
  const next = () => {
    theme.value = order[(order.indexOf(theme.value) + 1) % order.length] ?? 'auto'
  }
  return { theme, next }
}
