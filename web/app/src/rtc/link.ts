import { Backoff, pause } from './backoff'
import { Problem, toProblem } from './problem'
import { applyFragment, iceCredentials, writeFragment } from './sdp'
import { SignalSession, type Fetch } from './signal'

/**
 * - connecting: the first attempt is under way
 * - waiting: the gateway answers, but what we want is not there yet (no such stream, no free place)
 * - live: media may flow
 * - reconnecting: it was live, or the gateway is unreachable, and we are trying again
 * - failed: trying again is of no use; `problem` says why
 * - ended: stopped by us
 */
export type LinkState = 'idle' | 'connecting' | 'waiting' | 'live' | 'reconnecting' | 'failed' | 'ended'

export interface LinkOptions {
  /** WHIP or WHEP address, without credentials in it that must not be logged. */
  endpoint: string
  token?: string
  iceServers: RTCIceServer[]
  /** Adds tracks or transceivers; called once for every new peer connection. */
  prepare(pc: RTCPeerConnection): void | Promise<void>
  /** Called once the answer is set: encoder limits go here. */
  answered?(pc: RTCPeerConnection): void | Promise<void>
  onState(state: LinkState, problem: Problem | null): void
  onPeer?(pc: RTCPeerConnection | null): void
  onTrack?(event: RTCTrackEvent): void
  /** Whether a new session continues what the lost one did, as with a publisher, whose players then stay. */
  resumes?: boolean
  /** Kinds that end the link instead of being tried again. */
  fatal: readonly Problem['kind'][]
  /** After this many attempts in a row without a route for media, give up with `no-route`; 0 means never. */
  maxRouteFailures?: number
  fetch?: Fetch
}

const connectMs = 8_000
const disconnectedGraceMs = 2_500
const restartMs = 6_000
const restartTries = 2
const gatherMs = 1_000
const goodbyeMs = 1_000
/** Shorter than a request may take. */
const waitSeconds = 8

/**
 * Link keeps one WHIP or WHEP session alive: it posts, trickles, restarts ICE when the network changes, posts anew with
 * growing pauses when that does not help, and says what it is doing. One Link is one try of the user; after stop() or
 * `failed` make another.
 */
export class Link {
  private readonly abort = new AbortController()
  /** Ends one session; abort ends them all. */
  private lap = new AbortController()
  private readonly backoff = new Backoff()
  private session: SignalSession | null = null
  private pc: RTCPeerConnection | null = null
  private wasLive = false
  private routeFailures = 0
  private missing = false

  constructor(private readonly options: LinkOptions) {}

  /** Runs until stop() or a fatal problem. Never rejects. */
  async run(): Promise<void> {
    const { signal } = this.abort
    const leave = () => void this.session?.close()
    globalThis.addEventListener?.('pagehide', leave)
    this.say('connecting', null)
    try {
      while (!signal.aborted) {
        let problem: Problem | null = null
        this.lap = new AbortController()
        try {
          await this.attempt(this.lap.signal)
        } catch (error) {
          problem = toProblem(error)
        }
        this.drop(signal.aborted || !this.options.resumes)
        if (signal.aborted) break
        if (this.lap.signal.aborted) {
          this.say('reconnecting', null)
          continue
        }
        this.missing = problem?.kind === 'missing'
        if (problem && this.hopeless(problem)) {
          this.say('failed', problem)
          return
        }
        this.say(stateFor(problem, this.wasLive), problem)
        await pause(this.backoff.next(problem?.retryAfterMs), signal)
      }
      this.say('ended', null)
    } finally {
      globalThis.removeEventListener?.('pagehide', leave)
    }
  }

  /** Ends the session, telling the gateway. */
  stop(): void {
    this.abort.abort()
    this.lap.abort()
    this.drop(true)
  }

  /** Ends the present session and opens another at once, for what cannot be changed within one. */
  renew(): void {
    this.lap.abort()
  }

  private hopeless(problem: Problem): boolean {
    if (problem.kind !== 'no-route') {
      this.routeFailures = 0
      // The name in use is our own while the gateway has not noticed that we were lost.
      if (problem.kind === 'name-in-use' && this.wasLive) return false
      return this.options.fatal.includes(problem.kind)
    }
    this.routeFailures++
    const limit = this.options.maxRouteFailures ?? 0
    return limit > 0 && this.routeFailures >= limit
  }

  /** One session from offer to loss. Returns when it was live and is lost; throws when it never was, or a restart told why. */
  private async attempt(signal: AbortSignal): Promise<void> {
    const pc = new RTCPeerConnection({ iceServers: this.options.iceServers, bundlePolicy: 'max-bundle' })
    this.pc = pc
    this.options.onPeer?.(pc)
    if (this.options.onTrack) pc.ontrack = this.options.onTrack
    await this.options.prepare(pc)

    const trickle = new Trickle(pc)
    await pc.setLocalDescription(await pc.createOffer())
    const offer = pc.localDescription?.sdp ?? ''
    // Once it is known to be missing, ask the gateway to hold the offer: the picture then comes without another pause.
    const options = this.missing ? { ...this.options, waitSeconds } : this.options
    const session = await SignalSession.open(this.options.endpoint, offer, options, signal)
    if (signal.aborted) {
      void session.close()
      return
    }
    this.session = session
    try {
      await pc.setRemoteDescription({ type: 'answer', sdp: session.answer })
    } catch (error) {
      throw new Problem('unexpected', error instanceof Error ? error.message : String(error))
    }
    await this.options.answered?.(pc)
    void trickle.drainTo(session, signal).catch(() => undefined)

    if ((await settled(pc, ['connected'], ['failed'], connectMs, signal)) !== 'connected') {
      throw new Problem('no-route', `ICE ${pc.iceConnectionState}`)
    }
    this.markLive()
    await this.hold(pc, session, signal)
  }

  private markLive(): void {
    this.wasLive = true
    this.routeFailures = 0
    this.backoff.reset()
    this.say('live', null)
  }

  /** Watches a live connection; mends it by ICE restarts and returns when it cannot be mended. */
  private async hold(pc: RTCPeerConnection, session: SignalSession, signal: AbortSignal): Promise<void> {
    for (;;) {
      const lost = await settled(pc, ['disconnected', 'failed', 'closed'], [], Infinity, signal)
      if (signal.aborted || lost === 'closed') return
      if (lost === 'disconnected') {
        const back = await settled(pc, ['connected', 'failed', 'closed'], [], disconnectedGraceMs, signal)
        if (back === 'connected') continue
        if (signal.aborted || back === 'closed') return
      }
      this.say('reconnecting', null)
      if (!(await this.mend(pc, session, signal))) return
      this.markLive()
    }
  }

  private async mend(pc: RTCPeerConnection, session: SignalSession, signal: AbortSignal): Promise<boolean> {
    for (let i = 0; i < restartTries && !signal.aborted; i++) {
      try {
        await this.restart(pc, session, signal)
        if ((await settled(pc, ['connected'], ['closed'], restartMs, signal)) === 'connected') return true
      } catch (error) {
        const problem = toProblem(error)
        // The gateway is up and does not know us any more, or cannot restart: a new session is the way.
        if (problem.kind !== 'server-gone') return false
        await pause(this.backoff.next(), signal)
      }
    }
    return false
  }

  private async restart(pc: RTCPeerConnection, session: SignalSession, signal: AbortSignal): Promise<void> {
    // A restart that got no answer leaves its offer behind.
    if (pc.signalingState === 'have-local-offer') await pc.setLocalDescription({ type: 'rollback' })
    const trickle = new Trickle(pc)
    await pc.setLocalDescription(await pc.createOffer({ iceRestart: true }))
    await trickle.gather(gatherMs)
    const answer = pc.currentRemoteDescription?.sdp ?? session.answer
    const fragment = await session.restart(trickle.fragment(), signal)
    await pc.setRemoteDescription({ type: 'answer', sdp: applyFragment(answer, fragment) })
  }

  /** Lets go of the session, saying goodbye to the gateway or not. */
  private drop(goodbye: boolean): void {
    const { pc, session } = this
    this.pc = null
    this.session = null
    if (!pc) return
    pc.onicecandidate = null
    pc.ontrack = null
    this.options.onPeer?.(null)
    if (!session || !goodbye) return pc.close()
    // Goodbye first: a connection that closes without one looks like a lost publisher, whose return is waited for.
    void within(goodbyeMs, session.close()).then(() => pc.close())
  }

  private say(state: LinkState, problem: Problem | null): void {
    this.options.onState(state, problem)
  }
}

function stateFor(problem: Problem | null, wasLive: boolean): LinkState {
  if (problem?.kind === 'missing' || problem?.kind === 'full') return 'waiting'
  return wasLive || problem?.kind === 'server-gone' ? 'reconnecting' : 'connecting'
}

/** Collects the candidates of one ICE generation and sends them on, in one PATCH per burst. */
class Trickle {
  private readonly found: string[] = []
  private sent = 0
  private complete = false
  private wake: () => void = () => undefined

  constructor(private readonly pc: RTCPeerConnection) {
    pc.onicecandidate = ({ candidate }) => {
      if (candidate?.candidate) this.found.push(candidate.candidate)
      else this.complete = true
      this.wake()
    }
  }

  fragment(): string {
    const sdp = this.pc.localDescription?.sdp ?? ''
    const ours = iceCredentials(sdp)?.ufrag
    // Late candidates of a generation before a restart name another user fragment.
    const current = this.found.filter((line) => !/ ufrag /.test(line) || line.includes(` ufrag ${ours}`))
    this.sent = this.found.length
    return writeFragment(sdp, current, this.complete)
  }

  async gather(ms: number): Promise<void> {
    const deadline = Date.now() + ms
    while (!this.complete && Date.now() < deadline) await this.more(deadline - Date.now())
  }

  async drainTo(session: SignalSession, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.pc.connectionState !== 'closed') {
      const complete = this.complete
      if (this.found.length > this.sent || complete) await session.trickle(this.fragment(), signal)
      if (complete) return
      if (this.found.length === this.sent && !this.complete) await this.more(30_000)
    }
  }

  private more(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

/** Resolves with the promise or after `ms`, whichever is first. */
function within(ms: number, promise: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    void promise.then(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}

type Settled = RTCPeerConnectionState | 'timeout'

/**
 * Waits for the connection to reach one of `good` or `bad`, for the time to run out, or for the signal. A DTLS transport
 * closed by the far end counts as `closed`, which connectionState alone does not show.
 */
function settled(
  pc: RTCPeerConnection,
  good: readonly RTCPeerConnectionState[],
  bad: readonly RTCPeerConnectionState[],
  ms: number,
  signal: AbortSignal,
): Promise<Settled> {
  return new Promise((resolve) => {
    const dtls = pc.getTransceivers().map((t) => t.sender.transport ?? t.receiver.transport)
    const transports = [...new Set(dtls)].filter((t): t is RTCDtlsTransport => t !== null)
    let timer: ReturnType<typeof setTimeout> | undefined
    const finish = (result: Settled) => {
      clearTimeout(timer)
      pc.removeEventListener('connectionstatechange', look)
      for (const transport of transports) transport.removeEventListener('statechange', look)
      signal.removeEventListener('abort', look)
      resolve(result)
    }
    const look = () => {
      if (signal.aborted) return finish('closed')
      const state = transports.some((t) => t.state === 'closed') ? 'closed' : pc.connectionState
      if (good.includes(state) || bad.includes(state) || state === 'closed') finish(state)
    }
    if (ms !== Infinity) timer = setTimeout(() => finish('timeout'), ms)
    pc.addEventListener('connectionstatechange', look)
    for (const transport of transports) transport.addEventListener('statechange', look)
    signal.addEventListener('abort', look)
    look()
  })
}
