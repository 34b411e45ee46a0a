/** Turns WebRTC's reports into the few figures a person wants to see. Pure: two reports in, one sample out. */

/** One look at a running stream. Times in milliseconds, rates in bits per second; absent means not known. */
export interface Sample {
  at: number
  width?: number
  height?: number
  fps?: number
  videoBitrate?: number
  audioBitrate?: number
  /** Share of packets lost since the last sample, 0 to 1. */
  loss?: number
  roundTrip?: number
  jitterBuffer?: number
  decode?: number
  encode?: number
  /** Estimated delay between gateway and screen (playing) or camera and gateway (publishing). */
  delay?: number
  videoCodec?: string
  audioCodec?: string
  /** How packets travel: udp, tcp, relay, http. */
  path?: string
  /** Why the encoder gives less than asked for: cpu, bandwidth, other. */
  limitedBy?: string
  framesDropped?: number
  freezes?: number
  framesDecoded?: number
  /** Whether any media arrived or left since the last sample. */
  flowing: boolean
}

/** Any entry of an RTCStatsReport; the fields differ per type and browser, so each is checked where it is used. */
export type Entry = Record<string, unknown> & { id: string; type: string; timestamp: number }
export type Report = ReadonlyMap<string, Entry>

const number = (entry: Entry | undefined, key: string): number | undefined => {
  const value = entry?.[key]
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}
const text = (entry: Entry | undefined, key: string): string | undefined => {
  const value = entry?.[key]
  return typeof value === 'string' && value !== '' ? value : undefined
}

const find = (report: Report, type: string, kind: string): Entry | undefined =>
  [...report.values()].find((e) => e.type === type && (e['kind'] ?? e['mediaType']) === kind)

/** The growth of a counter between two reports, never negative (a new peer connection starts at zero again). */
function growth(now: Entry | undefined, before: Report | null, key: string): number | undefined {
  const value = number(now, key)
  if (value === undefined || !now) return undefined
  const old = number(before?.get(now.id), key)
  return old === undefined || old > value ? undefined : value - old
}

function rate(now: Entry | undefined, before: Report | null, key: string): number | undefined {
  const bytes = growth(now, before, key)
  const ms = now ? now.timestamp - (before?.get(now.id)?.timestamp ?? now.timestamp) : 0
  return bytes === undefined || ms <= 0 ? undefined : (bytes * 8000) / ms
}

/** Milliseconds per item, from a total in seconds and a count. */
function perItem(now: Entry | undefined, before: Report | null, total: string, count: string): number | undefined {
  const seconds = growth(now, before, total)
  const items = growth(now, before, count)
  return seconds === undefined || !items ? undefined : (seconds * 1000) / items
}

function codecOf(report: Report, entry: Entry | undefined): string | undefined {
  const name = text(report.get(text(entry, 'codecId') ?? ''), 'mimeType')?.replace(/^(video|audio)\//, '')
  return name?.toLowerCase() === 'opus' ? 'Opus' : name
}

function selectedPair(report: Report): Entry | undefined {
  const entries = [...report.values()]
  const id = text(entries.find((e) => e.type === 'transport' && e['selectedCandidatePairId']), 'selectedCandidatePairId')
  return (
    report.get(id ?? '') ??
    entries.find((e) => e.type === 'candidate-pair' && e['state'] === 'succeeded' && (e['nominated'] || e['selected']))
  )
}

function pathOf(report: Report, pair: Entry | undefined): string | undefined {
  const local = report.get(text(pair, 'localCandidateId') ?? '')
  if (text(local, 'candidateType') === 'relay') return 'relay'
  return text(local, 'protocol')
}

/** The report without what arrives in other sections than these: one member of a room among all. */
export function onlySections(report: Report, mids: { audio?: string; video?: string }): Report {
  return new Map([...report].filter(([, e]) => e.type !== 'inbound-rtp' || e['mid'] === mids.audio || e['mid'] === mids.video))
}

/** What the gateway sends us. */
export function receiveSample(report: Report, before: Report | null, at: number): Sample {
  const video = find(report, 'inbound-rtp', 'video')
  const audio = find(report, 'inbound-rtp', 'audio')
  const pair = selectedPair(report)
  const main = video && growth(video, before, 'packetsReceived') ? video : (audio ?? video)
  const lost = growth(main, before, 'packetsLost')
  const received = growth(main, before, 'packetsReceived')
  const roundTrip = seconds(number(pair, 'currentRoundTripTime'))
  const jitterBuffer = perItem(main, before, 'jitterBufferDelay', 'jitterBufferEmittedCount')
  const decode = perItem(video, before, 'totalDecodeTime', 'framesDecoded')
  const videoBitrate = rate(video, before, 'bytesReceived')
  const audioBitrate = rate(audio, before, 'bytesReceived')
  return {
    at,
    width: number(video, 'frameWidth'),
    height: number(video, 'frameHeight'),
    fps: number(video, 'framesPerSecond'),
    videoBitrate,
    audioBitrate,
    loss: received === undefined ? undefined : share(lost ?? 0, received),
    roundTrip,
    jitterBuffer,
    decode,
    delay: jitterBuffer === undefined ? undefined : (roundTrip ?? 0) / 2 + jitterBuffer + (decode ?? 0),
    videoCodec: codecOf(report, video),
    audioCodec: codecOf(report, audio),
    path: pathOf(report, pair),
    framesDropped: number(video, 'framesDropped'),
    freezes: number(video, 'freezeCount'),
    framesDecoded: number(video, 'framesDecoded'),
    flowing: (videoBitrate ?? 0) + (audioBitrate ?? 0) > 0,
  }
}

/** What we send to the gateway. */
export function sendSample(report: Report, before: Report | null, at: number): Sample {
  const video = largest(report, 'video')
  const audio = find(report, 'outbound-rtp', 'audio')
  const pair = selectedPair(report)
  const main = video ?? audio
  const remote = [...report.values()].find((e) => e.type === 'remote-inbound-rtp' && e['localId'] === main?.id)
  const roundTrip = seconds(number(remote, 'roundTripTime') ?? number(pair, 'currentRoundTripTime'))
  const encode = perItem(video, before, 'totalEncodeTime', 'framesEncoded')
  const limited = text(video, 'qualityLimitationReason')
  const videoBitrate = rate(video, before, 'bytesSent')
  const audioBitrate = rate(audio, before, 'bytesSent')
  return {
    at,
    width: number(video, 'frameWidth'),
    height: number(video, 'frameHeight'),
    fps: number(video, 'framesPerSecond'),
    videoBitrate,
    audioBitrate,
    loss: number(remote, 'fractionLost'),
    roundTrip,
    encode,
    delay: roundTrip === undefined ? undefined : roundTrip / 2 + (encode ?? 0),
    videoCodec: codecOf(report, video),
    audioCodec: codecOf(report, audio),
    path: pathOf(report, pair),
    limitedBy: limited === 'none' ? undefined : limited,
    flowing: (videoBitrate ?? 0) + (audioBitrate ?? 0) > 0,
  }
}

/** With simulcast there are several; the biggest picture stands for all. */
function largest(report: Report, kind: string): Entry | undefined {
  return [...report.values()]
    .filter((e) => e.type === 'outbound-rtp' && (e['kind'] ?? e['mediaType']) === kind)
    .sort((a, b) => (number(b, 'frameWidth') ?? 0) - (number(a, 'frameWidth') ?? 0))[0]
}

const seconds = (value: number | undefined) => (value === undefined ? undefined : value * 1000)

function share(lost: number, received: number): number | undefined {
  return lost + received > 0 ? Math.max(0, lost) / (lost + received) : undefined
}
