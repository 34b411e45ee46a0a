import { describe, expect, it } from 'vitest'
import type { Entry } from '@app/rtc/stats'
import { legOf } from './report'

const report = (...entries: Entry[]) => new Map(entries.map((e) => [e.id, e]))
const video = (timestamp: number, more: object): Entry => ({ id: 'v', type: 'inbound-rtp', kind: 'video', mid: '1', timestamp, ...more })
const audio = (timestamp: number, more: object): Entry => ({ id: 'a', type: 'inbound-rtp', kind: 'audio', mid: '0', timestamp, ...more })

describe('legOf', () => {
  const mids = { audio: '0', video: '1' }

  it('tells of one member what has happened since the last look', () => {
    const before = report(video(0, { freezeCount: 1, totalFreezesDuration: 0.2, packetsReceived: 100, packetsLost: 0, bytesReceived: 0 }), audio(0, { bytesReceived: 0 }))
    const now = report(
      video(5000, { freezeCount: 3, totalFreezesDuration: 0.7, packetsReceived: 190, packetsLost: 10, bytesReceived: 500_000, framesPerSecond: 25, jitter: 0.012 }),
      audio(5000, { bytesReceived: 25_000, audioLevel: 0.1 }),
    )
    expect(legOf('li', mids, now, before, 5000)).toMatchObject({ userID: 'li', freezes: 2, freezeMs: 500, fps: 25, lossIn: 0.1, jitterMs: 12, bitrateIn: 840_000, audioLevel: -20 })
  })

  it('counts nothing from before it looked, and leaves out what is not known', () => {
    const leg = legOf('li', mids, report(video(0, { freezeCount: 9, totalFreezesDuration: 3 })), null, 0)
    expect(leg).toEqual({ userID: 'li', freezes: 0, freezeMs: 0 })
  })

  it('is nothing where nobody sends', () => {
    expect(legOf('li', { audio: '7' }, report(video(0, {})), null, 0)).toBeNull()
  })
})
