import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Member } from '../api/types'
import type { LinkState } from '../rtc/link'
import { Problem } from '../rtc/problem'
import type { ServerMessage } from './protocol'
import { RoomSession, type RoomSessionOptions } from './session'
import type { Socket } from './socket'
import type { RoomState } from './state'

/** The gateway's end of one WebSocket. */
class FakeSocket {
  readyState = 0
  onopen: (() => void) | null = null
  onmessage: ((event: { data: string }) => void) | null = null
  onclose: (() => void) | null = null
  readonly sent: Record<string, unknown>[] = []

  constructor(readonly url: string) {}
  send(text: string) {
    this.sent.push(JSON.parse(text) as Record<string, unknown>)
  }
  close() {
    this.readyState = 3
  }
  /** The gateway accepts. */
  accept() {
    this.readyState = 1
    this.onopen?.()
  }
  tell(message: ServerMessage) {
    this.onmessage?.({ data: JSON.stringify(message) })
  }
  /** The connection breaks. */
  cut() {
    this.readyState = 3
    this.onclose?.()
  }
  of(type: string) {
    return this.sent.filter((m) => m['type'] === type)
  }
}

const member = (userID: string): Member => ({
  userID, nickName: userID, role: 'guest', client: 'webrtc', stream: `live/r_${userID}`, publishing: false, audioMuted: false, videoMuted: false,
  joinedAt: '2026-01-01T10:00:00Z',
})
const room = (revision: number, ...users: string[]) => ({ roomID: 'r', name: 'r', capacity: 16, revision, members: users.map(member) })
const welcome = (session: string, revision: number, ...users: string[]): ServerMessage => ({
  type: 'welcome', session, me: { userID: 'me', stream: 'live/r_me', role: 'guest' }, room: room(revision, 'me', ...users), messages: [], iceServers: [],
})

function setUp(more: Partial<RoomSessionOptions> = {}) {
  const sockets: FakeSocket[] = []
  const said: [LinkState, Problem['kind'] | undefined][] = []
  const tokens: boolean[] = []
  let state: RoomState | null = null
  const session = new RoomSession({
    token: async (fresh) => {
      tokens.push(fresh)
      return fresh ? 'second' : 'first'
    },
    url: (token, resume) => `ws://gw/ws?token=${token}${resume ? `&resume=${resume.session}&revision=${resume.revision}` : ''}`,
    receives: false,
    sends: false,
    simulcast: false,
    onState: (now, problem) => said.push([now, problem?.kind]),
    onRoom: (now) => (state = now),
    onMe: () => undefined,
    onMedia: () => undefined,
    onPeers: () => undefined,
    makeSocket: (url) => {
      const socket = new FakeSocket(url)
      sockets.push(socket)
      return socket as unknown as Socket
    },
    explain: async () => null,
    ...more,
  })
  const run = session.run()
  const soon = (ms = 0) => vi.advanceTimersByTimeAsync(ms)
  const enter = async (index = 0, id = 's1', revision = 1, ...users: string[]) => {
    await soon()
    sockets[index]!.accept()
    await soon()
    sockets[index]!.tell(welcome(id, revision, ...users))
    await soon()
  }
  return { session, run, sockets, said, tokens, soon, enter, last: () => said.at(-1), members: () => state?.room.members.map((m) => m.userID).join(' ') }
}

/** What a window tells its page. */
const page = new EventTarget()

beforeEach(() => {
  vi.useFakeTimers()
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page))
  vi.stubGlobal('removeEventListener', page.removeEventListener.bind(page))
})
afterEach(() => {
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

describe('RoomSession', () => {
  it('enters, says what it shows, and leaves', async () => {
    const s = setUp()
    s.session.mute(true, false)
    s.session.look([{ userID: 'bob', width: 640, height: 360, fit: 'cover' }])
    await s.enter()
    expect(s.last()).toEqual(['live', undefined])
    expect(s.sockets[0]!.of('mute')).toEqual([{ type: 'mute', audio: true, video: false }])
    expect(s.sockets[0]!.of('view')[0]).toMatchObject({ tiles: [{ userID: 'bob', width: 640, height: 360, fit: 'cover' }] })
    s.session.leave()
    await s.run
    expect(s.sockets[0]!.of('leave')).toHaveLength(1)
    expect(s.last()?.[0]).toBe('ended')
  })

  it('resumes a lost WebSocket by its session and revision', async () => {
    const s = setUp()
    await s.enter()
    s.sockets[0]!.tell({ type: 'event', revision: 2, event: 'member_joined', userID: 'bob', member: member('bob') })
    s.sockets[0]!.cut()
    await s.soon(1_000)
    expect(s.last()?.[0]).toBe('reconnecting')
    expect(s.sockets[1]!.url).toBe('ws://gw/ws?token=first&resume=s1&revision=2')
    s.session.mute(false, true)
    await s.enter(1, 's1', 4, 'bob', 'eve')
    expect(s.last()?.[0]).toBe('live')
    expect(s.members()).toBe('me bob eve')
    expect(s.sockets[1]!.of('mute')).toEqual([{ type: 'mute', audio: false, video: true }])
    s.session.leave()
  })

  it('comes back with growing pauses, and anew when its session is gone', async () => {
    const s = setUp()
    await s.enter()
    s.sockets[0]!.cut()
    for (let i = 1; i <= 4; i++) {
      for (let waited = 0; s.sockets.length <= i && waited < 9_000; waited += 250) await s.soon(250)
      expect(s.sockets.length).toBe(i + 1)
      s.sockets[i]!.accept()
      await s.soon()
      s.sockets[i]!.cut()
    }
    await s.soon(9_000)
    expect(s.sockets.at(-1)!.url).toBe('ws://gw/ws?token=first')
    await s.enter(s.sockets.length - 1, 's2', 9)
    expect(s.last()?.[0]).toBe('live')
    s.session.leave()
  })

  it('asks for the whole room after a gap, until it comes', async () => {
    const s = setUp()
    await s.enter()
    const [socket] = s.sockets
    socket!.tell({ type: 'event', revision: 5, event: 'member_joined', userID: 'bob', member: member('bob') })
    expect(socket!.of('sync')).toEqual([{ type: 'sync', revision: 1 }])
    await s.soon(3_500)
    expect(socket!.of('sync')).toHaveLength(2)
    socket!.tell({ type: 'state', room: room(6, 'me', 'bob') })
    await s.soon(9_000)
    expect(socket!.of('sync')).toHaveLength(2)
    expect(s.members()).toBe('me bob')
    s.session.leave()
  })

  it('notices a gateway that has gone silent', async () => {
    const s = setUp()
    await s.enter()
    await s.soon(10_500)
    expect(s.sockets[0]!.of('ping')).toHaveLength(1)
    s.sockets[0]!.tell({ type: 'pong' })
    await s.soon(10_000)
    expect(s.last()?.[0]).toBe('live')
    await s.soon(7_000)
    expect(s.last()?.[0]).toBe('reconnecting')
    s.session.leave()
  })

  it.each([
    ['removed', 'removed'],
    ['room_closed', 'room-closed'],
    ['replaced', 'replaced'],
  ])('ends for good when it is %s', async (reason, kind) => {
    const s = setUp()
    await s.enter()
    s.sockets[0]!.tell({ type: 'closed', reason })
    await s.run
    expect(s.last()).toEqual(['failed', kind])
    expect(s.sockets).toHaveLength(1)
  })

  it('finds a WebSocket dead soon after the network has gone', async () => {
    const s = setUp()
    await s.enter()
    page.dispatchEvent(new Event('offline'))
    expect(s.sockets[0]!.of('ping')).toHaveLength(1)
    s.sockets[0]!.tell({ type: 'pong' })
    await s.soon(4_000)
    expect(s.last()?.[0]).toBe('live')
    page.dispatchEvent(new Event('offline'))
    await s.soon(4_000)
    expect(s.last()?.[0]).toBe('reconnecting')
    expect(s.sockets[1]!.url).toContain('resume=s1')
    s.session.leave()
  })

  it('still resumes after the gateway could not be reached for long', async () => {
    const s = setUp()
    await s.enter()
    s.sockets[0]!.cut()
    for (let i = 1; i < 6; i++) {
      await s.soon(10_000)
      s.sockets[i]!.cut()
    }
    await s.soon(10_000)
    expect(s.sockets[6]!.url).toContain('resume=s1')
    s.session.leave()
  })

  it('does not make a room anew that was closed while it was away', async () => {
    const s = setUp({ explain: async () => new Problem('room-missing') })
    await s.enter()
    s.sockets[0]!.cut()
    await s.soon(2_000)
    s.sockets[1]!.cut()
    await s.soon(2_000)
    expect(s.last()).toEqual(['failed', 'room-closed'])
    expect(s.tokens).toEqual([false, false])
  })

  it('keeps its place when the page is loaded again', async () => {
    const s = setUp()
    await s.enter()
    page.dispatchEvent(new Event('pagehide'))
    expect(s.sockets[0]!.of('away')).toHaveLength(1)
    expect(s.sockets[0]!.of('leave')).toHaveLength(0)
    s.session.leave()
  })

  it('comes back after a restart of the gateway', async () => {
    const s = setUp()
    await s.enter()
    s.sockets[0]!.tell({ type: 'closed', reason: 'server_shutdown' })
    await s.soon(2_000)
    expect(s.last()?.[0]).toBe('reconnecting')
    expect(s.sockets).toHaveLength(2)
    s.session.leave()
  })

  it('asks once for another token when its own is refused, and then says why', async () => {
    const s = setUp({ explain: async () => new Problem('token-expired') })
    await s.soon()
    s.sockets[0]!.cut()
    await s.soon(100)
    expect(s.tokens).toEqual([false, true])
    expect(s.sockets[1]!.url).toContain('token=second')
    s.sockets[1]!.cut()
    await s.run
    expect(s.last()).toEqual(['failed', 'token-expired'])
  })

  it('takes its place again where the gateway has forgotten it', async () => {
    const s = setUp()
    await s.soon()
    s.sockets[0]!.accept()
    await s.soon()
    s.sockets[0]!.tell({ type: 'error', code: 'not_a_member', message: 'join it first' })
    await s.soon(100)
    expect(s.tokens).toEqual([false, true])
    await s.enter(1)
    expect(s.last()?.[0]).toBe('live')
    s.session.leave()
  })

  it('fails at once where the room is full', async () => {
    const s = setUp({ token: async () => Promise.reject(new Problem('room-full')) })
    await s.run
    expect(s.last()).toEqual(['failed', 'room-full'])
  })

  it('tells whether a message arrived', async () => {
    const s = setUp()
    await s.enter()
    const [socket] = s.sockets
    const good = s.session.post({ text: 'hello', to: 'bob' })
    expect(socket!.of('message')[0]).toMatchObject({ kind: 'text', text: 'hello', to: 'bob' })
    socket!.tell({ type: 'ack', id: socket!.of('message')[0]!['id'] as string })
    await expect(good).resolves.toBeUndefined()
    const bad = s.session.post({ text: 'x' })
    socket!.tell({ type: 'error', id: socket!.of('message')[1]!['id'] as string, code: 'message_too_long', message: 'too long' })
    await expect(bad).rejects.toMatchObject({ kind: 'unexpected' })
    expect(s.last()?.[0]).toBe('live')
    const lost = s.session.post({ text: 'y' })
    socket!.cut()
    await expect(lost).rejects.toMatchObject({ kind: 'server-gone' })
    s.session.leave()
  })
})
