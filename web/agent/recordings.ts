/** Recordings as the gateway tells them, and the one clock that all their sides are on. */

export interface Hole {
  track: 'video' | 'audio'
  fromMs: number
  lengthMs: number
}

export interface RecordingFile {
  name: string
  stream: string
  userID?: string
  nickName?: string
  role?: string
  client?: string
  startedAt: string
  durationMs: number
  bytes: number
  sha256: string
  video?: { width: number; height: number; profile: string }
  audio?: { sampleRate: number; channels: number }
  holes?: Hole[] | null
  dropped?: number
  recovered?: boolean
}

export type JobState = 'waiting' | 'running' | 'done' | 'failed' | 'cancelled'
export type Layout = 'side_by_side' | 'grid' | 'pip'
export const layouts: readonly Layout[] = ['side_by_side', 'grid', 'pip']

export interface Composite {
  id: string
  layout: Layout
  state: JobState
  progress: number
  error?: string
  name?: string
  bytes?: number
  by?: string
  createdAt: string
}

export interface Recording {
  recordingID: string
  node?: string
  roomID?: string
  callID?: string
  queue?: string
  stream?: string
  mixed?: boolean
  rule?: string
  by?: string
  agents?: string[] | null
  state: 'recording' | 'paused' | 'finished'
  startedAt: string
  endedAt?: string
  bytes: number
  users: string[]
  streams: string[]
  files: RecordingFile[]
  gaps: number
  trouble?: string
  keepUntil?: string
  hold: boolean
  holdBy?: string
  holdReason?: string
  stored: boolean
  local: boolean
  composites: Composite[]
}

export interface RecordingManifest {
  startedAt: string
  endedAt?: string
  complete: boolean
  files: RecordingFile[]
  gaps: { stream: string; from: string; to: string; reason: GapReason }[]
  pauses: { from: string; to?: string; by?: string }[]
  events: { at: string; event: string; userID?: string; nickName?: string; text?: string }[]
}

export type GapReason = 'paused' | 'no_publisher' | 'behind' | 'disk' | 'crash' | 'format'

export interface Verdict {
  verified: boolean
  at: string
  fingerprint: string
  problems: string[]
  notes: string[]
}

export interface RecordingStatus {
  recordings: number
  streams: number
  diskFree: number
  diskTotal: number
  diskLow: boolean
  diskFull: boolean
  store: boolean
  uploadsWaiting: number
  ffmpeg: string
  key: string
}

export interface AuditEntry {
  at: string
  by: string
  action: string
  detail?: string
}

/** A stretch of the timeline, in milliseconds from its zero. */
export interface Stretch {
  from: number
  to: number
}

/** A file at its place. */
export interface Clip extends Stretch {
  file: RecordingFile
}

/** Everything of one who took part. */
export interface Side {
  key: string
  name: string
  role: string
  client: string
  clips: Clip[]
  gaps: (Stretch & { reason: GapReason })[]
  /** Where one track within a file has nothing. */
  holes: (Stretch & { track: Hole['track'] })[]
}

/** Something that happened. Messages have a text. */
export interface Mark {
  at: number
  event: string
  who: string
  text: string
}

export interface Timeline {
  /** The instant of its zero, in Unix milliseconds. */
  zero: number
  length: number
  sides: Side[]
  pauses: Stretch[]
  marks: Mark[]
}

/** What to tell of a room beside its messages; the rest is of the gateway's own account. */
const shown = new Set(['message', 'member_joined', 'member_left', 'publish_started', 'publish_stopped', 'muted', 'recording_started', 'recording_paused', 'recording_stopped'])

/** Files become whole in another order than that in which they begin. */
export const inOrder = (files: readonly RecordingFile[]) => [...files].sort((a, b) => Date.parse(a.startedAt) - Date.parse(b.startedAt))

/** Puts the files of a manifest on one clock: the one that begins first is its zero. */
export function timelineOf(manifest: RecordingManifest): Timeline {
  const files = inOrder(manifest.files)
  const zero = Math.min(...files.map((f) => Date.parse(f.startedAt)), ...(files.length === 0 ? [Date.parse(manifest.startedAt)] : []))
  const on = (at: string) => Date.parse(at) - zero
  const length = Math.max(0, ...files.map((f) => on(f.startedAt) + f.durationMs))
  const within = (from: number, to: number): Stretch => ({ from: Math.max(0, Math.min(from, length)), to: Math.max(0, Math.min(to, length)) })
  const sides = new Map<string, Side>()
  const keys = new Map<string, string>()
  for (const file of files) {
    const key = file.userID || file.stream
    keys.set(file.stream, key)
    const side = sides.get(key) ?? { key, name: '', role: '', client: '', clips: [], gaps: [], holes: [] }
    sides.set(key, side)
    side.name = side.name || file.nickName || key
    side.role = side.role || file.role || ''
    side.client = side.client || file.client || ''
    const from = on(file.startedAt)
    side.clips.push({ file, from, to: from + file.durationMs })
    for (const h of file.holes ?? []) side.holes.push({ track: h.track, ...within(from + h.fromMs, from + h.fromMs + h.lengthMs) })
  }
  for (const gap of manifest.gaps) {
    const key = keys.get(gap.stream) ?? gap.stream
    const side = sides.get(key) ?? { key, name: key, role: '', client: '', clips: [], gaps: [], holes: [] }
    sides.set(key, side)
    side.gaps.push({ reason: gap.reason, ...within(on(gap.from), on(gap.to)) })
  }
  return {
    zero,
    length,
    sides: [...sides.values()],
    pauses: manifest.pauses.map((p) => within(on(p.from), p.to && Date.parse(p.to) > 0 ? on(p.to) : length)),
    marks: manifest.events
      .filter((e) => shown.has(e.event))
      .map((e) => ({ at: Math.max(0, Math.min(on(e.at), length)), event: e.event, who: e.nickName || e.userID || '', text: e.text ?? '' }))
      .sort((a, b) => a.at - b.at),
  }
}

/** The clip of a side that sounds at a time; the later one where two meet. */
export function clipAt(side: Side, at: number): Clip | null {
  return side.clips.filter((c) => c.from <= at && at < c.to).pop() ?? null
}

/** Why a side shows nothing at a time. */
export function silenceAt(side: Side, at: number): GapReason | 'before' | 'after' | 'none' {
  const gap = side.gaps.find((g) => g.from <= at && at < g.to)
  if (gap) return gap.reason
  const [first, last] = [side.clips[0], side.clips[side.clips.length - 1]]
  if (!first || at < first.from) return 'before'
  return last && at >= last.to ? 'after' : 'none'
}

/** How much off, in milliseconds, a side may be before it is moved there at once. */
export const jump = 250
/** Below this a side is left alone: media clocks are not finer. */
export const close = 12
/** How much faster or slower than the rest a side may be played; more is heard. */
const most = 0.08

/**
 * The speed at which a side that is `off` milliseconds ahead of the shared clock goes on, or null where it has to jump.
 * A correction that has begun goes on until the side is close.
 */
export function speedFor(off: number, rate: number, correcting: boolean): number | null {
  if (Math.abs(off) > jump * Math.max(1, rate)) return null
  if (Math.abs(off) < (correcting ? close / 2 : close)) return rate
  return rate * (1 - Math.max(-most, Math.min(most, off / 500)))
}

/** Round times for the ruler, so that about `wanted` fit. */
export function ticksOf(length: number, wanted = 8): number[] {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200].map((s) => s * 1000)
  const step = steps.find((s) => length / s <= wanted) ?? 4 * 3600_000
  return Array.from({ length: Math.floor(length / step) + 1 }, (_, i) => i * step)
}

/** 3:07.4 of a time on the timeline. */
export function position(ms: number): string {
  const at = Math.max(0, ms)
  const hours = Math.floor(at / 3600_000)
  const minutes = Math.floor(at / 60_000) % 60
  const rest = (Math.floor(at / 100) / 10) % 60
  const two = (n: number) => String(n).padStart(2, '0')
  const tail = rest.toFixed(1).padStart(4, '0')
  return hours > 0 ? `${hours}:${two(minutes)}:${tail}` : `${minutes}:${tail}`
}

/** 12.3 MB of a number of bytes. */
export function bytes(n: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let value = n
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}

/** What the fields of the list's filters ask for. Days are the viewer's own. */
export interface Wanted {
  from: string
  to: string
  callID: string
  roomID: string
  userID: string
  agentID: string
  queue: string
  state: string
}

export function queryOf(wanted: Wanted): URLSearchParams {
  const q = new URLSearchParams()
  if (wanted.from) q.set('from', new Date(`${wanted.from}T00:00:00`).toISOString())
  if (wanted.to) {
    const day = new Date(`${wanted.to}T00:00:00`)
    day.setDate(day.getDate() + 1)
    q.set('to', day.toISOString())
  }
  for (const key of ['callID', 'roomID', 'userID', 'agentID', 'queue', 'state'] as const) if (wanted[key].trim()) q.set(key, wanted[key].trim())
  return q
}

/** The address of a file of a recording, relative to the page. */
export const fileUrl = (recordingID: string, name: string, download = false) =>
  `api/v1/recordings/${encodeURIComponent(recordingID)}/files/${encodeURIComponent(name)}${download ? '?download=1' : ''}`
