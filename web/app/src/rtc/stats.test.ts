import { describe, expect, it } from 'vitest'
import { onlySections, receiveSample, sendSample, type Entry, type Report } from './stats'

const report = (...entries: Entry[]): Report => new Map(entries.map((e) => [e.id, e]))
const at = (second: number) => 1_000_000 + second * 1000

const pair: Entry[] = [
  { id: 'T', type: 'transport', timestamp: 0, selectedCandidatePairId: 'P' },
  { id: 'P', type: 'candidate-pair', timestamp: 0, currentRoundTripTime: 0.04, localCandidateId: 'L' },
  { id: 'L', type: 'local-candidate', timestamp: 0, protocol: 'udp', candidateType: 'host' },
  { id: 'CV', type: 'codec', timestamp: 0, mimeType: 'video/H264' },
]
const inbound = (second: number, more: Record<string, unknown>): Entry => ({
  id: 'V', type: 'inbound-rtp', kind: 'video', timestamp: at(second), codecId: 'CV', frameWidth: 640, frameHeight: 360,
  framesPerSecond: 30, ...more,
})

describe('receiveSample', () => {
  const before = report(
    ...pair,
    inbound(0, { bytesReceived: 1000, packetsReceived: 100, packetsLost: 0, jitterBufferDelay: 1, jitterBufferEmittedCount: 30, totalDecodeTime: 0.1, framesDecoded: 30 }),
  )
  const now = report(
    ...pair,
    inbound(1, { bytesReceived: 101_000, packetsReceived: 190, packetsLost: 10, jitterBufferDelay: 2.5, jitterBufferEmittedCount: 60, totalDecodeTime: 0.22, framesDecoded: 60 }),
  )

  it('works out rates, loss and delay from what grew', () => {
    const sample = receiveSample(now, before, at(1))
    expect(sample).toMatchObject({ width: 640, height: 360, fps: 30, videoBitrate: 800_000, loss: 0.1, videoCodec: 'H264', path: 'udp', flowing: true })
    expect(sample.roundTrip).toBeCloseTo(40)
    expect(sample.jitterBuffer).toBeCloseTo(50)
    expect(sample.decode).toBeCloseTo(4)
    expect(sample.delay).toBeCloseTo(20 + 50 + 4)
  })

  it('says nothing about rates on the first look, and nothing false when counters start anew', () => {
    expect(receiveSample(now, null, at(1))).toMatchObject({ videoBitrate: undefined, loss: undefined, flowing: false })
    expect(receiveSample(before, now, at(2))).toMatchObject({ videoBitrate: undefined, flowing: false })
  })

  it('notices that nothing arrives any more', () => {
    const later = report(...pair, { ...now.get('V')!, timestamp: at(2) })
    expect(receiveSample(later, now, at(2))).toMatchObject({ videoBitrate: 0, flowing: false })
  })

  it('takes the figures of a stream of sound alone from its sound', () => {
    const audio = (second: number, bytes: number, packets: number): Entry => ({
      id: 'A', type: 'inbound-rtp', kind: 'audio', timestamp: at(second), bytesReceived: bytes, packetsReceived: packets, packetsLost: 0,
      jitterBufferDelay: second * 0.5, jitterBufferEmittedCount: second * 10,
    })
    const silentVideo = (second: number) => inbound(second, { bytesReceived: 0, packetsReceived: 0, packetsLost: 0 })
    const sample = receiveSample(report(silentVideo(1), audio(1, 8000, 50)), report(silentVideo(0), audio(0, 0, 0)), at(1))
    expect(sample).toMatchObject({ audioBitrate: 64_000, loss: 0, flowing: true })
    expect(sample.jitterBuffer).toBeCloseTo(50)
  })
})

describe('sendSample', () => {
  const out = (second: number, more: Record<string, unknown>): Entry => ({
    id: 'O', type: 'outbound-rtp', kind: 'video', timestamp: at(second), frameWidth: 640, frameHeight: 480, framesPerSecond: 30, ...more,
  })
  const heard: Entry = { id: 'R', type: 'remote-inbound-rtp', kind: 'video', timestamp: 0, localId: 'O', roundTripTime: 0.03, fractionLost: 0.02 }

  it('believes the far end about loss and round trip', () => {
    const sample = sendSample(
      report(...pair, heard, out(1, { bytesSent: 50_000, totalEncodeTime: 0.2, framesEncoded: 30, qualityLimitationReason: 'bandwidth' })),
      report(...pair, heard, out(0, { bytesSent: 0, totalEncodeTime: 0, framesEncoded: 0, qualityLimitationReason: 'none' })),
      at(1),
    )
    expect(sample).toMatchObject({ videoBitrate: 400_000, loss: 0.02, roundTrip: 30, limitedBy: 'bandwidth', flowing: true })
    expect(sample.delay).toBeCloseTo(15 + 200 / 30)
  })

  it('shows the largest of several encodings', () => {
    const small: Entry = { ...out(1, {}), id: 'S', frameWidth: 320, frameHeight: 240 }
    expect(sendSample(report(small, out(1, {})), null, at(1))).toMatchObject({ width: 640, height: 480 })
  })
})

describe('onlySections', () => {
  const of = (mid: string, kind: string, frameWidth: number): Entry => ({ id: `in${mid}`, type: 'inbound-rtp', kind, mid, timestamp: at(0), frameWidth, frameHeight: 90, bytesReceived: 1 })
  const all = report(...pair, of('0', 'audio', 0), of('1', 'video', 160), of('2', 'audio', 0), of('3', 'video', 320))

  it('leaves one member of a room, and what all share', () => {
    const one = onlySections(all, { audio: '2', video: '3' })
    expect([...one.keys()]).toEqual(['T', 'P', 'L', 'CV', 'in2', 'in3'])
    expect(receiveSample(one, null, at(1)).width).toBe(320)
  })

  it('leaves nothing of who sends nothing', () => {
    expect([...onlySections(all, {}).values()].filter((e) => e.type === 'inbound-rtp')).toEqual([])
  })
})
