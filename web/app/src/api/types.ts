/** The gateway's REST answers that the page reads, as documented in its OpenAPI description. */

export interface Settings {
  version: string
  auth: string
  iceServers: RTCIceServer[]
  /** Base addresses to hand to people, without a trailing slash: rtmp://HOST:1935, http://HOST:8080. */
  rtmp: string
  http: string
}

export interface VideoInfo {
  codec: string
  profile: string
  width: number
  height: number
  fps: number
  bitrate: number
  /** Whether B-frames were seen, and what WebRTC players get instead of them. */
  bFrames: 'none' | 'dropped' | 'keyframes_only'
}

export interface AudioInfo {
  codec: string
  sampleRate: number
  channels: number
  bitrate: number
}

export interface StreamInfo {
  /** app/name, the one address of a stream in every protocol. */
  name: string
  state: 'live' | 'interrupted'
  since: string
  publisher: { protocol: string; remote: string; since: string } | null
  video: VideoInfo | null
  audio: AudioInfo | null
  players: Record<string, number>
  bytesIn: number
  bytesOut: number
}
