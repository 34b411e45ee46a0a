import { onUnmounted, ref, shallowRef } from 'vue'
import { whepPath, type Access } from '../api/client'
import { abilities, setVideoPreferences } from '../rtc/codecs'
import { Link, type LinkState } from '../rtc/link'
import { Problem } from '../rtc/problem'
import { iceServers } from './useSettings'

/** Playing one stream by WHEP. `stream` goes to a video element's srcObject. */
export function useWhep() {
  const state = ref<LinkState>('idle')
  const problem = shallowRef<Problem | null>(null)
  const peer = shallowRef<RTCPeerConnection | null>(null)
  const stream = shallowRef<MediaStream | null>(null)
  let link: Link | null = null
  let turn = 0

  /** Plays `name` until stop(), waiting for it when it is not there yet. */
  async function start(name: string, access: Access = {}): Promise<void> {
    stop()
    const mineTurn = turn
    const can = abilities()
    if (!can.webrtc || !can.receiveH264) {
      state.value = 'failed'
      problem.value = new Problem(can.webrtc ? 'no-h264' : 'no-webrtc')
      return
    }
    state.value = 'connecting'
    const servers = await iceServers()
    if (mineTurn !== turn) return
    const mine = new Link({
      endpoint: whepPath(name, access),
      token: access['token'],
      iceServers: servers,
      prepare(pc) {
        stream.value = new MediaStream()
        pc.addTransceiver('audio', { direction: 'recvonly' })
        setVideoPreferences(pc.addTransceiver('video', { direction: 'recvonly' }), 'receive')
      },
      onTrack: ({ track }) => stream.value?.addTrack(track),
      onPeer: (pc) => {
        if (link === mine) peer.value = pc
      },
      onState(next, why) {
        if (link !== mine) return
        state.value = next
        problem.value = why
      },
      fatal: ['no-h264', 'bad-name', 'unauthorized'],
      maxRouteFailures: 2,
    })
    link = mine
    void mine.run()
  }

  function stop(): void {
    turn++
    link?.stop()
    link = null
    peer.value = null
    stream.value = null
    if (state.value !== 'idle') state.value = 'ended'
    problem.value = null
  }

  onUnmounted(stop)

  return { state, problem, peer, stream, start, stop }
}

export type Whep = ReturnType<typeof useWhep>
