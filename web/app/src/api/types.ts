/** The gateway's REST answers that the page reads, as documented in its OpenAPI description. */

export interface Settings {
  version: string
  auth: string
  iceServers: RTCIceServer[]
  /** Base addresses to hand to people, without a trailing slash: rtmp://HOST:1935, http://HOST:8080. */
  rtmp: string
  http: string
  /** Whether this gateway has rooms. */
  rooms?: boolean
  /** Whether browsers may send a camera in several sizes at once. */
  simulcast?: boolean
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

export type Role = 'host' | 'agent' | 'guest' | 'audience'

/** A user in a room. */
export interface Member {
  userID: string
  nickName: string
  role: Role
  client: 'webrtc' | 'rtmp'
  /** app/name of what the member publishes. */
  stream: string
  publishing: boolean
  audioMuted: boolean
  videoMuted: boolean
  joinedAt: string
  play?: { rtmp?: string; flv?: string; whep?: string }
}

export interface RoomView {
  roomID: string
  name: string
  capacity: number
  /** Grows by one with every event. */
  revision: number
  closed?: boolean
  /** Whether the room is being recorded. */
  recording?: Recording
  members: Member[]
}

export type Recording = '' | 'on' | 'paused'

/** Something said in a room: to everyone, or `to` one member. Ordered by `seq`. */
export interface RoomMessage {
  seq: number
  from?: string
  nickName?: string
  to?: string
  kind: 'text' | 'custom'
  text?: string
  data?: unknown
  at: string
}

export interface JoinAnswer {
  token: string
  stream: string
  push: { rtmp: string; whip: string }
  ws: string
  iceServers: RTCIceServer[] | null
  members: Member[] | null
}
