/** How messages are shown: in runs of one speaker, with addresses that can be followed. */
import type { RoomMessage } from '../api/types'

export interface Run {
  /** Of the first message. */
  seq: number
  from: string
  nickName: string
  to: string
  at: string
  messages: RoomMessage[]
}

const runMs = 3 * 60_000

/** Consecutive messages of one person to the same people, not too far apart, under one name. */
export function runsOf(messages: readonly RoomMessage[]): Run[] {
  const runs: Run[] = []
  for (const message of messages) {
    if (message.kind !== 'text') continue
    const { from = '', to = '', at } = message
    const last = runs[runs.length - 1]
    const newest = last?.messages[last.messages.length - 1]
    if (last && newest && last.from === from && last.to === to && Date.parse(at) - Date.parse(newest.at) < runMs) last.messages.push(message)
    else runs.push({ seq: message.seq, from, nickName: message.nickName || from, to, at, messages: [message] })
  }
  return runs
}

export interface Piece {
  text: string
  /** Only http and https: nothing that runs. */
  href?: string
}

/** A text cut at its web addresses; a full stop or bracket behind one does not belong to it. */
export function pieces(text: string): Piece[] {
  const found: Piece[] = []
  let from = 0
  for (const match of text.matchAll(/\bhttps?:\/\/[^\s<>"'，。；、）】]+/gi)) {
    const address = match[0].replace(/[.,;:!?)\]]+$/, '')
    if (match.index > from) found.push({ text: text.slice(from, match.index) })
    found.push({ text: address, href: address })
    from = match.index + address.length
  }
  if (from < text.length) found.push({ text: text.slice(from) })
  return found
}
