import { Backoff, pause } from '@app/rtc/backoff'

const pingMs = 15_000
const silenceMs = 8_000

/** As much of a WebSocket as is used, so that a test can play the gateway. */
export type Socket = Pick<WebSocket, 'send' | 'close' | 'readyState' | 'onopen' | 'onmessage' | 'onclose'>

export interface LineOptions {
  url(): string
  onMessage(message: { type: string } & Record<string, unknown>): void
  /** Whether the line stands. */
  onUp(up: boolean): void
  /** Asked before each attempt after the first; false gives up. */
  again?(): Promise<boolean>
  make?(url: string): Socket
}

/** Line is a WebSocket that comes back by itself until it is closed, and notices a network that is gone. */
export class Line {
  private readonly abort = new AbortController()
  private socket: Socket | null = null
  private silence: ReturnType<typeof setTimeout> | undefined

  constructor(private readonly options: LineOptions) {}

  /** Runs until close(). Never rejects. */
  async run(): Promise<void> {
    const { signal } = this.abort
    const backoff = new Backoff(300, 6_000)
    const { options } = this
    for (let first = true; !signal.aborted; first = false) {
      if (!first) {
        await pause(backoff.next(), signal)
        if (signal.aborted || (options.again && !(await options.again()))) break
      }
      if (signal.aborted) break
      await this.once(() => backoff.reset())
    }
    this.close()
  }

  private once(opened: () => void): Promise<void> {
    return new Promise((resolve) => {
      const { options } = this
      const socket = (options.make ?? ((url) => new WebSocket(url)))(options.url())
      this.socket = socket
      let beat: ReturnType<typeof setInterval> | undefined
      socket.onopen = () => {
        opened()
        beat = setInterval(() => this.probe(), pingMs)
        options.onUp(true)
      }
      socket.onmessage = ({ data }) => {
        clearTimeout(this.silence)
        this.silence = undefined
        try {
          const message = JSON.parse(String(data)) as { type: string } & Record<string, unknown>
          if (message.type !== 'pong' && !this.abort.signal.aborted) options.onMessage(message)
        } catch (error) {
          if (!(error instanceof SyntaxError)) throw error
        }
      }
      socket.onclose = () => {
        clearInterval(beat)
        clearTimeout(this.silence)
        this.silence = undefined
        socket.onclose = socket.onmessage = null
        if (!this.abort.signal.aborted) options.onUp(false)
        resolve()
      }
    })
  }

  /** Asks for a sign of life, and hangs up where none comes. */
  probe(): void {
    if (this.silence || !this.send({ type: 'ping' })) return
    const { socket } = this
    this.silence = setTimeout(() => {
      socket?.close()
      socket?.onclose?.call(socket as WebSocket, new Event('close') as CloseEvent)
    }, silenceMs)
  }

  send(message: object): boolean {
    if (this.socket?.readyState !== 1) return false
    this.socket.send(JSON.stringify(message))
    return true
  }

  close(): void {
    this.abort.abort()
    this.socket?.close()
  }
}
