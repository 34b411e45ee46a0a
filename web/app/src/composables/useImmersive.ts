import { onUnmounted, ref, watchEffect } from 'vue'

const immersive = ref(false)

/** Whether a view has the whole window to itself, without the page's header and footer. */
export const useImmersive = () => immersive

/** Takes the whole window while `wanted` holds and the component lives. */
export function takeWindow(wanted: () => boolean): void {
  watchEffect(() => (immersive.value = wanted()))
  onUnmounted(() => (immersive.value = false))
}
