import { Refusal } from '@desk/rest'
import type { Placed } from './useCall'

/** What goes back and forth between this page and widget.js on the company's page. Each message says hutong: its kind. */
type FromHost = { hutong: 'placed'; answer: Placed } | { hutong: 'refused'; status: number; answer: { error?: { code?: string; message?: string } } | null }

const placeMs = 20_000

export const tellHost = (what: string, more: object = {}) => {
  // The host is whoever embeds us; nothing secret is told.
  if (window.parent !== window) window.parent.postMessage({ hutong: what, ...more }, '*')
}

/** Has the page around us ask its own back end for the call, which has the key that we must not have. */
export function delegatePlacing(): Promise<Placed> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => done(() => reject(new Refusal('unreachable', 'the page did not answer', 0))), placeMs)
    const done = (finish: () => void) => {
      clearTimeout(timer)
      window.removeEventListener('message', hear)
      finish()
    }
    const hear = ({ source, data }: MessageEvent<FromHost | null>) => {
      if (source !== window.parent || !data) return
      if (data.hutong === 'placed' && typeof data.answer?.token === 'string') done(() => resolve(data.answer))
      if (data.hutong === 'refused') {
        const { status, answer } = data
        done(() => reject(new Refusal(answer?.error?.code ?? 'unexpected', answer?.error?.message ?? '', status, answer)))
      }
    }
    window.addEventListener('message', hear)
    tellHost('place')
  })
}
