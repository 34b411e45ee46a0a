/** The sound of a call, made on the spot: two soft notes, twice, then a pause. */
export class Ringer {
  private context: AudioContext | null = null
  private timer: ReturnType<typeof setInterval> | undefined
  private gain: GainNode | null = null

  /** To be called from a touch or key press, since browsers let no page make sounds before one. */
  arm(): void {
    this.context ??= new AudioContext()
    void this.context.resume().catch(() => undefined)
  }

  start(volume: number): void {
    if (this.timer) return
    this.arm()
    const ring = () => this.strike(volume)
    ring()
    this.timer = setInterval(ring, 2_600)
  }

  stop(): void {
    clearInterval(this.timer)
    this.timer = undefined
    // Notes that are under way are cut off softly.
    const { context, gain } = this
    if (context && gain) gain.gain.setTargetAtTime(0, context.currentTime, 0.03)
    this.gain = null
  }

  private strike(volume: number): void {
    const { context } = this
    if (!context || context.state === 'closed') return
    const out = context.createGain()
    out.gain.value = volume
    out.connect(context.destination)
    this.gain = out
    const begin = context.currentTime + 0.02
    for (const [i, hertz] of [659.25, 880, 659.25, 880].entries()) {
      const at = begin + i * 0.22 + (i > 1 ? 0.24 : 0)
      const note = context.createOscillator()
      const shape = context.createGain()
      note.type = 'sine'
      note.frequency.value = hertz
      shape.gain.setValueAtTime(0, at)
      shape.gain.linearRampToValueAtTime(0.5, at + 0.015)
      shape.gain.exponentialRampToValueAtTime(0.001, at + 0.34)
      note.connect(shape).connect(out)
      note.start(at)
      note.stop(at + 0.36)
    }
  }
}

/** A note on the desktop while the console is not looked at. Resolves to what takes it away. */
export function notify(title: string, body: string, onPress: () => void): () => void {
  if (typeof Notification === 'undefined' || Notification.permission !== 'granted') return () => undefined
  try {
    const note = new Notification(title, { body, tag: 'hutong-call', requireInteraction: true, icon: 'favicon.svg' })
    note.onclick = () => {
      window.focus()
      note.close()
      onPress()
    }
    return () => note.close()
  } catch {
    // Android's Chrome allows notes from a worker only.
    return () => undefined
  }
}
