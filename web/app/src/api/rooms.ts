import { apiPath, ask } from './client'
import type { JoinAnswer, RoomView } from './types'

const room = (roomID: string) => apiPath(`rooms/${encodeURIComponent(roomID)}`)

/** Makes sure that a room is there; one that exists already is as good. */
export async function createRoom(roomID: string, name = ''): Promise<void> {
  try {
    await ask<RoomView>(apiPath('rooms'), { method: 'POST', body: name ? { roomID, name } : { roomID } })
  } catch (error) {
    if (!(error instanceof Error && 'status' in error && error.status === 409)) throw error
  }
}

export const fetchRoom = (roomID: string, token?: string) => ask<RoomView>(room(roomID), { token })

export interface Joining {
  userID: string
  nickName?: string
  client: 'webrtc' | 'rtmp'
}

/** Gives a user a place in a room. Throws a Problem: room-full, room-missing, unauthorized. */
export const joinRoom = (roomID: string, joining: Joining, token?: string) =>
  ask<JoinAnswer>(`${room(roomID)}/members`, { method: 'POST', body: joining, token })

const member = (roomID: string, userID: string) => `${room(roomID)}/members/${encodeURIComponent(userID)}`

export const removeMember = (roomID: string, userID: string, token?: string) => ask<void>(member(roomID, userID), { method: 'DELETE', token })

/** A sign of life of a member that has no connection of its own yet. */
export const heartbeat = (roomID: string, userID: string, token?: string) =>
  ask<void>(`${member(roomID, userID)}/heartbeat`, { method: 'POST', token })

/** Where the room's events and signalling are, by the page's own address and therefore through its own proxy. */
export function roomSocketUrl(token: string, resume: { session: string; revision: number } | null, here: string = document.baseURI): string {
  const url = new URL(apiPath('ws'), here)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  url.hash = ''
  url.searchParams.set('token', token)
  if (resume) {
    url.searchParams.set('resume', resume.session)
    url.searchParams.set('revision', String(resume.revision))
  }
  return url.href
}
