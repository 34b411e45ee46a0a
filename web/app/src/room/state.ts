/** What the page knows of a room, as a pure function of what the gateway told. */
import type { Member, Recording, RoomMessage, RoomView } from '../api/types'
import type { RoomEvent, ServerMessage } from './protocol'

export interface RoomState {
  readonly room: RoomView
  /** By seq, each once. */
  readonly messages: readonly RoomMessage[]
  /** How loud those are who speak, 0 to 1. */
  readonly speaking: ReadonlyMap<string, number>
  /** Who shares a screen instead of a camera. */
  readonly sharing: ReadonlySet<string>
  /** An event was missed: later ones mean nothing until a whole state has come. */
  readonly stale: boolean
}

/** More than anyone scrolls back through, and a bound for a page that stays open for days. */
const keepMessages = 500

/** The state after one message of the gateway. The same object when nothing changed; null before the first welcome. */
export function reduce(state: RoomState | null, message: ServerMessage): RoomState | null {
  if (message.type === 'welcome') {
    const messages = message.messages ?? []
    const before: RoomState = state ?? { room: message.room, messages: [], speaking: new Map(), sharing: new Set(), stale: false }
    return messages.reduce(say, adopt(before, message.room))
  }
  if (!state) return null
  if (message.type === 'state') return adopt(state, message.room)
  if (message.type === 'event') return apply(state, message)
  if (message.type === 'message') return say(state, message)
  if (message.type === 'speaking') {
    const speaking = new Map((message.users ?? []).filter((u) => u.speaking).map((u) => [u.userID, loudnessOf(u.level)]))
    return speaking.size === 0 && state.speaking.size === 0 ? state : { ...state, speaking }
  }
  return state
}

/** 0 to 1, from -60 dBov to full scale; never 0, since it is said of who speaks. */
const loudnessOf = (dBov: number) => Math.min(1, Math.max(0.05, (dBov + 60) / 60))

/** Takes a whole room over, unless it is older than what is known. */
function adopt(state: RoomState, room: RoomView): RoomState {
  if (!state.stale && room.roomID === state.room.roomID && room.revision < state.room.revision) return state
  return forget({ ...state, room: { ...room, members: room.members ?? [] }, stale: false })
}

function apply(state: RoomState, event: RoomEvent): RoomState {
  const { room } = state
  if (state.stale || event.revision <= room.revision) return state
  if (event.revision !== room.revision + 1) return { ...state, stale: true }
  const userID = event.userID ?? event.member?.userID
  return forget({
    ...state,
    room: {
      ...room,
      revision: event.revision,
      closed: room.closed || event.event === 'room_closed',
      recording: recordingAfter(room.recording, event),
      members: membersAfter(room.members, event, userID),
    },
  })
}

function recordingAfter(before: Recording | undefined, event: RoomEvent): Recording | undefined {
  if (event.event === 'recording_started') return 'on'
  if (event.event === 'recording_paused') return 'paused'
  return event.event === 'recording_stopped' ? '' : before
}

function membersAfter(members: readonly Member[], event: RoomEvent, userID: string | undefined): Member[] {
  if (event.event === 'room_closed') return []
  if (event.event === 'member_left') return members.filter((m) => m.userID !== userID)
  const { member } = event
  if (!member) return [...members]
  if (members.some((m) => m.userID === member.userID)) return members.map((m) => (m.userID === member.userID ? member : m))
  return [...members, member]
}

/** Who left, stopped or muted neither speaks nor shares any more. */
function forget(state: RoomState): RoomState {
  const members = new Map(state.room.members.map((m) => [m.userID, m]))
  const speaking = new Map([...state.speaking].filter(([userID]) => members.get(userID)?.audioMuted === false))
  const sharing = new Set([...state.sharing].filter((userID) => members.has(userID)))
  return { ...state, speaking, sharing }
}

function say(state: RoomState, message: RoomMessage): RoomState {
  const { messages } = state
  const last = messages[messages.length - 1]
  if (messages.some((m) => m.seq === message.seq)) return state
  const all = [...messages, message]
  if (last && last.seq > message.seq) all.sort((a, b) => a.seq - b.seq)
  return { ...state, messages: all.slice(-keepMessages), sharing: sharingAfter(state, message) }
}

/** Sharing travels as a custom message, so that it also reaches who joins later. */
export const screenNote = (on: boolean) => ({ hutong: { screen: on } })

function sharingAfter(state: RoomState, message: RoomMessage): ReadonlySet<string> {
  const on = (message.data as Partial<ReturnType<typeof screenNote>> | null | undefined)?.hutong?.screen
  const member = state.room.members.find((m) => m.userID === message.from)
  if (message.kind !== 'custom' || typeof on !== 'boolean' || !member) return state.sharing
  // Said in an earlier stay in the room.
  if (Date.parse(message.at) < Date.parse(member.joinedAt)) return state.sharing
  const sharing = new Set(state.sharing)
  if (on) sharing.add(member.userID)
  else sharing.delete(member.userID)
  return sharing
}

export interface News {
  joined: readonly Member[]
  left: readonly Member[]
  said: readonly RoomMessage[]
}

/** What somebody who looked away would want to be told of. Nothing is news to who has just come. */
export function newsBetween(before: RoomState | null, after: RoomState | null): News {
  if (!before || !after || before === after) return { joined: [], left: [], said: [] }
  const had = new Set(before.room.members.map((m) => m.userID))
  const has = new Set(after.room.members.map((m) => m.userID))
  const known = new Set(before.messages.map((m) => m.seq))
  return {
    joined: after.room.members.filter((m) => !had.has(m.userID)),
    left: after.room.closed ? [] : before.room.members.filter((m) => !has.has(m.userID)),
    said: before.messages === after.messages ? [] : after.messages.filter((m) => m.kind === 'text' && !known.has(m.seq)),
  }
}
