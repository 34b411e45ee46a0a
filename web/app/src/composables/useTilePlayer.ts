import { onUnmounted, ref, shallowRef, watch, type Ref } from 'vue'
import { FlvPlayer } from '../flv/player'
import type { LinkState } from '../rtc/link'
import { useRoomSound } from './useRoomSound'

/** Plays a member by HTTP-FLV in a tile's video element, for as long as `url` is not empty. */
export function useTilePlayer(video: Ref<HTMLVideoElement | null>, url: () => string) {
  const sound = useRoomSound()
  const state = ref<LinkState>('idle')
  const player = shallowRef<FlvPlayer | null>(null)

  function stop(): void {
    player.value?.stop()
    player.value = null
    state.value = 'idle'
  }

  watch(
    [video, url],
    ([element, address]) => {
      stop()
      if (!element || !address) return
      const mine = new FlvPlayer({
        url: address,
        video: element,
        onState(next) {
          if (player.value !== mine) return
          state.value = next
          if (next === 'live') void sound.play(element)
        },
      })
      player.value = mine
      void mine.run()
    },
    { flush: 'post', immediate: true },
  )
  onUnmounted(() => {
    stop()
    if (video.value) sound.remove(video.value)
  })

  return { state, player }
}
