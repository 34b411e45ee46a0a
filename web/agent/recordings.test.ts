import { describe, expect, it } from 'vitest'
import { recordingWords } from './i18n/recordings'
import { bytes, clipAt, position, queryOf, silenceAt, speedFor, ticksOf, timelineOf, type RecordingFile, type RecordingManifest } from './recordings'

const at = (seconds: number) => new Date(Date.UTC(2027, 0, 2, 15, 4, 0) + seconds * 1000).toISOString()
const file = (name: string, userID: string, from: number, length: number, more: Partial<RecordingFile> = {}): RecordingFile => ({
  name, stream: `live/${userID}`, userID, nickName: userID.toUpperCase(), startedAt: at(from), durationMs: length * 1000, bytes: 1, sha256: '', ...more,
})

const manifest: RecordingManifest = {
  startedAt: at(0), complete: true,
  files: [file('3', 'li', 20, 10), file('1', 'anna', 1, 30), file('2', 'li', 3.04, 7, { holes: [{ track: 'video', fromMs: 2000, lengthMs: 3000 }] })],
  gaps: [{ stream: 'live/li', from: at(10.04), to: at(20), reason: 'paused' }, { stream: 'live/mute', from: at(2), to: at(4), reason: 'format' }],
  pauses: [{ from: at(10), to: at(20) }, { from: at(30) }],
  events: [{ at: at(0.5), event: 'member_joined', nickName: 'ANNA' }, { at: at(6), event: 'message', userID: 'li', text: '你好' }, { at: at(6), event: 'odd' }],
}

describe('the timeline', () => {
  const line = timelineOf(manifest)
  it('has each file at its instant, the first at zero', () => {
    expect(line.zero).toBe(Date.parse(at(1)))
    expect(line.length).toBe(30_000)
    expect(line.sides.map((s) => [s.key, s.name, s.clips.map((c) => [c.file.name, c.from, c.to])])).toEqual([
      ['anna', 'ANNA', [['1', 0, 30_000]]],
      ['li', 'LI', [['2', 2040, 9040], ['3', 19_000, 29_000]]],
      ['live/mute', 'live/mute', []],
    ])
  })

  it('has gaps, holes, pauses and what was said where they belong', () => {
    expect(line.sides[1]?.gaps).toEqual([{ reason: 'paused', from: 9040, to: 19_000 }])
    expect(line.sides[1]?.holes).toEqual([{ track: 'video', from: 4040, to: 7040 }])
    expect(line.sides[2]?.gaps).toEqual([{ reason: 'format', from: 1000, to: 3000 }])
    expect(line.pauses).toEqual([{ from: 9000, to: 19_000 }, { from: 29_000, to: 30_000 }])
    expect(line.marks).toEqual([{ at: 0, event: 'member_joined', who: 'ANNA', text: '' }, { at: 5000, event: 'message', who: 'li', text: '你好' }])
  })

  it('knows what plays, and why nothing does', () => {
    const li = line.sides[1]!
    expect(clipAt(li, 2040)?.file.name).toBe('2')
    expect(clipAt(li, 9040)).toBeNull()
    expect(clipAt(li, 28_999)?.file.name).toBe('3')
    expect([0, 12_000, 29_500].map((t) => silenceAt(li, t))).toEqual(['before', 'paused', 'after'])
  })

  it('is empty where nothing is recorded yet', () => {
    expect(timelineOf({ ...manifest, files: [], gaps: [], pauses: [], events: [] })).toMatchObject({ zero: Date.parse(at(0)), length: 0, sides: [] })
  })
})

describe('keeping sides in step', () => {
  it.each([
    [0, 1, false, 1], [11, 1, false, 1], [-11, 2, false, 2], [8, 1, true, 0.984], [5, 1, true, 1], [30, 1, false, 0.94], [-30, 1, false, 1.06],
    [200, 1, false, 0.92], [-200, 2, false, 2.16], [260, 1, false, null], [-400, 1, false, null], [400, 2, false, 1.84], [600, 2, false, null],
  ])('%d ms off at speed %d', (off, rate, correcting, want) => {
    const got = speedFor(off, rate, correcting)
    if (want === null) expect(got).toBeNull()
    else expect(got).toBeCloseTo(want, 6)
  })
})

it('writes times and sizes short', () => {
  expect([0, 7_449, 59_999, 60_000, 3_725_040].map(position)).toEqual(['0:00.0', '0:07.4', '0:59.9', '1:00.0', '1:02:05.0'])
  expect([999, 1000, 123_456, 12_345_678, 1.5e12].map(bytes)).toEqual(['999 B', '1.0 kB', '123 kB', '12.3 MB', '1.5 TB'])
  expect(ticksOf(30_000)).toEqual([0, 5000, 10_000, 15_000, 20_000, 25_000, 30_000])
  expect(ticksOf(0)).toEqual([0])
})

it('asks for days from their beginning to their end', () => {
  const q = queryOf({ from: '2027-01-02', to: '2027-01-02', callID: ' c1 ', roomID: '', userID: 'li', agentID: '', queue: '', state: '' })
  expect(Date.parse(q.get('to')!) - Date.parse(q.get('from')!)).toBe(24 * 3600_000)
  expect([...q.keys()].sort()).toEqual(['callID', 'from', 'to', 'userID'])
  expect(q.get('callID')).toBe('c1')
})

it('says everything in both languages, with the same places to be filled in', () => {
  const holes = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((m) => m[1]).sort()
  const { en, zh } = recordingWords as Record<'en' | 'zh', Record<string, string>>
  expect(Object.keys(zh).sort()).toEqual(Object.keys(en).sort())
  for (const [key, text] of Object.entries(en)) {
    expect(zh[key]?.trim(), key).not.toBe('')
    expect(holes(zh[key] ?? ''), key).toEqual(holes(text))
  }
})
