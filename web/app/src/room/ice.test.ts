import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { IceGuard } from './ice'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

/** A peer connection as much as a guard sees of it. */
class FakePeer extends EventTarget {
  iceConnectionState: RTCIceConnectionState = 'new'
  bytes = 0
  getTransceivers = () => []
  getStats = async () => new Map([['pair', { type: 'candidate-pair', bytesReceived: this.bytes }]])
  become(state: RTCIceConnectionState) {
    this.iceConnectionState = state
    this.dispatchEvent(new Event('iceconnectionstatechange'))
  }
}

function setUp() {
  const pc = new FakePeer()
  const gateway = { reachable: true }
  const seen = { restarts: 0, lost: 0, troubled: [] as boolean[] }
  const guard: IceGuard = new IceGuard(pc as unknown as RTCPeerConnection, {
    reachable: async () => gateway.reachable,
    restart: () => void seen.restarts++,
    onTrouble: (troubled) => seen.troubled.push(troubled),
    onLost() {
      seen.lost++
      guard.close()
    },
  })
  const soon = (ms = 0) => vi.advanceTimersByTimeAsync(ms)
  return { pc, gateway, seen, guard, soon }
}

describe('IceGuard', () => {
  it('leaves short gaps alone and restarts after longer ones', async () => {
    const { pc, seen, guard, soon } = setUp()
    pc.become('connected')
    pc.become('disconnected')
    await soon(2_000)
    pc.become('connected')
    await soon(10_000)
    expect(seen.restarts).toBe(0)
    pc.become('disconnected')
    await soon(3_500)
    expect(seen).toMatchObject({ restarts: 1, troubled: [false, true] })
    guard.close()
  })

  it('counts only the restarts that the gateway hears of', async () => {
    const { pc, gateway, seen, guard, soon } = setUp()
    pc.become('connected')
    gateway.reachable = false
    pc.become('failed')
    await soon(60_000)
    expect(seen).toMatchObject({ restarts: 0, lost: 0 })
    gateway.reachable = true
    guard.kick()
    await soon()
    expect(seen.restarts).toBe(1)
    await soon(60_000)
    expect(seen).toMatchObject({ restarts: 2, lost: 1 })
    guard.close()
  })

  it('restarts once when nothing comes in though the browser calls it connected', async () => {
    const { pc, seen, guard, soon } = setUp()
    await soon(30_000)
    pc.become('connected')
    await soon(30_000)
    expect(seen.restarts, 'a browser that does not count').toBe(0)
    pc.bytes = 1
    await soon(2_000)
    await soon(30_000)
    expect(seen).toMatchObject({ restarts: 1, lost: 0, troubled: [false] })
    pc.bytes = 2
    await soon(2_000)
    await soon(6_000)
    expect(seen.restarts).toBe(2)
    guard.close()
  })
})
