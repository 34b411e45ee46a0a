import { Backoff, pause } from '../rtc/backoff'
import type { LinkState } from '../rtc/link'
import { Problem, problemFromCode, problemFromReason, toProblem } from '../rtc/problem'
import type { ClientMessage, ServerMessage, ViewTile, Welcome } from './protocol'
import { PublishPeer, type Sending } from './publish'
import { RoomSocket, type MakeSocket } from './socket'
import { reduce, type RoomState } from './state'
import { SubscribePeer, type RoomMedia } from './subscribe'

export interface RoomSessionOptions {
  /** A token for this room. `fresh` asks for another one, because the last was refused. Throws a Problem. */
  token(fresh: boolean): Promise<string>
  /** A refused WebSocket does not tell why: asks the gateway in another way what is wrong, null when nothing is. */
  explain(token: string): Promise<Problem | null>
  /** The WebSocket's address. */
  url(token: string, resume: { session: string; revision: number } | null): string
  /** Whether this browser receives by WebRTC; else it is told nothing about media. */
  receives: boolean
  /** Whether it can publish. */
  sends: boolean
  simulcast: boolean
  onState(state: LinkState, problem: Problem | null): void
  onRoom(state: RoomState): void
  onMe(me: Welcome['me']): void
  onMedia(media: RoomMedia): void
  onPeers(publishing: RTCPeerConnection | null, subscribing: RTCPeerConnection | null): void
  makeSocket?: MakeSocket
}

const welcomeMs = 10_000
const syncAgainMs = 3_000
const publishAgainMs = 1_500
/** How long the gateway may take to answer once there is reason to doubt the network. */
const reachMs = 3_000
/** A gateway that keeps refusing to resume a session does not have it any more. */
const resumeTries = 3

/** Problems that trying again does not solve. */
const fatal: readonly Problem['kind'][] = [
  'room-full', 'room-missing', 'room-closed', 'removed', 'replaced', 'no-invitation', 'token-expired', 'unauthorized', 'bad-name',
]

/** Refusals that another token may lift: where access is open the page gets one, and a place and a room with it. */
const another: readonly Problem['kind'][] = ['unauthorized', 'token-expired', 'room-missing']

/**
 * RoomSession keeps one person in one room until leave(): it opens the WebSocket, resumes after a loss without touching
 * media, follows the room's events, and owns the publishing and the subscribing peer connection.
 */
export class RoomSession {
  private readonly abort = new AbortController()
  private readonly backoff = new Backoff(400, 8_000)
  private socket: RoomSocket | null = null
  private session = ''
  private state: RoomState | null = null
  private publishing: PublishPeer | null = null
  private subscribing: SubscribePeer | null = null
  private readonly troubled = { pub: false, sub: false }
  private sending: Sending | null = null
  private muted: { audio: boolean; video: boolean } | null = null
  private view: ViewTile[] | null = null
  private iceServers: RTCIceServer[] = []
  private may = true
  private joined = false
  private up = false
  private refusedResumes = 0
  /** Said while the gateway answers but media does not get through. */
  private route: Problem | null = null
  private againTimer: ReturnType<typeof setTimeout> | undefined
  private syncTimer: ReturnType<typeof setTimeout> | undefined

  constructor(private readonly options: RoomSessionOptions) {}

  /** Runs until leave() or a problem that cannot be mended. Never rejects. */
  async run(): Promise<void> {
    const { signal } = this.abort
    // Loaded again, the page is the same person in the same place; closed, it is not missed for long.
    const onPageHide = () => this.socket?.send({ type: 'away' })
    // The old socket may hang on a network that is gone for minutes; asking it shows.
    const onNetwork = () => void this.reachable()
    globalThis.addEventListener?.('pagehide', onPageHide)
    globalThis.addEventListener?.('online', onNetwork)
    globalThis.addEventListener?.('offline', onNetwork)
    this.say(null)
    let fresh = false
    let refusal: Problem | null = null
    try {
      while (!signal.aborted) {
        let problem: Problem | null = null
        try {
          await this.lap(fresh)
          fresh = false
        } catch (error) {
          problem = toProblem(error)
        }
        // A room that has gone while we were away was closed: nobody who was in it makes it anew.
        if (this.joined && problem?.kind === 'room-missing') problem = new Problem('room-closed')
        this.up = false
        if (signal.aborted) break
        const refused: boolean = !fresh && problem !== null && another.includes(problem.kind)
        if (problem && !refused && fatal.includes(problem.kind)) {
          // Where no other token is to be had, the first refusal says why.
          this.end(problem.kind === 'unauthorized' ? (refusal ?? problem) : problem)
          return
        }
        refusal = refused ? problem : null
        fresh = refused
        this.say(problem)
        await pause(refused ? 0 : this.backoff.next(problem?.retryAfterMs), signal)
      }
      this.end(null)
    } finally {
      globalThis.removeEventListener?.('pagehide', onPageHide)
      globalThis.removeEventListener?.('online', onNetwork)
      globalThis.removeEventListener?.('offline', onNetwork)
    }
  }

  /** Leaves the room for good. */
  leave(): void {
    if (this.abort.signal.aborted) return
    this.socket?.send({ type: 'leave' })
    this.abort.abort()
    this.socket?.close()
    this.dropPeers()
  }

  /** What to send from now on; begins publishing where it has not begun. */
  send(sending: Sending): void {
    this.sending = sending
    if (this.publishing) void this.publishing.replace(sending)
    else if (this.up) this.publish()
  }

  mute(audio: boolean, video: boolean): void {
    if (this.muted?.audio === audio && this.muted.video === video) return
    this.muted = { audio, video }
    this.tell({ type: 'mute', audio, video })
  }

  look(tiles: ViewTile[]): void {
    this.view = tiles
    this.tell({ type: 'view', tiles })
  }

  /** Says something to all, or to one. Throws a Problem. */
  async post(message: { text?: string; data?: unknown; to?: string }): Promise<void> {
    if (!this.socket || !this.up) throw new Problem('server-gone')
    await this.socket.request({ type: 'message', kind: message.data === undefined ? 'text' : 'custom', ...message })
  }

  /** One WebSocket from opening to loss. Throws where it does not come about or the gateway ends it for good. */
  private async lap(fresh: boolean): Promise<void> {
    const token = await this.options.token(fresh)
    if (this.abort.signal.aborted) return
    const resuming = this.session && this.refusedResumes < resumeTries
    const url = this.options.url(token, resuming ? { session: this.session, revision: this.state?.room.revision ?? 0 } : null)
    let ended: Problem | null = null
    let welcomed: () => void = () => undefined
    const welcome = new Promise<void>((resolve) => (welcomed = resolve))
    const socket = new RoomSocket(
      url,
      (message) => {
        if (this.socket !== socket || this.abort.signal.aborted) return
        const problem = this.take(message)
        if (message.type === 'welcome') welcomed()
        if (!problem) return
        ended = problem
        socket.close()
      },
      this.options.makeSocket,
    )
    this.socket = socket
    let opened = false
    try {
      await socket.open()
      opened = true
      await Promise.race([welcome, socket.gone, sleep(welcomeMs, this.abort.signal)])
      if (!this.up) throw ended ?? new Problem('server-gone')
      await socket.gone
      if (ended) throw ended
    } catch (error) {
      // A gateway that cannot be reached refuses nothing.
      if (resuming && opened && !this.up) this.refusedResumes++
      throw ended ?? (this.up || this.abort.signal.aborted ? null : await this.options.explain(token)) ?? error
    } finally {
      socket.close()
      clearTimeout(this.syncTimer)
    }
  }

  /** One message of the gateway. Returns the problem that ends this connection, if that is what it says. */
  private take(message: ServerMessage): Problem | null {
    const before = this.state
    this.state = reduce(before, message)
    if (this.state && this.state !== before) {
      if (this.state.stale && !before?.stale) this.sync()
      this.options.onRoom(this.state)
    }
    switch (message.type) {
      case 'welcome':
        this.welcome(message)
        break
      case 'event':
        if (message.event === 'room_closed') return new Problem('room-closed')
        break
      case 'answer':
        void this.publishing?.answer(message.sdp)
        break
      case 'offer':
        this.subscribe(message.sdp, message.tracks ?? [])
        break
      case 'candidate':
        if (message.candidate) void (message.pc === 'pub' ? this.publishing : this.subscribing)?.candidate(message.candidate)
        break
      case 'closed':
        return problemFromReason(message.reason) ?? new Problem('server-gone', message.reason)
      case 'error':
        return this.refused(problemFromCode(message.code, message.message))
    }
    return null
  }

  private refused(problem: Problem): Problem | null {
    if (problem.kind === 'no-h264') {
      // The room goes on without our picture.
      this.dropPublishing()
      this.may = false
    }
    return fatal.includes(problem.kind) ? problem : null
  }

  private welcome(message: Welcome): void {
    const resumed = message.session === this.session
    this.session = message.session
    this.up = true
    this.joined = true
    this.refusedResumes = 0
    this.backoff.reset()
    this.iceServers = message.iceServers ?? []
    this.may = message.me.role !== 'audience' && this.options.sends
    this.options.onMe(message.me)
    if (this.muted) this.tell({ type: 'mute', ...this.muted })
    if (this.view) this.tell({ type: 'view', tiles: this.view })
    if (resumed) {
      this.publishing?.follow()
      this.subscribing?.follow()
    } else this.dropPeers()
    if (!this.publishing) this.publish()
    this.say(null)
  }

  private publish(): void {
    if (!this.may || !this.sending) return
    const peer: PublishPeer = new PublishPeer({
      iceServers: this.iceServers,
      simulcast: this.options.simulcast,
      reachable: () => this.reachable(),
      send: (message) => this.publishing === peer && this.tell(message),
      onTrouble: (troubled) => this.trouble('pub', troubled),
      onLost: (never) => this.publishAgain(peer, never),
    })
    this.publishing = peer
    this.tellPeers()
    void peer.start(this.sending)
  }

  /** Restarting ICE did not help, or the gateway dropped us: another connection for the same stream. */
  private publishAgain(lost: PublishPeer, never: boolean): void {
    if (this.publishing !== lost) return
    this.route = never ? new Problem('no-route') : null
    this.dropPublishing()
    this.trouble('pub', true)
    clearTimeout(this.againTimer)
    // Not at once: what failed may fail at once again.
    this.againTimer = setTimeout(() => {
      if (this.up && !this.publishing) this.publish()
    }, publishAgainMs)
  }

  private subscribe(sdp: string, tracks: Parameters<SubscribePeer['offer']>[1]): void {
    if (!this.options.receives) return
    if (!this.subscribing) {
      const peer: SubscribePeer = new SubscribePeer({
        iceServers: this.iceServers,
        send: (message) => this.subscribing === peer && this.tell(message),
        reachable: () => this.reachable(),
        onMedia: this.options.onMedia,
        onTrouble: (troubled) => this.trouble('sub', troubled),
        onLost: (never) => this.renew(never),
      })
      this.subscribing = peer
      this.tellPeers()
    }
    void this.subscribing.offer(sdp, tracks)
  }

  /** Receiving cannot be mended by ICE restarts: everything anew, in the same place of the room. */
  private renew(never: boolean): void {
    this.route = never ? new Problem('no-route') : null
    this.session = ''
    this.dropPeers()
    this.socket?.close()
  }

  /** Asks for the whole room, again and again until it comes. */
  private sync(): void {
    clearTimeout(this.syncTimer)
    if (!this.state?.stale) return
    this.tell({ type: 'sync', revision: this.state.room.revision })
    this.syncTimer = setTimeout(() => this.sync(), syncAgainMs)
  }

  /** A WebSocket stays open for minutes after its network has gone, and takes whatever is sent: only an answer counts. */
  private async reachable(): Promise<boolean> {
    const { socket } = this
    return this.up && socket !== null && (await socket.probe(reachMs)) && this.up
  }

  private tell(message: ClientMessage): boolean {
    return this.up && (this.socket?.send(message) ?? false)
  }

  private trouble(side: 'pub' | 'sub', troubled: boolean): void {
    this.troubled[side] = troubled
    if (!troubled) this.route = null
    this.say(null)
  }

  private say(problem: Problem | null): void {
    if (this.abort.signal.aborted) return
    const well = this.up && !this.troubled.pub && !this.troubled.sub
    this.options.onState(well ? 'live' : this.joined ? 'reconnecting' : 'connecting', problem ?? this.route)
  }

  private end(problem: Problem | null): void {
    clearTimeout(this.syncTimer)
    this.abort.abort()
    this.socket?.close()
    this.dropPeers()
    this.options.onState(problem ? 'failed' : 'ended', problem)
  }

  private dropPublishing(): void {
    clearTimeout(this.againTimer)
    this.publishing?.close()
    this.publishing = null
    this.troubled.pub = false
    this.tellPeers()
  }

  private dropPeers(): void {
    this.dropPublishing()
    this.subscribing?.close()
    this.subscribing = null
    this.troubled.sub = false
    this.tellPeers()
    this.options.onMedia(new Map())
  }

  private tellPeers(): void {
    this.options.onPeers(this.publishing?.pc ?? null, this.subscribing?.pc ?? null)
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}
