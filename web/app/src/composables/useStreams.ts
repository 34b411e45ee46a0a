import { onMounted, onUnmounted, ref, shallowRef } from 'vue'
import { fetchStreams } from '../api/client'
import type { StreamInfo } from '../api/types'
import { toProblem, type Problem } from '../rtc/problem'
import { loadSettings } from './useSettings'

const pollMs = 2_000

const streams = shallowRef<StreamInfo[]>([])
const problem = shallowRef<Problem | null>(null)
const loaded = ref(false)
let users = 0
let timer: ReturnType<typeof setTimeout> | undefined

async function poll(): Promise<void> {
  clearTimeout(timer)
  if (users === 0 || document.hidden) return
  try {
    streams.value = await fetchStreams()
    if (problem.value) void loadSettings().catch(() => undefined)
    problem.value = null
    loaded.value = true
  } catch (error) {
    problem.value = toProblem(error)
  }
  clearTimeout(timer)
  if (users > 0) timer = setTimeout(poll, pollMs)
}

const onVisible = () => void poll()

/** The live streams, asked for every two seconds while a component needs them and the page is visible. */
export function useStreams() {
  onMounted(() => {
    users++
    if (users === 1) document.addEventListener('visibilitychange', onVisible)
    void poll()
  })
  onUnmounted(() => {
    users--
    if (users > 0) return
    clearTimeout(timer)
    document.removeEventListener('visibilitychange', onVisible)
  })
  return { streams, problem, loaded }
}
