import { createRoom, heartbeat, joinRoom } from '../api/rooms'
import { newUserID } from '../names'
import { Problem, toProblem } from '../rtc/problem'
import { stored } from './stored'
import { loadSettings } from './useSettings'

/** What a token says of its bearer. Read for display and expiry only: the gateway is who verifies it. */
export interface TokenClaims {
  userID: string
  /** Milliseconds since 1970. */
  expires: number
}

export function readToken(token: string): TokenClaims | null {
  try {
    const payload = (token.split('.')[1] ?? '').replace(/-/g, '+').replace(/_/g, '/')
    const bytes = Uint8Array.from(atob(payload), (c) => c.charCodeAt(0))
    const claims = JSON.parse(new TextDecoder().decode(bytes)) as { sub?: unknown; exp?: unknown }
    return { userID: String(claims.sub ?? ''), expires: typeof claims.exp === 'number' ? claims.exp * 1000 : Infinity }
  } catch {
    return null
  }
}

/**
 * The right to be in a room: a token that a back end handed out with the link, or, where access is open, one that the page
 * gets itself. Kept to the tab, so that a reload is the same person and another tab is another.
 */
export function useRoomToken(roomID: string) {
  const token = stored<string>(`token.${roomID}`, '', 'tab')
  const given = stored<'' | 'yes'>(`invited.${roomID}`, '', 'tab')
  const userID = stored<string>('userID', newUserID('web'), 'tab')

  /** Takes over the token of an invitation. */
  function accept(invitation: string): void {
    token.value = invitation
    given.value = 'yes'
  }

  /** A token for this room; with `fresh` not the one we had. Throws a Problem. */
  async function get(nickName: string, fresh: boolean): Promise<string> {
    const claims = token.value ? readToken(token.value) : null
    const expired = claims !== null && claims.expires <= Date.now()
    if (token.value && !fresh && !expired) return token.value
    const { auth } = await loadSettings()
    if (auth !== 'open') {
      throw new Problem(!token.value ? 'no-invitation' : expired ? 'token-expired' : 'unauthorized')
    }
    const who = given.value === 'yes' && claims?.userID ? claims.userID : userID.value
    const place = () => joinRoom(roomID, { userID: who, nickName, client: 'webrtc' }).catch((error) => Promise.reject(inRoom(toProblem(error))))
    const joined = await place().catch(async (problem: Problem) => {
      if (problem.kind !== 'room-missing') throw problem
      await createRoom(roomID)
      return place()
    })
    token.value = joined.token
    return token.value
  }

  /** Whether the gateway knows the bearer, asked by a sign of life; null when it does, or does not answer. */
  async function explain(bearer: string): Promise<Problem | null> {
    const who = readToken(bearer)?.userID || userID.value
    return heartbeat(roomID, who, bearer).then(
      () => null,
      (error) => {
        const problem = inRoom(toProblem(error))
        return problem.kind === 'server-gone' || problem.kind === 'unexpected' ? null : problem
      },
    )
  }

  const forget = () => {
    if (given.value !== 'yes') token.value = ''
  }

  return { token, given, userID, accept, get, explain, forget }
}

/** The general words of a status, said of a room. */
export function inRoom(problem: Problem): Problem {
  if (problem.kind === 'missing') return new Problem('room-missing', problem.detail, problem.status)
  if (problem.kind === 'name-in-use') return new Problem('room-full', problem.detail, problem.status)
  return problem
}
