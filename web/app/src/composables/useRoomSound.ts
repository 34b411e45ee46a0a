import { inject, provide, ref, watch, type InjectionKey } from 'vue'
import { stored } from './stored'

/** Not in every browser, whatever the types say. */
type Sinkable = { setSinkId?: (id: string) => Promise<void> }

function create() {
  const elements = new Set<HTMLMediaElement>()
  /** Whether the browser waits for a touch before it lets anybody be heard. */
  const blocked = ref(false)
  const speakerId = stored<string>('speaker', '')
  const canChoose = typeof HTMLMediaElement !== 'undefined' && 'setSinkId' in HTMLMediaElement.prototype

  const route = (element: Sinkable) => void element.setSinkId?.(speakerId.value).catch(() => undefined)

  async function play(element: HTMLMediaElement): Promise<void> {
    elements.add(element)
    if (speakerId.value) route(element)
    try {
      await element.play()
    } catch (error) {
      if (error instanceof DOMException && error.name === 'NotAllowedError') blocked.value = true
    }
  }

  const remove = (element: HTMLMediaElement) => void elements.delete(element)

  /** To be called from a touch or key press. */
  function unblock(): void {
    blocked.value = false
    for (const element of elements) void play(element)
  }

  watch(speakerId, () => {
    for (const element of elements) route(element)
  })

  return { blocked, speakerId, canChoose, play, remove, unblock }
}

export type RoomSound = ReturnType<typeof create>
const key: InjectionKey<RoomSound> = Symbol('room sound')

/** Everything in a room that can be heard, so that one touch lets all of it through and one choice sends it to a speaker. */
export function provideRoomSound(): RoomSound {
  const sound = create()
  provide(key, sound)
  return sound
}

export function useRoomSound(): RoomSound {
  const sound = inject(key)
  if (!sound) throw new Error('useRoomSound outside of a room')
  return sound
}
