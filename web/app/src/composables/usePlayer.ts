import { computed, onUnmounted, ref, shallowRef, watch, type Ref } from 'vue'
import { absolute, flvPath, type Access } from '../api/client'
import { canPlayFlv, FlvPlayer } from '../flv/player'
import { abilities } from '../rtc/codecs'
import type { LinkState } from '../rtc/link'
import { Problem, type ProblemKind } from '../rtc/problem'
import { useAutoplay } from './useAutoplay'
import { peerSource, useStats, type StatsSource } from './useStats'
import { useWhep } from './useWhep'

/** How a stream reaches this page. */
export type Transport = 'whep' | 'flv'
export type Preference = 'auto' | Transport

/** Media that stops arriving for this long is worth a word. */
const stallMs = 3_000
/** Packets that arrive for this long without one picture coming out mean that the browser cannot decode them. */
const blindMs = 10_000

/** Problems of WebRTC that HTTP-FLV may not have. */
const flvMayHelp: readonly ProblemKind[] = ['no-webrtc', 'no-h264', 'no-route', 'not-decoded', 'unexpected']

/** Which transport to begin with, and why it is not WebRTC if that is so. */
export function firstTransport(
  prefer: Preference,
  can: { webrtc: boolean; receiveH264: boolean },
): { transport: Transport; because: ProblemKind | null } {
  if (prefer !== 'auto') return { transport: prefer, because: null }
  if (!can.webrtc) return { transport: 'flv', because: 'no-webrtc' }
  if (!can.receiveH264) return { transport: 'flv', because: 'no-h264' }
  return { transport: 'whep', because: null }
}

/**
 * Plays a stream in a video element by whichever transport works: WebRTC first, HTTP-FLV where WebRTC or H.264 is missing
 * or WebRTC has failed for good.
 */
export function usePlayer(video: Ref<HTMLVideoElement | null>) {
  const whep = useWhep()
  const autoplay = useAutoplay(video)
  const transport = ref<Transport>('whep')
  /** Why HTTP-FLV plays although nobody chose it. */
  const fallback = ref<ProblemKind | null>(null)
  const flvState = ref<LinkState>('idle')
  const flvProblem = shallowRef<Problem | null>(null)
  const flv = shallowRef<FlvPlayer | null>(null)
  const stalled = ref(false)

  let name = ''
  let access: Access = {}
  let prefer: Preference = 'auto'
  let turn = 0

  const state = computed<LinkState>(() => (transport.value === 'whep' ? whep.state.value : flvState.value))
  const problem = computed(() => (transport.value === 'whep' ? whep.problem.value : flvProblem.value))

  const source = computed<StatsSource | null>(() => {
    if (state.value !== 'live') return null
    if (transport.value === 'whep') return whep.peer.value ? peerSource(whep.peer.value, 'receive') : null
    const player = flv.value
    return player && { look: async (at) => player.look(at) }
  })
  const stats = useStats(() => source.value)

  function play(stream: string, how: Preference = 'auto', credentials: Access = {}): void {
    stop()
    name = stream
    access = credentials
    prefer = how
    const first = firstTransport(how, abilities())
    fallback.value = first.because
    begin(first.transport)
  }

  function begin(by: Transport): void {
    transport.value = by
    if (by === 'whep') void whep.start(name, access)
    else startFlv()
  }

  function startFlv(): void {
    const element = video.value
    if (!element) return
    element.srcObject = null
    const player = new FlvPlayer({
      url: absolute(flvPath(name, access)),
      video: element,
      onState(next, why) {
        if (flv.value !== player) return
        flvState.value = next
        flvProblem.value = why
        if (next === 'live') void autoplay.play()
      },
    })
    flv.value = player
    void player.run()
  }

  function stop(): void {
    turn++
    whep.stop()
    flv.value?.stop()
    flv.value = null
    flvState.value = 'idle'
    flvProblem.value = null
    fallback.value = null
    stalled.value = false
    if (video.value) video.value.srcObject = null
  }

  /** WebRTC will not do. Goes over to HTTP-FLV where that can help and the person left the choice to us. */
  async function fallBack(kind: ProblemKind): Promise<void> {
    if (prefer !== 'auto' || transport.value !== 'whep' || !flvMayHelp.includes(kind)) return
    const mine = turn
    if (!(await canPlayFlv().catch(() => false)) || mine !== turn) return
    whep.stop()
    fallback.value = kind
    begin('flv')
  }

  watch(whep.state, (now) => {
    if (now === 'failed' && whep.problem.value) void fallBack(whep.problem.value.kind)
  })

  watch([whep.stream, video], ([stream, element]) => {
    if (!element || transport.value !== 'whep') return
    element.srcObject = stream
    if (stream) void autoplay.play()
  })

  let flowedAt = 0
  let blindSince = 0
  watch(stats.latest, (sample) => {
    if (!sample) {
      flowedAt = blindSince = 0
      stalled.value = false
      return
    }
    if (sample.flowing || flowedAt === 0) flowedAt = sample.at
    stalled.value = sample.at - flowedAt >= stallMs
    const blind = transport.value === 'whep' && (sample.videoBitrate ?? 0) > 0 && sample.framesDecoded === 0
    if (!blind) blindSince = 0
    else if (blindSince === 0) blindSince = sample.at
    else if (sample.at - blindSince >= blindMs) void fallBack('not-decoded')
  })

  onUnmounted(stop)

  return { state, problem, transport, fallback, stalled, stats, autoplay, play, stop }
}

export type Player = ReturnType<typeof usePlayer>
