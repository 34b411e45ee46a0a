/** What travels over a room's WebSocket, one JSON object per frame. */
import type { Member, Role, RoomMessage, RoomView } from '../api/types'

export type EventName =
  | 'member_joined'
  | 'member_left'
  | 'member_changed'
  | 'muted'
  | 'publish_started'
  | 'publish_stopped'
  | 'room_closed'
  | 'recording_started'
  | 'recording_paused'
  | 'recording_stopped'

/** Which of the two peer connections: the one we publish by, or the one we receive everybody by. */
export type Side = 'pub' | 'sub'

/** Whose track a section of the subscribing connection carries. */
export interface TrackOf {
  mid: string
  userID: string
  kind: 'audio' | 'video'
}

export interface Welcome {
  type: 'welcome'
  session: string
  me: { userID: string; stream: string; role: Role }
  room: RoomView
  messages: RoomMessage[] | null
  iceServers: RTCIceServer[] | null
}

export interface RoomEvent {
  type: 'event'
  revision: number
  event: EventName
  userID?: string
  /** As it is after the event; absent when the member left. */
  member?: Member
  reason?: string
}

export interface SpeakingLevel {
  userID: string
  /** dBov: 0 is the loudest. */
  level: number
  speaking: boolean
}

export type ServerMessage =
  | Welcome
  | RoomEvent
  | { type: 'state'; room: RoomView }
  /** Everybody who speaks now. */
  | { type: 'speaking'; users: SpeakingLevel[] | null }
  | ({ type: 'message' } & RoomMessage)
  | { type: 'answer'; pc: 'pub'; sdp: string }
  | { type: 'offer'; pc: 'sub'; sdp: string; tracks: TrackOf[] | null }
  | { type: 'candidate'; pc: Side; candidate: RTCIceCandidateInit | string | null }
  | { type: 'ack'; id: string }
  | { type: 'error'; id?: string; code: string; message: string }
  | { type: 'pong' }
  | { type: 'closed'; reason: string }

/** A tile that is on the screen, in device pixels. */
export interface ViewTile {
  userID: string
  width: number
  height: number
  /** How the picture lies in it, as CSS object-fit. */
  fit: 'cover' | 'contain'
}

export type ClientMessage =
  | { type: 'publish'; sdp: string }
  | { type: 'unpublish' }
  | { type: 'answer'; pc: 'sub'; sdp: string }
  | { type: 'candidate'; pc: Side; candidate: RTCIceCandidateInit }
  | { type: 'restart'; pc: 'sub' }
  | { type: 'view'; tiles: ViewTile[] }
  | { type: 'mute'; audio?: boolean; video?: boolean }
  | { type: 'message'; to?: string; kind: 'text' | 'custom'; text?: string; data?: unknown }
  | { type: 'sync'; revision: number }
  | { type: 'ping' }
  /** The page is being closed or loaded again. */
  | { type: 'away' }
  | { type: 'leave' }
