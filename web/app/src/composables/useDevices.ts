import { onMounted, onUnmounted, shallowRef } from 'vue'

export interface Device {
  id: string
  /** Empty until the person has granted access once: browsers hide names before that. */
  label: string
}

const cameras = shallowRef<Device[]>([])
const microphones = shallowRef<Device[]>([])
const speakers = shallowRef<Device[]>([])

/** Reads the device list anew; called after access was granted, when the names become known. */
export async function refreshDevices(): Promise<void> {
  if (!navigator.mediaDevices?.enumerateDevices) return
  const found = await navigator.mediaDevices.enumerateDevices().catch(() => [])
  const named = (kind: MediaDeviceKind) =>
    found.filter((d) => d.kind === kind && d.deviceId !== '').map((d) => ({ id: d.deviceId, label: d.label }))
  cameras.value = named('videoinput')
  microphones.value = named('audioinput')
  speakers.value = named('audiooutput')
}

/** Cameras, microphones and speakers, kept current as they come and go. */
export function useDevices() {
  const onChange = () => void refreshDevices()
  onMounted(() => {
    onChange()
    navigator.mediaDevices?.addEventListener?.('devicechange', onChange)
  })
  onUnmounted(() => navigator.mediaDevices?.removeEventListener?.('devicechange', onChange))
  return { cameras, microphones, speakers }
}
