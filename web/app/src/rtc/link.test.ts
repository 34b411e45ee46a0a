import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Link, type LinkOptions, type LinkState } from './link'
import type { Problem } from './problem'

const sdp = 'v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 102\r\na=mid:0\r\na=ice-ufrag:ours\r\na=ice-pwd:secret\r\n'

/** As much of a peer connection as a link touches; the test plays the network through `become`. */
class FakePeer extends EventTarget {
  static all: FakePeer[] = []
  static onAnswer: RTCPeerConnectionState = 'connected'
  connectionState: RTCPeerConnectionState = 'new'
  iceConnectionState = 'new'
  signalingState = 'stable'
  localDescription: { sdp: string } | null = null
  currentRemoteDescription: { sdp: string } | null = null
  onicecandidate: ((event: { candidate: null }) => void) | null = null
  ontrack = null

  constructor() {
    super()
    FakePeer.all.push(this)
  }
  getTransceivers() {
    return []
  }
  async createOffer() {
    return { type: 'offer', sdp }
  }
  async setLocalDescription() {
    this.localDescription = { sdp }
    this.signalingState = 'have-local-offer'
    queueMicrotask(() => this.onicecandidate?.({ candidate: null }))
  }
  async setRemoteDescription(description: { sdp: string }) {
    this.currentRemoteDescription = description
    this.signalingState = 'stable'
    this.become(FakePeer.onAnswer)
  }
  become(state: RTCPeerConnectionState) {
    this.connectionState = state
    this.dispatchEvent(new Event('connectionstatechange'))
  }
  close() {
    this.connectionState = 'closed'
  }
}

type Answer = (method: string, url: string) => Response

const created = (id = 1) => new Response(sdp, { status: 201, headers: { Location: `http://gw/whip/live/a/${id}`, ETag: '"t"' } })
const status = (code: number, headers = {}) => new Response(code === 204 ? null : '{}', { status: code, headers })

function setUp(answer: Answer, more: Partial<LinkOptions> = {}) {
  const asked: string[] = []
  const said: [LinkState, Problem['kind'] | undefined][] = []
  const link = new Link({
    endpoint: 'http://gw/whip/live/a',
    iceServers: [],
    prepare: () => undefined,
    onState: (state, problem) => said.push([state, problem?.kind]),
    fatal: ['no-h264', 'name-in-use'],
    fetch: async (url, init) => {
      const method = init.method ?? ''
      asked.push(`${method} ${url.replace('http://gw', '')}`)
      return answer(method, url)
    },
    ...more,
  })
  return { link, asked, said, states: () => said.map(([state]) => state) }
}

beforeEach(() => {
  vi.useFakeTimers()
  FakePeer.all = []
  FakePeer.onAnswer = 'connected'
  vi.stubGlobal('RTCPeerConnection', FakePeer)
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

const peer = (index: number) => FakePeer.all[index]!

describe('Link', () => {
  it('goes live, trickles, and says goodbye', async () => {
    const { link, asked, states } = setUp((method) => (method === 'POST' ? created() : status(204)))
    const run = link.run()
    await vi.advanceTimersByTimeAsync(100)
    expect(states()).toEqual(['connecting', 'live'])
    link.stop()
    await run
    await vi.advanceTimersByTimeAsync(10)
    expect(asked).toEqual(['POST /whip/live/a', 'PATCH /whip/live/a/1', 'DELETE /whip/live/a/1'])
    expect(states().at(-1)).toBe('ended')
    expect(peer(0).connectionState).toBe('closed')
  })

  it('waits for a stream that is not there yet', async () => {
    let there = false
    const { link, said } = setUp((method) => (method === 'POST' ? (there ? created() : status(404)) : status(204)))
    void link.run()
    await vi.advanceTimersByTimeAsync(3_000)
    expect(said.at(-1)).toEqual(['waiting', 'missing'])
    there = true
    await vi.advanceTimersByTimeAsync(10_000)
    expect(said.at(-1)).toEqual(['live', undefined])
    link.stop()
  })

  it('gives up at once on what cannot change', async () => {
    const { link, asked, said } = setUp(() => status(406))
    await link.run()
    expect(asked).toHaveLength(1)
    expect(said.at(-1)).toEqual(['failed', 'no-h264'])
  })

  it('stays away as long as a full gateway asks for', async () => {
    const { link, asked } = setUp(() => status(503, { 'Retry-After': '20' }))
    void link.run()
    await vi.advanceTimersByTimeAsync(19_000)
    expect(asked).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(2_000)
    expect(asked).toHaveLength(2)
    link.stop()
  })

  it('gives up on a network that lets no media through', async () => {
    FakePeer.onAnswer = 'connecting'
    const { link, said } = setUp((method) => (method === 'POST' ? created() : status(204)), { maxRouteFailures: 2 })
    void link.run()
    await vi.advanceTimersByTimeAsync(30_000)
    expect(said.at(-1)).toEqual(['failed', 'no-route'])
    expect(FakePeer.all).toHaveLength(2)
  })

  it('mends a lost connection by an ICE restart', async () => {
    const fragment = 'm=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=ice-ufrag:new\r\na=ice-pwd:newpwd\r\n'
    let restarts = 0
    const { link, asked, states } = setUp((method) => {
      if (method === 'POST') return created()
      return asked.length > 2 && restarts++ === 0 ? new Response(fragment, { status: 200 }) : status(204)
    })
    void link.run()
    await vi.advanceTimersByTimeAsync(100)
    peer(0).become('failed')
    await vi.advanceTimersByTimeAsync(100)
    expect(states()).toEqual(['connecting', 'live', 'reconnecting', 'live'])
    expect(peer(0).currentRemoteDescription?.sdp).toContain('a=ice-ufrag:new')
    expect(FakePeer.all).toHaveLength(1)
    link.stop()
  })

  it('sits out a short disconnection', async () => {
    const { link, states } = setUp((method) => (method === 'POST' ? created() : status(204)))
    void link.run()
    await vi.advanceTimersByTimeAsync(100)
    peer(0).become('disconnected')
    await vi.advanceTimersByTimeAsync(1_000)
    peer(0).become('connected')
    await vi.advanceTimersByTimeAsync(10_000)
    expect(states()).toEqual(['connecting', 'live'])
    link.stop()
  })

  it('publishes anew when a restart does not help, without ending the stream it resumes', async () => {
    let sessions = 0
    const { link, asked, states } = setUp((method) => (method === 'POST' ? created(++sessions) : status(404)), { resumes: true })
    void link.run()
    await vi.advanceTimersByTimeAsync(100)
    peer(0).become('failed')
    await vi.advanceTimersByTimeAsync(3_000)
    expect(states()).toEqual(['connecting', 'live', 'reconnecting', 'reconnecting', 'live'])
    expect(asked.filter((line) => line.startsWith('DELETE'))).toEqual([])
    expect(peer(0).connectionState).toBe('closed')
    link.stop()
  })

  it('takes its own ghost for no rival', async () => {
    const answers = [created(1), status(409), status(409), created(2)]
    const { link, said } = setUp((method) => (method === 'POST' ? answers.shift()! : status(404)), { resumes: true })
    void link.run()
    await vi.advanceTimersByTimeAsync(100)
    peer(0).become('failed')
    await vi.advanceTimersByTimeAsync(20_000)
    expect(said.at(-1)).toEqual(['live', undefined])
    link.stop()
  })

  it('opens a new session when told to', async () => {
    let sessions = 0
    const { link, states } = setUp((method) => (method === 'POST' ? created(++sessions) : status(204)), { resumes: true })
    void link.run()
    await vi.advanceTimersByTimeAsync(100)
    link.renew()
    await vi.advanceTimersByTimeAsync(100)
    expect(states()).toEqual(['connecting', 'live', 'reconnecting', 'live'])
    expect(FakePeer.all).toHaveLength(2)
    link.stop()
  })
})
