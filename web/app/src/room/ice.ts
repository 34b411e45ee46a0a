/** How long a connection may be disturbed before its ICE is restarted: short gaps mend by themselves. */
const disturbedMs = 3_000
const restartMs = 8_000
const restartTries = 2
/** Even between two who are silent, something is received every few seconds: checks of the path, and reports. */
const listenMs = 2_000
const silentChecks = 3

export interface IceGuardOptions {
  /** Whether the gateway can be reached now. Asked before a restart, and as soon as there may be a reason for one. */
  reachable(): Promise<boolean>
  /** Asks for an ICE restart. */
  restart(): void
  /** Whether media is interrupted. */
  onTrouble(troubled: boolean): void
  /** Restarting did not help; `never` says that media got through at no time. */
  onLost(never: boolean): void
}

type Network = EventTarget | undefined

/** IceGuard watches one peer connection and mends it by ICE restarts when its path breaks or the network changes. */
export class IceGuard {
  private timer: ReturnType<typeof setTimeout> | undefined
  private tries = 0
  private troubled: boolean | null = null
  /** A restart has to wait for the gateway. */
  private due = false
  private closed = false
  private readonly listener: ReturnType<typeof setInterval>
  private heard = 0
  /** Checks in a row without anything received; none are counted before something was. */
  private silent = silentChecks
  private wasUp = false
  private readonly transports = new Set<RTCDtlsTransport>()
  private readonly network: Network = typeof navigator === 'undefined' ? undefined : (navigator as { connection?: EventTarget }).connection

  constructor(
    private readonly pc: RTCPeerConnection,
    private readonly options: IceGuardOptions,
  ) {
    pc.addEventListener('iceconnectionstatechange', this.look)
    this.listener = setInterval(() => void this.listen(), listenMs)
    globalThis.addEventListener?.('online', this.onNetwork)
    this.network?.addEventListener?.('change', this.onNetwork)
  }

  close(): void {
    this.closed = true
    clearTimeout(this.timer)
    clearInterval(this.listener)
    this.pc.removeEventListener('iceconnectionstatechange', this.look)
    for (const transport of this.transports) transport.removeEventListener('statechange', this.look)
    globalThis.removeEventListener?.('online', this.onNetwork)
    this.network?.removeEventListener?.('change', this.onNetwork)
  }

  /** The gateway can be reached again: what had to wait is done now. */
  kick(): void {
    if (this.troubled || this.due) void this.mend()
  }

  /** The gateway can be reached again, perhaps over another network: media follows, though the browser calls it connected. */
  follow(): void {
    if (this.wasUp || this.troubled || this.due) void this.mend()
  }

  /** The far end's own goodbye shows on the transport alone; to be called whenever there may be a new one. */
  watchTransports(): void {
    for (const { sender, receiver } of this.pc.getTransceivers()) {
      const transport = sender.transport ?? receiver.transport
      if (!transport || this.transports.has(transport)) continue
      this.transports.add(transport)
      transport.addEventListener('statechange', this.look)
    }
  }

  private readonly look = () => {
    const { iceConnectionState: ice } = this.pc
    const gone = [...this.transports].some(({ state }) => state === 'closed' || state === 'failed')
    if (gone || ice === 'closed') {
      this.options.onLost(!this.wasUp)
    } else if (ice === 'connected' || ice === 'completed') {
      this.wasUp = true
      this.tries = 0
      this.due = false
      clearTimeout(this.timer)
      this.timer = undefined
      this.say(false)
    } else if (ice === 'failed') {
      this.say(true)
      void this.mend()
    } else if (ice === 'disconnected' && !this.timer) {
      // Where the network has gone, the WebSocket has gone with it: better known by the time of the restart.
      void this.options.reachable()
      this.timer = setTimeout(() => {
        this.say(true)
        void this.mend()
      }, disturbedMs)
    }
  }

  /** Another network: the old path may die without a word, so a new one is sought at once. */
  private readonly onNetwork = () => {
    if (this.wasUp && !this.due) void this.mend()
  }

  /** Restarts ICE, unless the gateway is out of reach: then its return does, by kick. Only what it hears of counts. */
  private async mend(): Promise<void> {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => {
      this.timer = undefined
      const { iceConnectionState: ice } = this.pc
      if (ice === 'connected' || ice === 'completed') {
        this.tries = 0
        return
      }
      this.say(true)
      void this.mend()
    }, restartMs)
    this.due = true
    if (!(await this.options.reachable()) || this.closed || !this.due) return
    this.due = false
    if (++this.tries > restartTries) this.options.onLost(!this.wasUp)
    else this.options.restart()
  }

  /**
   * A browser that has moved to another address may go on to call the connection connected, while the gateway answers to the
   * old one. When nothing comes in any more, ICE is restarted once, until something does.
   */
  private async listen(): Promise<void> {
    if (!this.wasUp || this.troubled) return
    const heard = await received(this.pc)
    if (this.closed || heard === null) return
    if (heard !== this.heard) {
      this.heard = heard
      this.silent = 0
    } else if (++this.silent === silentChecks) void this.mend()
  }

  private say(troubled: boolean): void {
    if (troubled === this.troubled) return
    this.troubled = troubled
    this.options.onTrouble(troubled)
  }
}

/** A figure that grows with whatever is received; null where the browser does not tell. */
async function received(pc: RTCPeerConnection): Promise<number | null> {
  try {
    let sum: number | null = null
    for (const pair of (await pc.getStats()).values() as Iterable<Record<string, unknown>>) {
      if (pair['type'] !== 'candidate-pair') continue
      for (const figure of ['bytesReceived', 'requestsReceived', 'responsesReceived']) {
        const value = pair[figure]
        if (typeof value === 'number') sum = (sum ?? 0) + value
      }
    }
    return sum
  } catch {
    return null
  }
}
