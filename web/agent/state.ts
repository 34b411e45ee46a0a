/** What the console knows of the desk, as a pure function of what the gateway told. */
import type { AgentView, CallView, LegNow, QueueView } from '@desk/types'

export interface DeskSettings {
  wrapUp: number
  outcomes: string[]
  quickReplies: string[]
  qualityEvery: number
  serviceLevel: number
}

export interface DeskState {
  readonly me: AgentView
  readonly agents: ReadonlyMap<string, AgentView>
  readonly queues: readonly QueueView[]
  /** Those that go on, and that this agent may see. */
  readonly calls: ReadonlyMap<string, CallView>
  readonly quality: ReadonlyMap<string, readonly LegNow[]>
  readonly settings: DeskSettings
  /** The call that this agent answered last, once it is over for them: what wrap-up is about. */
  readonly past: CallView | null
  /** Revisions of calls that are gone: an answer that comes late does not bring them back. */
  readonly gone: ReadonlyMap<string, number>
}

const mostGone = 100

export type DeskMessage =
  | { type: 'welcome'; me: AgentView; csrf: string; agents: AgentView[] | null; queues: QueueView[] | null; calls: CallView[] | null; settings: Partial<DeskSettings> }
  | { type: 'call'; call: CallView }
  | { type: 'call_gone'; callID: string }
  | { type: 'agent'; agent: AgentView }
  | { type: 'queues'; queues: QueueView[] | null }
  | { type: 'quality'; callID: string; legs: LegNow[] | null }

/** The state after one message; the same object when nothing changed. Null before the first welcome. */
export function reduce(state: DeskState | null, message: DeskMessage): DeskState | null {
  if (message.type === 'welcome') return welcome(state, message)
  if (!state) return null
  switch (message.type) {
    case 'call':
      return takeCall(state, message.call)
    case 'call_gone':
      return dropCall(state, message.callID, state.calls.get(message.callID) ?? null)
    case 'agent': {
      const { agent } = message
      const agents = new Map(state.agents).set(agent.agentID, agent)
      return { ...state, agents, me: agent.agentID === state.me.agentID ? agent : state.me }
    }
    case 'queues':
      return { ...state, queues: message.queues ?? [] }
    case 'quality':
      if (!state.calls.has(message.callID)) return state
      return { ...state, quality: new Map(state.quality).set(message.callID, message.legs ?? []) }
  }
  return state
}

function welcome(before: DeskState | null, w: DeskMessage & { type: 'welcome' }): DeskState {
  const calls = new Map((w.calls ?? []).map((c) => [c.callID, c]))
  // What ended while the line was down leads to wrap-up as well.
  const missed = [...(before?.calls.values() ?? [])].find((c) => c.agent?.agentID === w.me.agentID && !calls.has(c.callID))
  return {
    me: w.me,
    agents: new Map((w.agents ?? []).map((a) => [a.agentID, a])),
    queues: w.queues ?? [],
    calls,
    quality: new Map([...(before?.quality ?? [])].filter(([callID]) => calls.has(callID))),
    settings: {
      wrapUp: w.settings.wrapUp ?? 0,
      outcomes: w.settings.outcomes ?? [],
      quickReplies: w.settings.quickReplies ?? [],
      qualityEvery: w.settings.qualityEvery ?? 5,
      serviceLevel: w.settings.serviceLevel ?? 20,
    },
    past: missed ?? before?.past ?? null,
    gone: before?.gone ?? new Map(),
  }
}

function takeCall(state: DeskState, call: CallView): DeskState {
  const known = state.calls.get(call.callID)
  if ((known && known.revision > call.revision) || (state.gone.get(call.callID) ?? 0) >= call.revision) return state
  const { agentID, role } = state.me
  // An agent who has handed a call over may be told so by the answer before the gateway says that it is gone.
  if (call.state === 'ended' || (role === 'agent' && partOf(call, agentID) === 'none')) return dropCall(state, call.callID, call)
  const calls = new Map(state.calls).set(call.callID, call)
  const handed = known?.agent?.agentID === agentID && call.agent?.agentID !== agentID
  // Work on another call puts the last one away: what comes after this one is not about that.
  const works = ['talks', 'consults', 'guest'].includes(partOf(call, agentID))
  return { ...state, calls, past: handed ? call : works && state.past?.callID !== call.callID ? null : state.past }
}

function dropCall(state: DeskState, callID: string, last: CallView | null): DeskState {
  const known = state.calls.get(callID)
  const calls = new Map(state.calls)
  const quality = new Map(state.quality)
  calls.delete(callID)
  quality.delete(callID)
  const mine = (known ?? last)?.agent?.agentID === state.me.agentID || last?.agent?.agentID === state.me.agentID
  const gone = new Map([...state.gone].slice(1 - mostGone))
  gone.delete(callID)
  gone.set(callID, Math.max(known?.revision ?? 0, last?.revision ?? 0))
  return { ...state, calls, quality, gone, past: mine ? (last ?? known ?? null) : state.past }
}

/** What a call is to an agent. */
export type Part = 'rings' | 'talks' | 'consults' | 'guest' | 'listen' | 'whisper' | 'join' | 'none'

export function partOf(call: CallView, agentID: string): Part {
  if (call.agent?.agentID === agentID && call.state !== 'waiting' && call.state !== 'ringing' && call.state !== 'ended') return 'talks'
  if (call.ringing?.agentID === agentID) return 'rings'
  if (call.transfer?.agentID === agentID) return call.transfer.consulting ? 'consults' : 'rings'
  const guest = call.guests.find((g) => g.agentID === agentID)
  if (guest) return guest.state === 'joined' ? 'guest' : 'rings'
  return call.supervisors.find((s) => s.agentID === agentID)?.mode ?? 'none'
}

/** The call that rings at the agent. */
export function ringingOf(state: DeskState): CallView | null {
  return [...state.calls.values()].find((c) => partOf(c, state.me.agentID) === 'rings') ?? null
}

/** The call that the agent is in: the own one before one that is looked after. */
export function currentOf(state: DeskState): CallView | null {
  const mine = [...state.calls.values()].filter((c) => !['none', 'rings'].includes(partOf(c, state.me.agentID)))
  const rank = (c: CallView) => ['talks', 'consults', 'guest'].indexOf(partOf(c, state.me.agentID))
  return mine.sort((a, b) => (rank(a) + 4) % 4 - (rank(b) + 4) % 4)[0] ?? null
}

/** Until when a call rings at the agent: of its ringing, its transfer or its invitation. */
export function ringsUntil(call: CallView, agentID: string): string {
  if (call.ringing?.agentID === agentID) return call.ringing.until
  if (call.transfer?.agentID === agentID) return call.transfer.until
  return call.guests.find((g) => g.agentID === agentID)?.until ?? ''
}

/** The leg that is worst off, with the reason. */
export function worstOf(legs: readonly LegNow[]): LegNow | null {
  const rank = { grey: 0, green: 1, yellow: 2, red: 3 }
  return legs.reduce<LegNow | null>((worst, leg) => (!worst || rank[leg.light] > rank[worst.light] ? leg : worst), null)
}

/** Data of a company's own as rows to be read: nested names joined by dots, bounded. */
export function rowsOf(data: unknown, most = 40): { name: string; value: string }[] {
  const rows: { name: string; value: string }[] = []
  const walk = (name: string, value: unknown, depth: number): void => {
    if (rows.length >= most || value === null || value === undefined || value === '') return
    if (typeof value === 'object' && depth < 4) {
      for (const [key, inner] of Object.entries(value)) walk(name ? `${name}.${key}` : key, inner, depth + 1)
      return
    }
    rows.push({ name, value: typeof value === 'object' ? JSON.stringify(value).slice(0, 200) : String(value).slice(0, 500) })
  }
  walk('', data, 0)
  return rows
}
