import { onMounted, onUnmounted, ref, type Ref } from 'vue'

interface IosVideo extends HTMLVideoElement {
  webkitEnterFullscreen?: () => void
}

/** Full screen of an element; where only pictures may fill the screen, as on iPhones, of its `video` instead. */
export function useFullscreen(frame: Ref<HTMLElement | null>, video?: Ref<HTMLVideoElement | null>) {
  const full = ref(false)
  const look = () => (full.value = !!frame.value && document.fullscreenElement === frame.value)

  async function toggle(): Promise<void> {
    try {
      if (document.fullscreenElement) await document.exitFullscreen()
      else if (frame.value?.requestFullscreen) await frame.value.requestFullscreen()
      else (video?.value as IosVideo | null | undefined)?.webkitEnterFullscreen?.()
    } catch {
      // Refused by an embedding page; the picture stays where it is.
    }
  }

  onMounted(() => document.addEventListener('fullscreenchange', look))
  onUnmounted(() => document.removeEventListener('fullscreenchange', look))
  return { full, toggle }
}

/** Picture in picture of a video element, which ends with the component that shows it. */
export function usePip(video: Ref<HTMLVideoElement | null>) {
  const possible = typeof document !== 'undefined' && document.pictureInPictureEnabled === true

  async function toggle(): Promise<void> {
    try {
      if (document.pictureInPictureElement) await document.exitPictureInPicture()
      else await video.value?.requestPictureInPicture()
    } catch {
      // No picture yet, or forbidden by policy.
    }
  }

  let shown: HTMLVideoElement | null = null
  onMounted(() => (shown = video.value))
  onUnmounted(() => {
    if (shown && document.pictureInPictureElement === shown) void document.exitPictureInPicture().catch(() => undefined)
  })
  return { possible, toggle }
}
