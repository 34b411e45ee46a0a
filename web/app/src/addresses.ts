import type { Settings } from './api/types'
import { hrefTo } from './router'

export interface Addresses {
  /** Plays, and takes a push, by RTMP. */
  rtmp: string
  flv: string
  whep: string
  page: string
}

/**
 * A stream's addresses as other machines can use them. The gateway says where it is reachable; where it only knows a
 * loopback address while the person came by another host name, that name is the better guess.
 */
export function addressesOf(stream: string, settings: Settings | null, here: string = document.baseURI): Addresses {
  const page = new URL(here)
  page.hash = ''
  const rtmp = reachable(settings?.rtmp ?? 'rtmp://127.0.0.1:1935', page.hostname)
  const http = reachable(settings?.http ?? page.origin, page.hostname)
  return {
    rtmp: `${rtmp}/${stream}`,
    flv: `${http}/${stream}.flv`,
    whep: `${http}/whep/${stream}`,
    page: page.href + hrefTo('watch', stream),
  }
}

const loopback = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\]|0\.0\.0\.0|\[::\])$/

/** `base` with a loopback host replaced by the one the person came by. */
export function reachable(base: string, host: string): string {
  const match = /^([a-z]+:\/\/)(\[[^\]]+\]|[^:/]+)(.*)$/i.exec(base)
  if (!match || !loopback.test(match[2] ?? '')) return base.replace(/\/+$/, '')
  return `${match[1]}${host || match[2]}${match[3]}`.replace(/\/+$/, '')
}
