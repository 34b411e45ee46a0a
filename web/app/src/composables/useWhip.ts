import { onUnmounted, ref, shallowRef } from 'vue'
import { whipPath, type Access } from '../api/client'
import { abilities, setVideoPreferences } from '../rtc/codecs'
import { Link, type LinkState } from '../rtc/link'
import { Problem } from '../rtc/problem'
import { iceServers } from './useSettings'

export interface SendLimits {
  /** Bits per second. */
  bitrate: number
  fps: number
  /** What to give up first when the network is weak. */
  keep: 'resolution' | 'motion'
}

/** Publishing one stream by WHIP. */
export function useWhip() {
  const state = ref<LinkState>('idle')
  const problem = shallowRef<Problem | null>(null)
  const peer = shallowRef<RTCPeerConnection | null>(null)
  const since = ref(0)
  let link: Link | null = null
  let current: MediaStream | null = null
  let limits: SendLimits = { bitrate: 800_000, fps: 30, keep: 'resolution' }

  /** Publishes `media` as `name` until stop(). What goes wrong is in `state` and `problem`. */
  async function start(name: string, media: MediaStream, wanted: SendLimits, access: Access = {}): Promise<void> {
    stop()
    current = media
    limits = wanted
    const can = abilities()
    if (!can.webrtc || !can.sendH264) {
      state.value = 'failed'
      problem.value = new Problem(can.webrtc ? 'no-h264' : 'no-webrtc')
      return
    }
    state.value = 'connecting'
    problem.value = null
    const mine = new Link({
      endpoint: whipPath(name, access),
      token: access['token'],
      iceServers: await iceServers(),
      prepare: (pc) => addTracks(pc, current),
      answered: (pc) => applyLimits(pc, limits),
      onPeer: (pc) => {
        if (link === mine) peer.value = pc
      },
      onState(next, why) {
        if (link !== mine) return
        if (next === 'live' && !since.value) since.value = Date.now()
        state.value = next
        problem.value = why
      },
      resumes: true,
      fatal: ['no-h264', 'name-in-use', 'bad-name', 'unauthorized', 'missing'],
      maxRouteFailures: 4,
    })
    // stop() or another start() may have come while we asked for the ICE servers.
    if (current !== media || state.value !== 'connecting') return
    link = mine
    void mine.run()
  }

  function stop(): void {
    link?.stop()
    link = null
    current = null
    peer.value = null
    since.value = 0
    if (state.value !== 'idle') state.value = 'ended'
    problem.value = null
  }

  /** Sends other tracks on the same connection: a switched camera, a screen instead of it, a new microphone. */
  async function replace(media: MediaStream, wanted: SendLimits): Promise<void> {
    if (!link) return
    current = media
    limits = wanted
    const pc = peer.value
    if (!pc) return
    const senders = pc.getTransceivers().map((t) => ({ kind: t.receiver.track.kind, sender: t.sender }))
    const offered = senders.map((s) => s.kind).sort().join()
    if (offered !== media.getTracks().map((track) => track.kind).sort().join()) {
      // What a session carries is settled with its offer.
      link.renew()
      return
    }
    await Promise.all(
      senders.map(({ kind, sender }) => sender.replaceTrack(media.getTracks().find((t) => t.kind === kind) ?? null)),
    ).catch(() => undefined)
    await applyLimits(pc, limits)
  }

  onUnmounted(stop)

  return { state, problem, peer, since, start, stop, replace }
}

export type Whip = ReturnType<typeof useWhip>

/** Offers what there is: a section for a track that never comes would keep players waiting for it. */
function addTracks(pc: RTCPeerConnection, media: MediaStream | null): void {
  for (const track of media?.getTracks() ?? []) {
    const transceiver = pc.addTransceiver(track, { direction: 'sendonly', streams: media ? [media] : [] })
    if (track.kind === 'video') setVideoPreferences(transceiver, 'send')
  }
}

async function applyLimits(pc: RTCPeerConnection, limits: SendLimits): Promise<void> {
  const sender = pc.getTransceivers().find((t) => t.receiver.track.kind === 'video')?.sender
  if (!sender) return
  const parameters = sender.getParameters()
  const encoding = parameters.encodings?.[0]
  if (!encoding) return
  encoding.maxBitrate = limits.bitrate
  encoding.maxFramerate = limits.fps
  parameters.degradationPreference = limits.keep === 'resolution' ? 'maintain-resolution' : 'balanced'
  // A browser that knows fewer of these parameters still publishes, only less finely.
  await sender.setParameters(parameters).catch(() => undefined)
}
