import { computed, ref } from 'vue'

/**
 * Addresses live behind the # so that any web server can serve the page: `#/`, `#/publish/live/alice`,
 * `#/watch/live/alice?via=flv`, `#/call?me=alice&peer=phone`, `#/room/482-117-905?name=Alice`.
 */
export type ViewName = 'streams' | 'publish' | 'watch' | 'call' | 'room'

export interface Route {
  view: ViewName
  /** app/name, or empty where the address names no stream. */
  stream: string
  /** The roomID, or empty outside rooms. */
  room: string
  query: Readonly<Record<string, string>>
}

const segment = /^[A-Za-z0-9_-]{1,128}$/

/** A stream's app or name: one path segment, no dot. */
export const isSegment = (value: string) => segment.test(value)

/** A roomID or userID. */
export const isRoomID = (value: string) => value.length <= 48 && isSegment(value)

/** Reads the part after #. Anything unknown is the front page. */
export function parseRoute(hash: string): Route {
  const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?', 2)
  const query = Object.fromEntries(new URLSearchParams(search))
  const [view = '', ...rest] = path.split('/').filter(Boolean).map(decode)
  const stream = rest.length === 2 && rest.every(isSegment) ? rest.join('/') : ''
  const none = { view: 'streams' as const, stream: '', room: '', query }
  if (view === 'watch') return stream ? { ...none, view, stream } : none
  if (view === 'publish') return { ...none, view, stream }
  if (view === 'call') return { ...none, view }
  if (view === 'room') return rest.length === 1 && isRoomID(rest[0]!) ? { ...none, view, room: rest[0]! } : none
  return none
}

/** The address of a view, for links. `stream` is a roomID for a room. */
export function hrefTo(view: ViewName, stream = '', query: Record<string, string> = {}): string {
  const search = new URLSearchParams(query).toString()
  const path = view === 'streams' ? '' : [view, ...stream.split('/')].filter(Boolean).map(encodeURIComponent).join('/')
  return `#/${path}${search ? `?${search}` : ''}`
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

const hash = ref(typeof location === 'undefined' ? '' : location.hash)
if (typeof window !== 'undefined') window.addEventListener('hashchange', () => (hash.value = location.hash))

export const useRoute = () => computed(() => parseRoute(hash.value))

export function navigate(href: string, replace = false): void {
  if (replace) {
    history.replaceState(null, '', href)
    hash.value = href
  } else location.hash = href
}
