import type { InjectionKey, Ref } from 'vue'

/** A still of the caller's picture, kept in this page until the call is over, unless it is downloaded. */
export interface Snapshot {
  at: number
  url: string
  name: string
  width: number
  height: number
}

export const snapshotsKey: InjectionKey<Ref<Snapshot[]>> = Symbol('snapshots')

/** The picture as it arrives, in its own size, as PNG. Null while there is none. */
export async function takeSnapshot(video: HTMLVideoElement, who: string): Promise<Snapshot | null> {
  const { videoWidth: width, videoHeight: height } = video
  if (!width || !height) return null
  const canvas = document.createElement('canvas')
  canvas.width = width
  canvas.height = height
  canvas.getContext('2d')?.drawImage(video, 0, 0)
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/png'))
  if (!blob) return null
  const at = Date.now()
  return { at, url: URL.createObjectURL(blob), name: fileName(who, at), width, height }
}

/** A name that every file system takes: 李娜-2026-11-22-183015.png */
export function fileName(who: string, at: number): string {
  const clean = who.replace(/[^\p{L}\p{N}_-]+/gu, '-').replace(/^-+|-+$/g, '') || 'caller'
  const d = new Date(at)
  const two = (n: number) => String(n).padStart(2, '0')
  return `${clean.slice(0, 60)}-${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}-${two(d.getHours())}${two(d.getMinutes())}${two(d.getSeconds())}.png`
}
