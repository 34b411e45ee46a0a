import { problemFromResponse, toProblem } from '../rtc/problem'
import type { Settings, StreamInfo } from './types'

const timeoutMs = 8_000

export interface Call {
  method?: 'GET' | 'POST' | 'DELETE'
  body?: unknown
  /** Bearer token, where the gateway asks for one. */
  token?: string
}

/** Asks the gateway's API; resolves with the JSON answer, undefined where there is none. Throws a Problem. */
export async function ask<T>(path: string, { method = 'GET', body, token }: Call = {}): Promise<T> {
  const abort = new AbortController()
  const timer = setTimeout(() => abort.abort(), timeoutMs)
  const headers: Record<string, string> = { Accept: 'application/json' }
  if (body !== undefined) headers['Content-Type'] = 'application/json'
  if (token) headers['Authorization'] = `Bearer ${token}`
  let response: Response
  try {
    response = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: 'no-store',
      signal: abort.signal,
    })
    if (response.status === 204) return undefined as T
    if (response.ok) return (await response.json()) as T
  } catch (error) {
    throw toProblem(abort.signal.aborted ? new TypeError(`no answer within ${timeoutMs / 1000} s`) : error)
  } finally {
    clearTimeout(timer)
  }
  throw await problemFromResponse(response)
}

export const fetchSettings = () => ask<Settings>(apiPath('settings'))

export async function fetchStreams(): Promise<StreamInfo[]> {
  return (await ask<{ streams: StreamInfo[] | null }>(apiPath('streams'))).streams ?? []
}

/** All addresses are relative to the page, which may live under a path of a reverse proxy. */
export const apiPath = (what: string) => `api/v1/${what}`

export type Access = Readonly<Record<string, string>>

/** Only these may travel from the page's address into a media address. */
const accessKeys = ['txTime', 'txSecret', 'token'] as const

/** Picks the credentials out of a page address: signed URL parameters or a token. */
export function accessFrom(query: Readonly<Record<string, string>>): Access {
  return Object.fromEntries(accessKeys.flatMap((key) => (query[key] ? [[key, query[key]]] : [])))
}

function withAccess(path: string, access: Access): string {
  const query = new URLSearchParams(access).toString()
  return query ? `${path}?${query}` : path
}

export const whipPath = (stream: string, access: Access = {}) => withAccess(`whip/${stream}`, access)
export const whepPath = (stream: string, access: Access = {}) => withAccess(`whep/${stream}`, access)
export const flvPath = (stream: string, access: Access = {}) => withAccess(`${stream}.flv`, access)

/** Absolute, for things that resolve addresses elsewhere, such as a worker or a person. */
export const absolute = (path: string) => new URL(path, document.baseURI).href
