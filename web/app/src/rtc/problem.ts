/**
 * Everything that can go wrong for the person in front of the page, in one closed list. Each kind has its words in every
 * language (see i18n), so that no raw exception ever reaches a user.
 */
export const problemKinds = [
  'denied',
  'dismissed',
  'no-device',
  'device-busy',
  'device-lost',
  'insecure',
  'no-screen',
  'no-webrtc',
  'no-h264',
  'no-player',
  'not-decoded',
  'missing',
  'name-in-use',
  'bad-name',
  'unauthorized',
  'full',
  'server-gone',
  'no-route',
  'room-full',
  'room-missing',
  'room-closed',
  'removed',
  'replaced',
  'no-invitation',
  'token-expired',
  'unexpected',
] as const

export type ProblemKind = (typeof problemKinds)[number]

/** A Problem carries what happened (kind), the HTTP status if there was one, and the far end's own words (detail). */
export class Problem extends Error {
  readonly kind: ProblemKind
  readonly detail: string
  readonly status: number
  /** Milliseconds the server asked us to stay away for, from Retry-After; 0 when it did not say. */
  readonly retryAfterMs: number

  constructor(kind: ProblemKind, detail = '', status = 0, retryAfterMs = 0) {
    super(detail ? `${kind}: ${detail}` : kind)
    this.name = 'Problem'
    this.kind = kind
    this.detail = detail
    this.status = status
    this.retryAfterMs = retryAfterMs
  }
}

const kindOfStatus: Record<number, ProblemKind> = {
  401: 'unauthorized',
  403: 'unauthorized',
  404: 'missing',
  406: 'no-h264',
  409: 'name-in-use',
  429: 'full',
  502: 'server-gone',
  503: 'full',
  504: 'server-gone',
}

/** Errors of the API that say more than their status does. */
const kindOfCode: Record<string, ProblemKind> = {
  room_full: 'room-full',
  room_closed: 'room-closed',
  room_not_found: 'room-missing',
  token_expired: 'token-expired',
  expired: 'token-expired',
  not_a_member: 'unauthorized',
  unauthorized: 'unauthorized',
  forbidden: 'unauthorized',
  no_h264: 'no-h264',
}

/** Names an error of the API by its code. */
export function problemFromCode(code: string, message: string, fallback: ProblemKind = 'unexpected', status = 0, retryAfterMs = 0): Problem {
  return new Problem(kindOfCode[code] ?? fallback, message, status, retryAfterMs)
}

const kindOfReason: Record<string, ProblemKind> = {
  removed: 'removed',
  room_closed: 'room-closed',
  replaced: 'replaced',
}

/** Why the gateway ended our session for good; null where coming back is right. */
export function problemFromReason(reason: string): Problem | null {
  const kind = kindOfReason[reason]
  return kind ? new Problem(kind) : null
}

/** Reads a refused HTTP answer: a problem body (RFC 9457), our API's error body, or plain text. */
export async function problemFromResponse(response: Response): Promise<Problem> {
  let detail = ''
  let code = ''
  let badName = false
  try {
    const text = (await response.text()).slice(0, 2000)
    ;({ detail, code } = wordsOf(text, response.headers.get('Content-Type') ?? ''))
    badName = response.status === 400 && /bad (stream )?name/i.test(text)
  } catch {
    // A body cut short still leaves the status, which is what decides.
  }
  const seconds = Number(response.headers.get('Retry-After') ?? '')
  const retryAfterMs = Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds, 60) * 1000 : 0
  // 400 is also said of an offer, which is not the person's doing.
  const kind = badName ? 'bad-name' : (kindOfStatus[response.status] ?? 'unexpected')
  return problemFromCode(code, detail, kind, response.status, retryAfterMs)
}

function wordsOf(text: string, contentType: string): { detail: string; code: string } {
  if (!contentType.includes('json')) {
    return { detail: contentType.includes('html') ? '' : text.trim(), code: '' }
  }
  const body = JSON.parse(text) as { detail?: unknown; title?: unknown; error?: { code?: unknown; message?: unknown } }
  const found = body.detail ?? body.error?.message ?? body.title
  const code = body.error?.code
  return { detail: typeof found === 'string' ? found : '', code: typeof code === 'string' ? code : '' }
}

const kindOfException: Record<string, ProblemKind> = {
  NotAllowedError: 'denied',
  PermissionDeniedError: 'denied',
  SecurityError: 'insecure',
  NotFoundError: 'no-device',
  DevicesNotFoundError: 'no-device',
  OverconstrainedError: 'no-device',
  NotReadableError: 'device-busy',
  TrackStartError: 'device-busy',
  AbortError: 'device-busy',
}

/** Names what getUserMedia or getDisplayMedia threw. A screen picker that was closed is no denial, only a change of mind. */
export function problemFromCapture(error: unknown, source: 'camera' | 'screen'): Problem {
  if (error instanceof Problem) return error
  const name = error instanceof Error ? error.name : ''
  const detail = error instanceof Error ? error.message : String(error)
  const kind = kindOfException[name] ?? 'unexpected'
  return new Problem(kind === 'denied' && source === 'screen' ? 'dismissed' : kind, detail)
}

/** Wraps whatever was thrown; fetch throws a TypeError when no server answered. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  if (error instanceof TypeError) return new Problem('server-gone', error.message)
  return new Problem('unexpected', error instanceof Error ? error.message : String(error))
}
