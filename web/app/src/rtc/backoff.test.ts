import { describe, expect, it } from 'vitest'
import { Backoff, pause } from './backoff'

describe('Backoff', () => {
  it('doubles up to its limit and starts over', () => {
    const backoff = new Backoff(500, 4000, () => 0.5)
    expect([1, 2, 3, 4, 5].map(() => backoff.next())).toEqual([500, 1000, 2000, 4000, 4000])
    backoff.reset()
    expect(backoff.next()).toBe(500)
  })

  it('spreads clients out and waits at least as long as it was told', () => {
    expect(new Backoff(1000, 8000, () => 0).next()).toBe(800)
    expect(new Backoff(1000, 8000, () => 1).next()).toBe(1200)
    expect(new Backoff(1000, 8000, () => 0).next(2000)).toBe(2000)
  })
})

describe('pause', () => {
  it('ends at once when it is no longer wanted', async () => {
    const abort = new AbortController()
    const paused = pause(3_600_000, abort.signal)
    abort.abort()
    await paused
    await pause(3_600_000, abort.signal)
  })
})
