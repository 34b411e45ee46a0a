import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Line, type Socket } from './line'

class FakeSocket {
  readyState = 0
  sent: string[] = []
  onopen: (() => void) | null = null
  onmessage: ((event: { data: string }) => void) | null = null
  onclose: (() => void) | null = null
  accept() {
    this.readyState = 1
    this.onopen?.()
  }
  tell(message: object) {
    this.onmessage?.({ data: JSON.stringify(message) })
  }
  send(text: string) {
    this.sent.push(text)
  }
  close() {
    this.readyState = 3
    this.onclose?.()
  }
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function setUp(again?: () => Promise<boolean>) {
  const sockets: FakeSocket[] = []
  const heard: string[] = []
  const up: boolean[] = []
  const line = new Line({
    url: () => 'ws://gw/',
    onMessage: (m) => heard.push(m.type),
    onUp: (now) => up.push(now),
    again,
    make: () => {
      const socket = new FakeSocket()
      sockets.push(socket)
      return socket as unknown as Socket
    },
  })
  const run = line.run()
  return { line, run, sockets, heard, up }
}

it('comes back by itself after a loss', async () => {
  const s = setUp()
  s.sockets[0]!.accept()
  s.sockets[0]!.tell({ type: 'welcome' })
  s.sockets[0]!.close()
  await vi.advanceTimersByTimeAsync(1_000)
  s.sockets[1]!.accept()
  expect(s.heard).toEqual(['welcome'])
  expect(s.up).toEqual([true, false, true])
  s.line.close()
  await s.run
})

it('notices a network that takes everything and answers nothing', async () => {
  const s = setUp()
  s.sockets[0]!.accept()
  await vi.advanceTimersByTimeAsync(15_000)
  expect(s.sockets[0]!.sent).toEqual(['{"type":"ping"}'])
  await vi.advanceTimersByTimeAsync(9_000)
  expect(s.sockets.length).toBe(2)
  s.line.close()
  await vi.advanceTimersByTimeAsync(1_000)
  await s.run
})

it('gives up where it is told to', async () => {
  const s = setUp(async () => false)
  s.sockets[0]!.close()
  await vi.advanceTimersByTimeAsync(1_000)
  await s.run
  expect(s.sockets.length).toBe(1)
})
