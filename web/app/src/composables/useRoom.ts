import { computed, onUnmounted, ref, shallowRef, watch } from 'vue'
import { roomSocketUrl } from '../api/rooms'
import type { ViewTile, Welcome } from '../room/protocol'
import { RoomSession } from '../room/session'
import { newsBetween, screenNote, type News, type RoomState } from '../room/state'
import type { RoomMedia } from '../room/subscribe'
import { abilities } from '../rtc/codecs'
import type { LinkState } from '../rtc/link'
import type { Problem } from '../rtc/problem'
import type { RoomDevices } from './useRoomDevices'
import type { useRoomToken } from './useRoomToken'
import { loadSettings } from './useSettings'

const viewMs = 250

/** A room as components see it, from joining to leaving, with the person's own devices tied to it. */
export function useRoom(devices: RoomDevices, token: Pick<ReturnType<typeof useRoomToken>, 'get' | 'explain' | 'forget'>, onNews: (news: News) => void) {
  const state = ref<LinkState>('idle')
  const problem = shallowRef<Problem | null>(null)
  const room = shallowRef<RoomState | null>(null)
  const me = shallowRef<Welcome['me'] | null>(null)
  const media = shallowRef<RoomMedia>(new Map())
  const publishing = shallowRef<RTCPeerConnection | null>(null)
  const subscribing = shallowRef<RTCPeerConnection | null>(null)
  const since = ref(0)
  let session: RoomSession | null = null

  const can = abilities()
  /** Without H.264 everybody is watched by HTTP-FLV instead, and nothing is sent. */
  const receives = can.webrtc && can.receiveH264
  const sends = can.webrtc && can.sendH264

  const members = computed(() => room.value?.room.members ?? [])

  async function join(nickName: string): Promise<void> {
    if (session) return
    state.value = 'connecting'
    problem.value = null
    const settings = await loadSettings().catch(() => null)
    if (session || state.value !== 'connecting') return
    const mine = new RoomSession({
      token: (fresh) => token.get(nickName, fresh),
      explain: token.explain,
      url: roomSocketUrl,
      receives,
      sends,
      simulcast: settings?.simulcast === true,
      onState(next, why) {
        if (session !== mine) return
        state.value = next
        problem.value = why
        if (next === 'live' && !since.value) since.value = Date.now()
        if (next === 'failed' || next === 'ended') end()
      },
      onRoom(next) {
        if (session !== mine) return
        const before = room.value
        room.value = next
        onNews(newsBetween(before, next))
      },
      onMe: (now) => (me.value = now),
      onMedia: (now) => (media.value = now),
      onPeers(pub, sub) {
        publishing.value = pub
        subscribing.value = sub
      },
    })
    session = mine
    tellMute()
    mine.send(devices.sending.value)
    if (devices.sharing.value) noteSharing(true)
    void mine.run()
  }

  function leave(): void {
    session?.leave()
    if (session) state.value = 'ended'
    end()
  }

  function end(): void {
    session = null
    view = []
    since.value = 0
    room.value = null
    me.value = null
    media.value = new Map()
    publishing.value = subscribing.value = null
    token.forget()
  }

  const tellMute = () => session?.mute(!devices.micOn.value, !devices.shown.value)
  watch([devices.micOn, devices.shown], tellMute)
  watch(devices.sending, (now) => session?.send(now))

  const noteSharing = (on: boolean) => void session?.post({ data: screenNote(on) }).catch(() => undefined)
  watch(devices.sharing, noteSharing)
  // What we said before a break may be lost, or from an earlier stay.
  watch(state, (now) => {
    const userID = me.value?.userID
    if (now !== 'live' || !userID || !room.value) return
    if (room.value.sharing.has(userID) !== devices.sharing.value) noteSharing(devices.sharing.value)
  })

  let viewTimer: ReturnType<typeof setTimeout> | undefined
  let view: ViewTile[] = []
  /** Tells the gateway what is on the screen, not more often than it can follow. */
  function look(tiles: ViewTile[]): void {
    if (JSON.stringify(tiles) === JSON.stringify(view)) return
    view = tiles
    viewTimer ??= setTimeout(() => {
      viewTimer = undefined
      session?.look(view)
    }, viewMs)
  }

  const say = async (text: string, to?: string) => {
    await session?.post(to ? { text, to } : { text })
  }

  onUnmounted(() => {
    clearTimeout(viewTimer)
    leave()
  })

  return { state, problem, room, me, members, media, publishing, subscribing, since, webrtc: can.webrtc, receives, sends, join, leave, look, say }
}

export type Room = ReturnType<typeof useRoom>
