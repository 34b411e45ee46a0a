import { onUnmounted, watch } from 'vue'
import { useRoom } from '@app/composables/useRoom'
import type { RoomDevices } from '@app/composables/useRoomDevices'
import type { News } from '@app/room/state'
import { Problem } from '@app/rtc/problem'
import { Reporter } from './report'
import { Refusal } from './rest'
import type { LegReport } from './types'

export interface CallRoomOptions {
  devices: RoomDevices
  /** The token of the room, in hand or, with `fresh`, asked for again. */
  token(fresh: boolean): Promise<string>
  onNews?(news: News): void
  /** What is seen of the others, every few seconds. */
  onReport(legs: LegReport[]): void
}

const reportMs = 5_000

/** The room of a call: an ordinary room, whose token the desk gives, and whose quality the desk is told. */
export function useCallRoom({ devices, token, onNews, onReport }: CallRoomOptions) {
  const room = useRoom(
    devices,
    {
      get: async (_name, fresh) => {
        try {
          return await token(fresh)
        } catch (error) {
          // A call that is over has no room to come back to.
          const gone = error instanceof Refusal && error.status >= 400 && error.status < 500
          throw new Problem(gone ? 'room-closed' : 'server-gone', String(error))
        }
      },
      explain: async () => null,
      forget: () => undefined,
    },
    onNews ?? (() => undefined),
  )
  const reporter = new Reporter()
  const timer = setInterval(async () => {
    const legs = await reporter.look(room.subscribing.value, room.media.value).catch(() => [])
    if (legs.length > 0) onReport(legs)
  }, reportMs)
  onUnmounted(() => clearInterval(timer))
  watch(room.state, (now) => {
    if (now === 'ended' || now === 'failed') devices.media.close()
  })
  return room
}
