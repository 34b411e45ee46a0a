import { Problem, problemFromCode } from '../rtc/problem'
import type { ClientMessage, ServerMessage } from './protocol'

const openMs = 8_000
const pingMs = 10_000
/** A gateway that says nothing for this long after a ping is gone, whatever the browser believes. */
const silenceMs = 6_000
const ackMs = 10_000

export type Outgoing = ClientMessage & { id?: string }

/** As much of a WebSocket as is used, so that a test can play the gateway. */
export type Socket = Pick<WebSocket, 'send' | 'close' | 'readyState' | 'onopen' | 'onmessage' | 'onclose'>
export type MakeSocket = (url: string) => Socket

/** RoomSocket is one WebSocket of a room, from its opening until it is gone. Coming back is its owner's business. */
export class RoomSocket {
  /** Resolves when the connection has ended, for whatever reason. */
  readonly gone: Promise<void>
  private readonly socket: Socket
  private readonly waiting = new Map<string, { resolve(): void; reject(problem: Problem): void }>()
  private readonly opened: Promise<void>
  private beat: ReturnType<typeof setInterval> | undefined
  private silence: ReturnType<typeof setTimeout> | undefined
  /** When the silence ends the connection, in milliseconds of Date.now(). */
  private until = 0
  private askers: ((alive: boolean) => void)[] = []
  private ids = 0

  constructor(
    url: string,
    private readonly onMessage: (message: ServerMessage) => void,
    make: MakeSocket = (address) => new WebSocket(address),
  ) {
    const socket = make(url)
    this.socket = socket
    this.opened = new Promise((resolve) => (socket.onopen = () => resolve()))
    this.gone = new Promise((resolve) => {
      socket.onclose = () => {
        this.end()
        resolve()
      }
    })
    socket.onmessage = ({ data }) => this.read(data)
  }

  /** Resolves once the connection stands. Throws server-gone where it does not come about. */
  async open(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise<'late'>((resolve) => (timer = setTimeout(() => resolve('late'), openMs)))
    const how = await Promise.race([this.opened.then(() => 'open' as const), this.gone.then(() => 'gone' as const), late])
    clearTimeout(timer)
    if (how !== 'open') {
      this.close()
      throw new Problem('server-gone')
    }
    this.beat = setInterval(() => void this.probe(), pingMs)
  }

  /** Sends, or drops it where the connection has gone: whoever sends states its state anew after a return. */
  send(message: Outgoing): boolean {
    if (this.socket.readyState !== 1) return false
    this.socket.send(JSON.stringify(message))
    return true
  }

  /** Sends and resolves when the gateway has acknowledged. Throws a Problem. */
  request(message: ClientMessage): Promise<void> {
    const id = `q${++this.ids}`
    return new Promise((resolve, reject) => {
      const settle = (finish: () => void) => () => {
        clearTimeout(timer)
        this.waiting.delete(id)
        finish()
      }
      const fail = (problem: Problem) => settle(() => reject(problem))()
      const timer = setTimeout(() => fail(new Problem('server-gone', `no answer within ${ackMs / 1000} s`)), ackMs)
      this.waiting.set(id, { resolve: settle(resolve), reject: fail })
      if (!this.send({ ...message, id })) fail(new Problem('server-gone'))
    })
  }

  /** Asks for a sign of life, and ends the connection where none comes in time. Resolves to whether one came. */
  probe(within = silenceMs): Promise<boolean> {
    if (!this.silence && !this.send({ type: 'ping' })) return Promise.resolve(false)
    const until = Date.now() + within
    if (!this.silence || until < this.until) {
      clearTimeout(this.silence)
      this.until = until
      this.silence = setTimeout(() => this.close(), within)
    }
    return new Promise((resolve) => this.askers.push(resolve))
  }

  close(): void {
    // A browser without a network takes its time to report the close.
    this.socket.close()
    this.socket.onclose?.call(this.socket as WebSocket, new Event('close') as CloseEvent)
  }

  private read(data: unknown): void {
    this.answer(true)
    let message: ServerMessage
    try {
      message = JSON.parse(String(data)) as ServerMessage
    } catch {
      return
    }
    if (message.type === 'ack') this.waiting.get(message.id)?.resolve()
    else if (message.type === 'error' && message.id) this.waiting.get(message.id)?.reject(problemFromCode(message.code, message.message))
    else if (message.type !== 'pong') this.onMessage(message)
  }

  private answer(alive: boolean): void {
    clearTimeout(this.silence)
    this.silence = undefined
    for (const tell of this.askers.splice(0)) tell(alive)
  }

  private end(): void {
    clearInterval(this.beat)
    this.answer(false)
    this.socket.onmessage = null
    for (const { reject } of [...this.waiting.values()]) reject(new Problem('server-gone'))
  }
}
