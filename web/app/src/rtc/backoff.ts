/** How long to wait before trying again: doubling from `first` to `most` milliseconds, with a fifth of it left to chance. */
export class Backoff {
  private attempt = 0

  constructor(
    private readonly first = 500,
    private readonly most = 8000,
    private readonly random: () => number = Math.random,
  ) {}

  /** The next pause in milliseconds; at least `atLeast`, for servers that say Retry-After. */
  next(atLeast = 0): number {
    const base = Math.min(this.most, this.first * 2 ** this.attempt)
    this.attempt++
    return Math.max(atLeast, Math.round(base * (0.8 + 0.4 * this.random())))
  }

  reset(): void {
    this.attempt = 0
  }
}

/** Resolves after `ms`, at once when the signal aborts, or early when the browser says it is online again. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const scope = typeof window === 'undefined' ? null : window
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      scope?.removeEventListener('online', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
    scope?.addEventListener('online', done)
  })
}
