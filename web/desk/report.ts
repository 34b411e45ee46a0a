import { onlySections, receiveSample, type Entry, type Report } from '@app/rtc/stats'
import type { RoomMedia } from '@app/room/subscribe'
import type { LegReport } from './types'

/** Two reports of the receiving connection in, what they say of one member out. Pure. */
export function legOf(userID: string, mids: { audio?: string; video?: string }, now: Report, before: Report | null, at: number): LegReport | null {
  const report = onlySections(now, mids)
  const old = before ? onlySections(before, mids) : null
  const sample = receiveSample(report, old, at)
  const inbound = (kind: string): Entry | undefined => [...report.values()].find((e) => e.type === 'inbound-rtp' && e['kind'] === kind)
  const video = inbound('video')
  const audio = inbound('audio')
  if (!video && !audio) return null
  const grown = (entry: Entry | undefined, key: string): number => {
    const value = entry?.[key]
    const was = entry ? (old?.get(entry.id)?.[key] ?? 0) : 0
    return typeof value === 'number' && typeof was === 'number' && value >= was ? value - was : 0
  }
  const jitter = (video ?? audio)?.['jitter']
  const level = audio?.['audioLevel']
  const leg: LegReport = {
    userID,
    freezes: old ? grown(video, 'freezeCount') : 0,
    freezeMs: old ? Math.round(grown(video, 'totalFreezesDuration') * 1000) : 0,
  }
  const bitrate = sample.videoBitrate === undefined && sample.audioBitrate === undefined ? undefined : (sample.videoBitrate ?? 0) + (sample.audioBitrate ?? 0)
  const known: Partial<Record<keyof LegReport, number | undefined>> = {
    fps: sample.fps,
    lossIn: sample.loss,
    jitterMs: typeof jitter === 'number' ? jitter * 1000 : undefined,
    bufferMs: sample.jitterBuffer,
    rttMs: sample.roundTrip,
    bitrateIn: bitrate,
    // dBov; silence has no logarithm.
    audioLevel: typeof level === 'number' ? Math.max(-127, 20 * Math.log10(Math.max(level, 1e-7))) : undefined,
  }
  for (const [key, value] of Object.entries(known)) if (value !== undefined && Number.isFinite(value)) Object.assign(leg, { [key]: value })
  return leg
}

/** Looks at a connection now and then, and tells what it says of everybody in it. */
export class Reporter {
  private before: Report | null = null
  private pc: RTCPeerConnection | null = null

  async look(pc: RTCPeerConnection | null, media: RoomMedia): Promise<LegReport[]> {
    if (!pc || pc.connectionState === 'closed') return []
    if (pc !== this.pc) this.before = null
    this.pc = pc
    const now = (await pc.getStats()) as unknown as Report
    const { before } = this
    this.before = now
    return [...media].flatMap(([userID, { mids }]) => legOf(userID, mids, now, before, Date.now()) ?? [])
  }
}
