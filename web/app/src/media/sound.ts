/**
 * Mixes a microphone and the sound of a shared screen into the one audio track a stream has. A microphone alone is sent
 * as it is, since a detour through Web Audio costs delay and its capture clock.
 */
export function mixTracks(tracks: readonly MediaStreamTrack[]): { track: MediaStreamTrack; close(): void } {
  const context = new AudioContext({ latencyHint: 'interactive' })
  const destination = context.createMediaStreamDestination()
  const nodes = tracks.map((track) => context.createMediaStreamSource(new MediaStream([track])))
  for (const node of nodes) node.connect(destination)
  void context.resume().catch(() => undefined)
  const track = destination.stream.getAudioTracks()[0]
  if (!track) throw new Error('an audio destination always has a track')
  return {
    track,
    close() {
      for (const node of nodes) node.disconnect()
      track.stop()
      void context.close().catch(() => undefined)
    },
  }
}

/** Loudness of samples in [-1, 1] as a figure for a meter: 0 at -60 dB and below, 1 at full scale. */
export function loudness(samples: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < samples.length; i++) sum += (samples[i] ?? 0) ** 2
  const decibels = 10 * Math.log10(sum / Math.max(1, samples.length) + 1e-12)
  return Math.min(1, Math.max(0, (decibels + 60) / 60))
}

/** Ear listens to a track without playing it. */
export class Ear {
  private readonly context = new AudioContext({ latencyHint: 'interactive' })
  private readonly analyser = this.context.createAnalyser()
  private readonly node: MediaStreamAudioSourceNode
  private readonly samples: Float32Array<ArrayBuffer>

  constructor(track: MediaStreamTrack) {
    this.analyser.fftSize = 1024
    this.samples = new Float32Array(this.analyser.fftSize)
    this.node = this.context.createMediaStreamSource(new MediaStream([track]))
    this.node.connect(this.analyser)
    void this.context.resume().catch(() => undefined)
  }

  level(): number {
    this.analyser.getFloatTimeDomainData(this.samples)
    return loudness(this.samples)
  }

  close(): void {
    this.node.disconnect()
    void this.context.close().catch(() => undefined)
  }
}
