import { onMounted, onUnmounted } from 'vue'

const writes = (target: EventTarget | null) => target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
const presses = (target: EventTarget | null) => target instanceof HTMLElement && target.closest('button, a, summary, [role="button"]') !== null

export interface Shortcuts {
  /** By key, in lower case. */
  keys: Readonly<Record<string, () => void>>
  /** While the space bar is held. */
  hold(down: boolean): void
}

/** Single keys, wherever nothing is being written and no dialog is open. Space belongs to a focused button first. */
export function useShortcuts({ keys, hold }: Shortcuts): void {
  let held = false

  function onKeydown(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return
    if (writes(event.target) || document.querySelector('dialog[open]')) return
    if (event.key === ' ') {
      if (presses(event.target)) return
      event.preventDefault()
      if (!held && !event.repeat) hold((held = true))
      return
    }
    const act = keys[event.key.toLowerCase()]
    if (!act || event.repeat) return
    event.preventDefault()
    act()
  }

  function release(): void {
    if (held) hold((held = false))
  }
  const onKeyup = (event: KeyboardEvent) => {
    if (event.key === ' ') release()
  }

  onMounted(() => {
    document.addEventListener('keydown', onKeydown)
    document.addEventListener('keyup', onKeyup)
    window.addEventListener('blur', release)
  })
  onUnmounted(() => {
    release()
    document.removeEventListener('keydown', onKeydown)
    document.removeEventListener('keyup', onKeyup)
    window.removeEventListener('blur', release)
  })
}
