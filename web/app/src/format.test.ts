import { describe, expect, it } from 'vitest'
import * as format from './format'
import { problemOf } from './flv/player'
import { firstTransport } from './composables/usePlayer'
import { loudness } from './media/sound'
import { suggestName } from './names'
import { isSegment } from './router'

describe('format', () => {
  it('shows what is not known as a dash', () => {
    expect([format.bitrate(undefined), format.milliseconds(undefined), format.percent(undefined), format.size(0, 0), format.count(undefined)]).toEqual(['–', '–', '–', '–', '–'])
  })

  it('keeps figures short', () => {
    expect(format.bitrate(799_600)).toBe('800 kb/s')
    expect(format.bitrate(1_834_000)).toBe('1.83 Mb/s')
    expect(format.milliseconds(4.26)).toBe('4.3 ms')
    expect(format.milliseconds(43.6)).toBe('44 ms')
    expect(format.percent(0)).toBe('0 %')
    expect(format.percent(0.0123)).toBe('1.2 %')
    expect(format.percent(0.25)).toBe('25 %')
    expect(format.elapsed(7_900)).toBe('0:07')
    expect(format.elapsed(3_723_000)).toBe('1:02:03')
    expect(format.elapsed(-5)).toBe('0:00')
  })
})

describe('loudness', () => {
  it('runs from silence to full scale', () => {
    expect(loudness(new Float32Array(64))).toBe(0)
    expect(loudness(new Float32Array(64).fill(1))).toBeCloseTo(1)
    expect(loudness(new Float32Array(64).fill(0.0316))).toBeCloseTo(0.5, 2)
  })
})

describe('firstTransport', () => {
  const able = { webrtc: true, receiveH264: true }
  it.each([
    ['auto', able, 'whep', null],
    ['auto', { webrtc: true, receiveH264: false }, 'flv', 'no-h264'],
    ['auto', { webrtc: false, receiveH264: false }, 'flv', 'no-webrtc'],
    ['flv', able, 'flv', null],
    ['whep', { webrtc: true, receiveH264: false }, 'whep', null],
  ] as const)('%s with %j is %s', (prefer, can, transport, because) => {
    expect(firstTransport(prefer, can)).toEqual({ transport, because })
  })
})

describe('problemOf', () => {
  it.each([
    ['NetworkError', 'HttpStatusCodeInvalid', { code: 404 }, 'missing'],
    ['NetworkError', 'HttpStatusCodeInvalid', { code: 403 }, 'unauthorized'],
    ['NetworkError', 'HttpStatusCodeInvalid', { code: 503 }, 'full'],
    ['NetworkError', 'Exception', { msg: 'Failed to fetch' }, 'server-gone'],
    ['MediaError', 'CodecUnsupported', {}, 'not-decoded'],
    ['MediaError', 'MediaMSEError', {}, 'unexpected'],
  ] as const)('names %s %s %j %s', (type, detail, info, kind) => {
    expect(problemOf(type, detail, info).kind).toBe(kind)
  })
})

describe('suggestName', () => {
  it('makes a name the gateway takes', () => {
    expect(isSegment(suggestName())).toBe(true)
    expect(suggestName(() => 0)).toBe('web-aaaaa')
  })
})
