/** The desk's REST API, with its refusals as values that name themselves. */

const timeoutMs = 10_000

/** A refusal. `code` is the gateway's own, or `unreachable` where it did not answer; `body` is the whole answer. */
export class Refusal extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly status: number,
    readonly body: unknown = null,
  ) {
    super(message)
    this.name = 'Refusal'
  }
}

export interface Asking {
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE'
  body?: unknown
  /** A caller's token. */
  token?: string
  /** Proves that a request of a logged-in agent comes from the console. */
  csrf?: string
  /** How long the answer may take. */
  patienceMs?: number
}

/** How far the gateway's clock is ahead of ours, in milliseconds. */
let ahead = 0

/** The time by the gateway's clock, in which everything it tells is written. */
export const serverTime = (here: number = Date.now()) => here + ahead

/** Asks; undefined where the answer has no body. Throws a Refusal. */
export async function ask<T>(path: string, { method = 'GET', body, token, csrf, patienceMs = timeoutMs }: Asking = {}): Promise<T> {
  const abort = new AbortController()
  const timer = setTimeout(() => abort.abort(), patienceMs)
  const headers: Record<string, string> = { Accept: 'application/json' }
  if (body !== undefined || method !== 'GET') headers['Content-Type'] = 'application/json'
  if (token) headers['Authorization'] = `Bearer ${token}`
  if (csrf) headers['X-CSRF-Token'] = csrf
  try {
    const sent = body === undefined && method !== 'GET' ? '{}' : body === undefined ? undefined : JSON.stringify(body)
    const response = await fetch(`api/v1/${path}`, { method, headers, body: sent, cache: 'no-store', credentials: 'same-origin', signal: abort.signal })
    setClock(response.headers.get('Date'))
    if (response.status === 204) return undefined as T
    if (response.ok) return (await response.json()) as T
    const answer = (await response.json().catch(() => null)) as { error?: { code?: string; message?: string } } | null
    throw new Refusal(answer?.error?.code ?? `http_${response.status}`, answer?.error?.message ?? response.statusText, response.status, answer)
  } catch (error) {
    if (error instanceof Refusal) throw error
    throw new Refusal('unreachable', abort.signal.aborted ? `no answer within ${patienceMs / 1000} s` : String(error), 0)
  } finally {
    clearTimeout(timer)
  }
}

/** The header has whole seconds: only a clock that is plainly wrong is corrected. */
function setClock(date: string | null): void {
  const told = date ? Date.parse(date) : NaN
  if (Number.isNaN(told)) return
  const off = told + 500 - Date.now()
  ahead = Math.abs(off) > 2_000 ? off : 0
}

/** A WebSocket's address beside the page's own, through its own proxy. */
export function socketUrl(path: string, query: Record<string, string> = {}, here: string = document.baseURI): string {
  const url = new URL(`api/v1/${path}`, here)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  url.hash = ''
  for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value)
  return url.href
}
