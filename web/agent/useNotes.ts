import { onUnmounted, ref, watch } from 'vue'
import type { CallView } from '@desk/types'
import type { Desk } from './useDesk'

const afterMs = 700

/** Notes and outcome of a call, kept as they are written. */
export function useNotes(desk: Desk, call: () => CallView) {
  const notes = ref(call().notes)
  const outcome = ref(call().outcome)
  const saved = ref<'saved' | 'saving' | 'failed'>('saved')
  let timer: ReturnType<typeof setTimeout> | undefined
  let last = { notes: notes.value, outcome: outcome.value }

  async function save(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    const now = { notes: notes.value, outcome: outcome.value }
    if (now.notes === last.notes && now.outcome === last.outcome) return
    saved.value = 'saving'
    try {
      await desk.note(call().callID, now)
      last = now
      saved.value = 'saved'
    } catch {
      saved.value = 'failed'
    }
  }

  watch(notes, () => {
    clearTimeout(timer)
    timer = setTimeout(save, afterMs)
  })
  watch(outcome, save)
  // What another agent of the call wrote meanwhile, unless something is being written here.
  watch(
    () => [call().notes, call().outcome] as const,
    ([theirs, out]) => {
      if (timer || saved.value === 'saving') return
      if (notes.value === last.notes && theirs !== last.notes) notes.value = theirs
      if (outcome.value === last.outcome && out !== last.outcome) outcome.value = out
      last = { notes: theirs, outcome: out }
    },
  )
  onUnmounted(() => void save())
  return { notes, outcome, saved, save }
}
