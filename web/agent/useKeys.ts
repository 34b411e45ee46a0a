import { onMounted, onUnmounted } from 'vue'

const writes = (target: EventTarget | null) =>
  target instanceof HTMLElement && (target.isContentEditable || /^(TEXTAREA|SELECT)$/.test(target.tagName) || (target instanceof HTMLInputElement && !/^(radio|checkbox|button)$/.test(target.type)))

/** Single keys where nothing is being written and no dialog is open; `Shift+X` names one with Shift. */
export function useKeys(keys: () => Readonly<Record<string, (() => void) | undefined>>): void {
  function onKeydown(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented || event.repeat) return
    if (writes(event.target) || document.querySelector('dialog[open]')) return
    const name = event.shiftKey && /^[a-z]$/i.test(event.key) ? `Shift+${event.key.toUpperCase()}` : event.key.toLowerCase()
    const act = keys()[name]
    if (!act) return
    event.preventDefault()
    act()
  }
  onMounted(() => document.addEventListener('keydown', onKeydown))
  onUnmounted(() => document.removeEventListener('keydown', onKeydown))
}
