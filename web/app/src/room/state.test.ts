import { describe, expect, it } from 'vitest'
import type { Member, RoomMessage } from '../api/types'
import type { EventName, RoomEvent, ServerMessage } from './protocol'
import { newsBetween, reduce, screenNote, type RoomState } from './state'

const member = (userID: string, more: Partial<Member> = {}): Member => ({
  userID,
  nickName: userID,
  role: 'guest',
  client: 'webrtc',
  stream: `live/r_${userID}`,
  publishing: false,
  audioMuted: false,
  videoMuted: false,
  joinedAt: '2026-01-01T10:00:00Z',
  ...more,
})
const room = (revision: number, ...members: Member[]) => ({ roomID: 'r', name: 'Room', capacity: 16, revision, members })
const welcome = (revision: number, members: Member[], messages: RoomMessage[] = []): ServerMessage => ({
  type: 'welcome',
  session: 's',
  me: { userID: 'me', stream: 'live/r_me', role: 'guest' },
  room: room(revision, ...members),
  messages,
  iceServers: [],
})
const event = (revision: number, name: EventName, more: Partial<RoomEvent> = {}): ServerMessage => ({ type: 'event', revision, event: name, ...more })
const text = (seq: number, from = 'bob', more: Partial<RoomMessage> = {}): RoomMessage => ({
  seq, from, nickName: from, kind: 'text', text: `m${seq}`, at: '2026-01-01T10:05:00Z', ...more,
})
const said = (message: RoomMessage): ServerMessage => ({ type: 'message', ...message })

const play = (...messages: ServerMessage[]) => messages.reduce<RoomState | null>(reduce, null)
const names = (state: RoomState | null) => state?.room.members.map((m) => m.userID).join(' ')
const seqs = (state: RoomState | null) => state?.messages.map((m) => m.seq).join(' ')

describe('events', () => {
  it('come to nothing before the welcome', () => {
    expect(play(event(1, 'member_joined', { member: member('bob') }))).toBeNull()
  })

  it('let members come, change and go', () => {
    const state = play(
      welcome(1, [member('me')]),
      event(2, 'member_joined', { userID: 'bob', member: member('bob') }),
      event(3, 'publish_started', { userID: 'bob', member: member('bob', { publishing: true }) }),
      event(4, 'muted', { userID: 'bob', member: member('bob', { publishing: true, audioMuted: true }) }),
      event(5, 'member_joined', { userID: 'eve', member: member('eve') }),
      event(6, 'member_left', { userID: 'eve', reason: 'left' }),
    )
    expect(names(state)).toBe('me bob')
    expect(state?.room.revision).toBe(6)
    expect(state?.room.members[1]).toMatchObject({ publishing: true, audioMuted: true })
  })

  it('that are known already change nothing', () => {
    const before = play(welcome(5, [member('me')]))
    expect(reduce(before, event(5, 'member_joined', { member: member('bob') }))).toBe(before)
    expect(reduce(before, event(3, 'member_left', { userID: 'me' }))).toBe(before)
  })

  it('after a gap wait for the whole state', () => {
    const gap = play(welcome(1, [member('me')]), event(3, 'member_joined', { member: member('bob') }))
    expect(gap?.stale).toBe(true)
    expect(names(gap)).toBe('me')
    expect(reduce(gap, event(4, 'member_joined', { member: member('eve') }))).toBe(gap)
    const synced = reduce(gap, { type: 'state', room: room(4, member('me'), member('bob'), member('eve')) })
    expect(synced?.stale).toBe(false)
    expect(names(reduce(synced, event(5, 'member_left', { userID: 'bob' })))).toBe('me eve')
  })

  it('close the room', () => {
    const state = play(welcome(1, [member('me'), member('bob')]), event(2, 'room_closed', { reason: 'closed' }))
    expect(state?.room.closed).toBe(true)
    expect(names(state)).toBe('')
  })

  it('leave the object alone that somebody holds', () => {
    const before = play(welcome(1, [member('me')]))
    reduce(before, event(2, 'member_joined', { member: member('bob') }))
    expect(names(before)).toBe('me')
  })
})

describe('a resume', () => {
  it('takes the newer room over and keeps what was said', () => {
    const state = play(
      welcome(1, [member('me')], [text(1)]),
      said(text(2)),
      welcome(7, [member('me'), member('eve')], [text(2), text(3)]),
    )
    expect(names(state)).toBe('me eve')
    expect(state?.room.revision).toBe(7)
    expect(seqs(state)).toBe('1 2 3')
  })

  it('goes on by events alone where the gateway sends those instead', () => {
    const state = play(welcome(1, [member('me')]), event(2, 'member_joined', { member: member('bob') }))
    expect(names(state)).toBe('me bob')
    expect(state?.stale).toBe(false)
  })

  it('believes no state older than what is known', () => {
    const state = play(welcome(4, [member('me')]), { type: 'state', room: room(2) })
    expect(names(state)).toBe('me')
  })
})

describe('messages', () => {
  it('are ordered by number and each there once', () => {
    const state = play(welcome(1, [member('me')], [text(1), text(2)]), said(text(5)), said(text(3)), said(text(5)), said(text(4)))
    expect(seqs(state)).toBe('1 2 3 4 5')
  })

  it('do not wait for a missed event', () => {
    const state = play(welcome(1, [member('me')]), event(9, 'muted'), said(text(1)))
    expect(seqs(state)).toBe('1')
  })

  it('are forgotten from the oldest on', () => {
    const state = play(welcome(1, [member('me')]), ...Array.from({ length: 600 }, (_, i) => said(text(i + 1))))
    expect(state?.messages).toHaveLength(500)
    expect(state?.messages[0]?.seq).toBe(101)
  })
})

describe('speaking', () => {
  const speaking = (...users: [string, boolean][]): ServerMessage => ({
    type: 'speaking',
    users: users.map(([userID, on]) => ({ userID, level: on ? -30 : -55, speaking: on })),
  })

  it('begins and ends', () => {
    const state = play(welcome(1, [member('bob'), member('eve')]), speaking(['bob', true], ['eve', false]))
    expect([...(state?.speaking ?? [])]).toEqual([['bob', 0.5]])
    expect(reduce(state, speaking())?.speaking.size).toBe(0)
  })

  it('ends with a mute and with leaving', () => {
    const state = play(
      welcome(1, [member('bob'), member('eve')]),
      speaking(['bob', true], ['eve', true]),
      event(2, 'muted', { member: member('bob', { audioMuted: true }) }),
      event(3, 'member_left', { userID: 'eve' }),
    )
    expect(state?.speaking.size).toBe(0)
  })
})

describe('a shared screen', () => {
  const note = (seq: number, on: boolean, at: string) => said({ seq, from: 'bob', kind: 'custom', data: screenNote(on), at })

  it('is known until it ends', () => {
    const shared = play(welcome(1, [member('bob')]), note(1, true, '2026-01-01T10:05:00Z'))
    expect([...(shared?.sharing ?? [])]).toEqual(['bob'])
    expect(reduce(shared, note(2, false, '2026-01-01T10:06:00Z'))?.sharing.size).toBe(0)
    expect(reduce(shared, event(2, 'member_left', { userID: 'bob' }))?.sharing.size).toBe(0)
  })

  it('of an earlier stay is over', () => {
    expect(play(welcome(1, [member('bob')]), note(1, true, '2026-01-01T09:00:00Z'))?.sharing.size).toBe(0)
  })
})

describe('news', () => {
  it('are who came, who left and what was said', () => {
    const before = play(welcome(1, [member('me'), member('bob')], [text(1)]))
    const after = [
      event(2, 'member_joined', { member: member('eve') }),
      event(3, 'member_left', { userID: 'bob' }),
      said(text(2, 'eve')),
      said(text(3, 'eve', { kind: 'custom', data: {} })),
    ].reduce<RoomState | null>(reduce, before)
    const news = newsBetween(before, after)
    expect(news.joined.map((m) => m.userID)).toEqual(['eve'])
    expect(news.left.map((m) => m.userID)).toEqual(['bob'])
    expect(news.said.map((m) => m.seq)).toEqual([2])
  })

  it('are none to who has just come, and a closed room lets nobody leave', () => {
    const state = play(welcome(1, [member('me'), member('bob')], [text(1)]))
    expect(newsBetween(null, state)).toEqual({ joined: [], left: [], said: [] })
    expect(newsBetween(state, reduce(state, event(2, 'room_closed'))).left).toEqual([])
  })
})

describe('being recorded', () => {
  it('is told, also to who comes later', () => {
    const recording = (state: RoomState | null) => state?.room.recording
    const on = play(welcome(1, [member('me')]), event(2, 'recording_started'))
    expect(recording(on)).toBe('on')
    expect(recording(reduce(on, event(3, 'recording_paused')))).toBe('paused')
    expect(recording(reduce(on, event(3, 'muted', { member: member('me') })))).toBe('on')
    expect(recording(reduce(on, event(3, 'recording_stopped')))).toBe('')
    const later = { ...(welcome(5, [member('me')]) as Extract<ServerMessage, { type: 'welcome' }>) }
    expect(recording(play({ ...later, room: { ...later.room, recording: 'on' } }))).toBe('on')
  })
})
