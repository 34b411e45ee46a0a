import { shallowRef } from 'vue'
import { fetchSettings } from '../api/client'
import type { Settings } from '../api/types'

const settings = shallowRef<Settings | null>(null)
let pending: Promise<Settings> | null = null

/** Asks once and remembers; a failed question is asked again by the next caller. Rejects with a Problem. */
export function loadSettings(): Promise<Settings> {
  pending ??= fetchSettings().then(
    (found) => {
      settings.value = { ...found, iceServers: found.iceServers ?? [] }
      return settings.value
    },
    (error) => {
      pending = null
      throw error
    },
  )
  return pending
}

/** The gateway's settings, null until it has answered. */
export function useSettings() {
  void loadSettings().catch(() => undefined)
  return { settings, loadSettings }
}

/** ICE servers for a new connection; none when the gateway cannot be asked, which is right for most installations. */
export async function iceServers(): Promise<RTCIceServer[]> {
  try {
    return (await loadSettings()).iceServers
  } catch {
    return []
  }
}
