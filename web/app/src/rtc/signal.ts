/**
 * The HTTP half of a WHIP or WHEP session (RFC 9725 and its playing twin): POST an offer, PATCH candidates and ICE
 * restarts, DELETE at the end. Knows nothing of peer connections, so it is tested with a plain fetch.
 */
import { Problem, problemFromResponse, toProblem } from './problem'

const requestTimeoutMs = 10_000
const fragmentType = 'application/trickle-ice-sdpfrag'

export type Fetch = (url: string, init: RequestInit) => Promise<Response>

export interface SignalOptions {
  /** Bearer token, where the gateway asks for one. */
  token?: string
  /** How long the gateway may hold an offer for a stream that is not there yet, in seconds (RFC 7240 wait). */
  waitSeconds?: number
  fetch?: Fetch
}

export class SignalSession {
  private etag: string

  private constructor(
    readonly location: string,
    readonly answer: string,
    etag: string,
    private readonly options: SignalOptions,
  ) {
    this.etag = etag
  }

  /** Sends the offer. Throws a Problem: missing, no-h264, name-in-use, full, unauthorized, server-gone. */
  static async open(
    endpoint: string,
    offer: string,
    options: SignalOptions,
    signal: AbortSignal,
  ): Promise<SignalSession> {
    const headers: Record<string, string> = { 'Content-Type': 'application/sdp' }
    if (options.waitSeconds) headers['Prefer'] = `wait=${options.waitSeconds}`
    const response = await send(endpoint, 'POST', offer, headers, options, signal)
    if (response.status !== 201) throw await problemFromResponse(response)
    const location = response.headers.get('Location')
    if (!location) throw new Problem('unexpected', 'the gateway accepted the offer but named no session', 201)
    const answer = await response.text()
    const base = response.url || new URL(endpoint, globalThis.location?.href).href
    return new SignalSession(new URL(location, base).href, answer, response.headers.get('ETag') ?? '', options)
  }

  /**
   * Sends further candidates. A gateway that does not do trickle (405, 501) or that has moved on to another ICE session
   * (412, 428) is no failure: connectivity checks reveal our address anyway. Throws `missing` when the session is gone.
   */
  async trickle(fragment: string, signal: AbortSignal): Promise<void> {
    const headers: Record<string, string> = { 'Content-Type': fragmentType }
    if (this.etag) headers['If-Match'] = this.etag
    const response = await send(this.location, 'PATCH', fragment, headers, this.options, signal)
    if (response.ok || [405, 412, 415, 422, 428, 501].includes(response.status)) return
    throw await problemFromResponse(response)
  }

  /** Asks for an ICE restart and returns the gateway's fragment. Throws a Problem when it cannot be had. */
  async restart(fragment: string, signal: AbortSignal): Promise<string> {
    const headers = { 'Content-Type': fragmentType, 'If-Match': '"*"' }
    const response = await send(this.location, 'PATCH', fragment, headers, this.options, signal)
    if (response.status !== 200) {
      if (response.ok) throw new Problem('unexpected', 'the gateway does not restart ICE', response.status)
      throw await problemFromResponse(response)
    }
    this.etag = response.headers.get('ETag') ?? this.etag
    return response.text()
  }

  /** Ends the session. Survives the page being closed, and never throws: the gateway's own timeouts clean up as well. */
  async close(): Promise<void> {
    const fetcher = this.options.fetch ?? fetch
    await fetcher(this.location, {
      method: 'DELETE',
      headers: bearer(this.options),
      keepalive: true,
    }).catch(() => undefined)
  }
}

function bearer(options: SignalOptions): Record<string, string> {
  return options.token ? { Authorization: `Bearer ${options.token}` } : {}
}

async function send(
  url: string,
  method: string,
  body: string,
  headers: Record<string, string>,
  options: SignalOptions,
  signal: AbortSignal,
): Promise<Response> {
  const fetcher = options.fetch ?? fetch
  const abort = new AbortController()
  const onAbort = () => abort.abort()
  const timer = setTimeout(onAbort, requestTimeoutMs)
  signal.addEventListener('abort', onAbort)
  if (signal.aborted) abort.abort()
  try {
    return await fetcher(url, { method, body, headers: { ...headers, ...bearer(options) }, signal: abort.signal })
  } catch (error) {
    if (abort.signal.aborted && !signal.aborted) {
      throw new Problem('server-gone', `no answer within ${requestTimeoutMs / 1000} s`)
    }
    throw toProblem(error)
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}
