/** What the desk tells, as documented in docs/desk.md and the OpenAPI description. Times are ISO strings, durations seconds. */

export type CallState = 'waiting' | 'ringing' | 'answered' | 'held' | 'transferring' | 'ended'
export type Reason = 'completed' | 'abandoned' | 'rejected' | 'timeout' | 'no_agent' | 'failed'
export type AgentState = 'offline' | 'ready' | 'ringing' | 'busy' | 'wrap_up' | 'break'
export type Light = 'grey' | 'green' | 'yellow' | 'red'
export type Mode = 'listen' | 'whisper' | 'join'
export type DeskRole = 'agent' | 'supervisor' | 'admin'

export interface Person {
  agentID?: string
  userID: string
  nickName: string
}

/** A call as its caller sees it. */
export interface CallStatus {
  callID: string
  queue: string
  queueName: string
  state: CallState
  reason?: Reason
  position: number
  expectedWait: number | null
  agent?: Person
  notice?: string
  roomID: string
  createdAt: string
  answeredAt?: string
  endedAt?: string
  revision: number
}

export interface Guest {
  userID: string
  agentID?: string
  nickName: string
  role: string
  state: 'invited' | 'joined'
  until?: string
}

/** A call as agents see it. */
export interface CallView {
  callID: string
  queue: string
  state: CallState
  reason?: Reason
  endedBy?: string
  priority: number
  skills: string[] | null
  caller: { userID: string; nickName: string; client: 'webrtc' | 'rtmp'; userData?: unknown; awaySince?: string }
  roomID: string
  createdAt: string
  queuedAt: string
  answeredAt?: string
  endedAt?: string
  position: number
  expectedWait: number | null
  ringing?: { agentID: string; since: string; until: string }
  agent?: Person
  heldSince?: string
  transfer?: { from: string; agentID?: string; queue?: string; warm: boolean; consulting: boolean; since: string; until: string }
  guests: Guest[]
  supervisors: { agentID: string; userID: string; nickName: string; mode: Mode }[]
  mutes: { userID: string; audio: boolean; video: boolean }[] | null
  notes: string
  outcome: string
  rating?: { stars: number; comment?: string }
  seconds: { waited: number; rang: number; talked: number; held: number }
  light?: Light
  revision: number
}

export interface AgentView {
  agentID: string
  name: string
  nickName: string
  role: DeskRole
  queues: string[]
  skills: string[]
  state: AgentState
  since: string
  until?: string
  note?: string
  callID?: string
  online: boolean
  after?: AgentState
}

export interface QueueView {
  queue: string
  name: string
  open: boolean
  full: boolean
  opensAt?: string
  waiting: number
  calls: number
  agents: Partial<Record<AgentState, number>>
  longestWait: number
  expectedWait: number | null
  message?: string
  callback: boolean
}

export interface Cause {
  code: string
  value: number
  text: string
}

/** One measurement of one leg; shares from 0 to 1, milliseconds, bits per second, dBov. */
export interface QualitySample {
  at: string
  light: Light
  cause?: Cause
  lossUp?: number
  lossDown?: number
  jitterMs?: number
  rttMs?: number
  fps?: number
  freezes?: number
  freezeMs?: number
  bitrateUp?: number
  bitrateDown?: number
  audioLevel?: number
  mouthToEarMs?: number
  glassToGlassMs?: number
}

export interface LegNow {
  userID: string
  nickName?: string
  light: Light
  cause?: Cause
  sample: QualitySample
}

export interface LegQuality {
  userID: string
  nickName: string
  samples: QualitySample[] | null
}

/** What a page knows of one whom it watches. */
export interface LegReport {
  userID: string
  fps?: number
  freezes: number
  freezeMs: number
  lossIn?: number
  jitterMs?: number
  bufferMs?: number
  rttMs?: number
  bitrateIn?: number
  audioLevel?: number
}

export interface Summary {
  callID: string
  queue: string
  callerID: string
  callerName: string
  client: string
  createdAt: string
  answeredAt?: string
  endedAt: string
  reason: Reason
  outcome: string
  waited: number
  rang: number
  talked: number
  held: number
  transfers: number
  agents: string[]
  stars: number
  light?: Light
}

export interface CallRecord {
  summary: Summary
  call: CallView
  timeline: { at: string; event: string; state: CallState; by?: string; agentID?: string; queue?: string; note?: string }[] | null
  quality: { callID: string; legs: LegQuality[] }
}

export interface Callback {
  callbackID: string
  queue: string
  userID?: string
  nickName: string
  contact: string
  note: string
  state: 'open' | 'done'
  createdAt: string
  settledAt?: string
  settledBy?: string
  settledNote?: string
}

export interface StatsRow {
  key: string
  calls: number
  answered: number
  abandoned: number
  serviceLevel: number | null
  averageWait: number
  averageTalk: number
  averageStars?: number | null
}

export interface DayStats extends StatsRow {
  day: string
  queues: StatsRow[] | null
  hours: StatsRow[] | null
  agents: StatsRow[] | null
}

/** What joining a call's room gives. */
export interface RoomAccess {
  token: string
  stream: string
}
