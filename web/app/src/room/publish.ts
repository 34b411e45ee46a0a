import { screenQuality } from '../media/capture'
import { blackVideo, silentAudio } from '../media/filler'
import { setVideoPreferences } from '../rtc/codecs'
import { IceGuard } from './ice'
import type { ClientMessage } from './protocol'

/** What is to be sent now. A camera that is off and a microphone that is missing are null. */
export interface Sending {
  audio: MediaStreamTrack | null
  video: MediaStreamTrack | null
  screen: boolean
  /** Picture size, bits per second and frames per second of the camera. */
  width: number
  height: number
  bitrate: number
  fps: number
}

export interface PublishOptions {
  iceServers: RTCIceServer[]
  /** Whether the camera may be sent in several sizes. */
  simulcast: boolean
  /** False when the gateway cannot be reached now. */
  send(message: ClientMessage): boolean
  reachable(): Promise<boolean>
  onTrouble(troubled: boolean): void
  onLost(never: boolean): void
}

const answerMs = 8_000
/** Below this a quarter of the picture is of no use to anyone. */
const simulcastFrom = 1280 * 720

/** The sizes a camera is sent in, smallest first; the gateway picks one for each subscriber. */
export function layersFor(sending: Pick<Sending, 'width' | 'height' | 'bitrate' | 'fps'>, simulcast: boolean): RTCRtpEncodingParameters[] {
  const { width, height, bitrate, fps } = sending
  if (!simulcast || width * height < simulcastFrom) return [{ maxBitrate: bitrate, maxFramerate: fps }]
  return [
    { rid: 'l', scaleResolutionDownBy: 4, maxBitrate: 150_000, maxFramerate: Math.min(fps, 20) },
    { rid: 'm', scaleResolutionDownBy: 2, maxBitrate: 500_000, maxFramerate: fps },
    { rid: 'h', scaleResolutionDownBy: 1, maxBitrate: bitrate, maxFramerate: fps },
  ]
}

/** PublishPeer is the connection by which one member sends: one audio and one video section, whatever flows in them. */
export class PublishPeer {
  readonly pc: RTCPeerConnection
  private readonly guard: IceGuard
  private readonly fillers: { audio: MediaStreamTrack | null; video: MediaStreamTrack | null } = { audio: null, video: null }
  private audio: RTCRtpSender | null = null
  private video: RTCRtpSender | null = null
  private early: (RTCIceCandidateInit | string)[] = []
  private timer: ReturnType<typeof setTimeout> | undefined
  private closed = false

  constructor(private readonly options: PublishOptions) {
    this.pc = new RTCPeerConnection({ iceServers: options.iceServers, bundlePolicy: 'max-bundle' })
    this.pc.onicecandidate = ({ candidate }) => {
      if (candidate?.candidate) options.send({ type: 'candidate', pc: 'pub', candidate: candidate.toJSON() })
    }
    this.guard = new IceGuard(this.pc, {
      reachable: options.reachable,
      restart: () => void this.offer(true),
      onTrouble: options.onTrouble,
      onLost: (never) => {
        if (!this.closed) options.onLost(never)
      },
    })
  }

  async start(sending: Sending): Promise<void> {
    const { audio, video } = this.tracksFor(sending)
    const stream = new MediaStream()
    if (audio) {
      this.audio = this.pc.addTransceiver(audio, { direction: 'sendonly', streams: [stream] }).sender
    }
    if (video) {
      const layers = layersFor(sending, this.options.simulcast)
      const transceiver = this.pc.addTransceiver(video, { direction: 'sendonly', streams: [stream], sendEncodings: layers })
      setVideoPreferences(transceiver, 'send')
      this.video = transceiver.sender
    }
    await this.offer()
    await this.limit(sending)
  }

  /** Sends other tracks in the same sections. */
  async replace(sending: Sending): Promise<void> {
    if (this.closed) return
    const { audio, video } = this.tracksFor(sending)
    await Promise.all([this.audio?.replaceTrack(audio), this.video?.replaceTrack(video)]).catch(() => undefined)
    await this.limit(sending)
  }

  async answer(sdp: string): Promise<void> {
    // An answer to an offer that a restart has overtaken.
    if (this.closed || this.pc.signalingState !== 'have-local-offer') return
    clearTimeout(this.timer)
    try {
      await this.pc.setRemoteDescription({ type: 'answer', sdp })
      this.guard.watchTransports()
      for (const candidate of this.early.splice(0)) await this.candidate(candidate)
    } catch {
      if (!this.closed) this.options.onLost(false)
    }
  }

  async candidate(candidate: RTCIceCandidateInit | string): Promise<void> {
    if (!this.pc.remoteDescription) this.early.push(candidate)
    else await addCandidate(this.pc, candidate)
  }

  /** After the WebSocket has come back: an offer that was never answered is made again. */
  kick(): void {
    if (this.pc.signalingState === 'have-local-offer') void this.offer(true)
    else this.guard.kick()
  }

  /** The same after a return over what may be another network. */
  follow(): void {
    if (this.pc.signalingState === 'have-local-offer') void this.offer(true)
    else this.guard.follow()
  }

  close(): void {
    this.closed = true
    clearTimeout(this.timer)
    this.guard.close()
    this.pc.onicecandidate = null
    this.pc.close()
    this.fillers.audio?.stop()
    this.fillers.video?.stop()
  }

  private async offer(iceRestart = false): Promise<void> {
    try {
      if (this.pc.signalingState === 'have-local-offer') await this.pc.setLocalDescription({ type: 'rollback' })
      await this.pc.setLocalDescription(await this.pc.createOffer({ iceRestart }))
    } catch {
      // Closed meanwhile, or a browser that cannot roll back; the guard tries again.
      return
    }
    if (this.closed) return
    clearTimeout(this.timer)
    const sent = this.options.send({ type: 'publish', sdp: this.pc.localDescription?.sdp ?? '' })
    if (sent) this.timer = setTimeout(() => this.kick(), answerMs)
  }

  private tracksFor(sending: Sending): { audio: MediaStreamTrack | null; video: MediaStreamTrack | null } {
    if (!sending.audio) this.fillers.audio ??= silentAudio()
    if (!sending.video) this.fillers.video ??= blackVideo(sending.width, sending.height)
    return { audio: sending.audio ?? this.fillers.audio, video: sending.video ?? this.fillers.video }
  }

  private async limit(sending: Sending): Promise<void> {
    if (!this.video) return
    const parameters = this.video.getParameters()
    if (!parameters.encodings?.length) return
    const camera = layersFor(sending, this.options.simulcast)
    for (const encoding of parameters.encodings) {
      const layer = camera.find((l) => l.rid === encoding.rid) ?? camera[camera.length - 1]
      const top = parameters.encodings.length === 1 || encoding.rid === 'h'
      encoding.maxBitrate = sending.screen && top ? screenQuality.bitrate : layer?.maxBitrate
      encoding.maxFramerate = sending.screen ? screenQuality.fps : layer?.maxFramerate
    }
    parameters.degradationPreference = 'maintain-resolution'
    // A browser that knows fewer of these parameters still publishes, only less finely.
    await this.video.setParameters(parameters).catch(() => undefined)
  }
}

/** Candidates come as objects or as bare lines. One that is refused is one way fewer, no failure. */
export async function addCandidate(pc: RTCPeerConnection, candidate: RTCIceCandidateInit | string): Promise<void> {
  const init = typeof candidate === 'string' ? { candidate, sdpMLineIndex: 0 } : candidate
  await pc.addIceCandidate(init).catch(() => undefined)
}
