import { IceGuard } from './ice'
import type { ClientMessage, TrackOf } from './protocol'
import { addCandidate } from './publish'

/** What arrives of one member, with the sections it arrives in. */
export interface MemberMedia {
  readonly audio: MediaStreamTrack | null
  readonly video: MediaStreamTrack | null
  readonly mids: { readonly audio?: string; readonly video?: string }
}

export type RoomMedia = ReadonlyMap<string, MemberMedia>

export interface SubscribeOptions {
  iceServers: RTCIceServer[]
  send(message: ClientMessage): boolean
  reachable(): Promise<boolean>
  onMedia(media: RoomMedia): void
  onTrouble(troubled: boolean): void
  onLost(never: boolean): void
}

/** SubscribePeer is the connection by which one member receives everybody. The gateway offers, we answer. */
export class SubscribePeer {
  readonly pc: RTCPeerConnection
  private readonly guard: IceGuard
  private early: (RTCIceCandidateInit | string)[] = []
  /** Offers are answered one after another. */
  private line: Promise<void> = Promise.resolve()
  private media: RoomMedia = new Map()
  private closed = false

  constructor(private readonly options: SubscribeOptions) {
    this.pc = new RTCPeerConnection({ iceServers: options.iceServers, bundlePolicy: 'max-bundle' })
    this.pc.onicecandidate = ({ candidate }) => {
      if (candidate?.candidate) options.send({ type: 'candidate', pc: 'sub', candidate: candidate.toJSON() })
    }
    this.guard = new IceGuard(this.pc, {
      reachable: options.reachable,
      restart: () => options.send({ type: 'restart', pc: 'sub' }),
      onTrouble: options.onTrouble,
      onLost: (never) => {
        if (!this.closed) options.onLost(never)
      },
    })
  }

  offer(sdp: string, tracks: readonly TrackOf[]): Promise<void> {
    this.line = this.line.then(() => this.take(sdp, tracks))
    return this.line
  }

  async candidate(candidate: RTCIceCandidateInit | string): Promise<void> {
    if (!this.pc.remoteDescription) this.early.push(candidate)
    else await addCandidate(this.pc, candidate)
  }

  /** After the WebSocket has come back. */
  follow(): void {
    this.guard.follow()
  }

  close(): void {
    this.closed = true
    this.guard.close()
    this.pc.onicecandidate = null
    this.pc.close()
  }

  private async take(sdp: string, tracks: readonly TrackOf[]): Promise<void> {
    if (this.closed) return
    try {
      await this.pc.setRemoteDescription({ type: 'offer', sdp })
      for (const candidate of this.early.splice(0)) await addCandidate(this.pc, candidate)
      await this.pc.setLocalDescription(await this.pc.createAnswer())
      this.guard.watchTransports()
    } catch {
      if (!this.closed) this.options.onLost(false)
      return
    }
    if (this.closed) return
    this.options.send({ type: 'answer', pc: 'sub', sdp: this.pc.localDescription?.sdp ?? '' })
    this.media = mediaOf(tracks, new Map(this.pc.getTransceivers().map((t) => [t.mid, t.receiver.track])), this.media)
    this.options.onMedia(this.media)
  }
}

/** Whose is what, from the gateway's list and the tracks by section. Members whose tracks stayed keep their object. */
export function mediaOf(tracks: readonly TrackOf[], byMid: ReadonlyMap<string | null, MediaStreamTrack>, before: RoomMedia): RoomMedia {
  const found = new Map<string, { audio: MediaStreamTrack | null; video: MediaStreamTrack | null; mids: { audio?: string; video?: string } }>()
  for (const { mid, userID, kind } of tracks) {
    const track = byMid.get(mid)
    if (!track || track.readyState === 'ended') continue
    const media = found.get(userID) ?? { audio: null, video: null, mids: {} }
    media[kind] = track
    media.mids[kind] = mid
    found.set(userID, media)
  }
  return new Map(
    [...found].map(([userID, now]) => {
      const old = before.get(userID)
      return [userID, old && old.audio === now.audio && old.video === now.video ? old : now]
    }),
  )
}
