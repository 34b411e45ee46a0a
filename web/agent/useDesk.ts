import { computed, inject, onUnmounted, provide, ref, shallowRef, type InjectionKey } from 'vue'
import { Line } from '@desk/line'
import { ask, Refusal, socketUrl, type Asking } from '@desk/rest'
import type { AgentState, AgentView, CallView, LegReport, Mode, RoomAccess } from '@desk/types'
import { currentOf, partOf, reduce, ringingOf, type DeskMessage, type DeskState } from './state'

export type Phase = 'asking' | 'out' | 'in' | 'replaced'

interface LoggedIn {
  agent: AgentView
  csrf: string
}

/** The console's end of the desk: the log-in, the WebSocket, and everything that an agent can do. */
function create() {
  const phase = ref<Phase>('asking')
  const up = ref(false)
  const state = shallowRef<DeskState | null>(null)
  /** The refusal that is shown until the next thing works. */
  const trouble = shallowRef<Refusal | null>(null)
  const busy = ref('')
  /** Rooms that this page has been let into, by call. */
  const tokens = new Map<string, string>()
  let csrf = ''
  let line: Line | null = null

  const me = computed(() => state.value?.me ?? null)
  const ringing = computed(() => (state.value ? ringingOf(state.value) : null))
  const current = computed(() => (state.value ? currentOf(state.value) : null))
  const supervises = computed(() => me.value?.role === 'supervisor' || me.value?.role === 'admin')
  const administers = computed(() => me.value?.role === 'admin')

  /** Whether somebody is logged in here already. */
  async function begin(): Promise<void> {
    try {
      welcome(await ask<LoggedIn>('agent/me'))
    } catch (error) {
      phase.value = 'out'
      if (error instanceof Refusal && error.code === 'unreachable') trouble.value = error
    }
  }

  async function logIn(name: string, password: string): Promise<void> {
    trouble.value = null
    try {
      welcome(await ask<LoggedIn>('agent/login', { method: 'POST', body: { name, password } }))
    } catch (error) {
      trouble.value = refusalOf(error)
    }
  }

  function welcome(answer: LoggedIn): void {
    csrf = answer.csrf
    phase.value = 'in'
    connect()
  }

  function connect(): void {
    line?.close()
    const mine = new Line({
      url: () => socketUrl('agent/ws'),
      onUp: (now) => (up.value = now),
      onMessage(message) {
        if (line !== mine) return
        if (message.type === 'closed') return closed(String(message['reason']))
        const told = message as unknown as DeskMessage
        if (told.type === 'welcome') csrf = told.csrf
        state.value = reduce(state.value, told)
      },
      again: async () => {
        try {
          csrf = (await ask<LoggedIn>('agent/me')).csrf
        } catch (error) {
          if (error instanceof Refusal && error.status === 401) {
            leave('out')
            return false
          }
        }
        return true
      },
    })
    line = mine
    void mine.run()
  }

  function closed(reason: string): void {
    if (reason === 'logged_out') leave('out')
    if (reason === 'replaced') leave('replaced')
  }

  function leave(to: Phase): void {
    line?.close()
    line = null
    up.value = false
    state.value = null
    tokens.clear()
    phase.value = to
  }

  async function logOut(): Promise<void> {
    await post('agent/logout').catch(() => undefined)
    leave('out')
  }

  const get = <T>(path: string) => ask<T>(path)
  const post = <T>(path: string, body: unknown = {}, method: Asking['method'] = 'POST', patienceMs?: number) => ask<T>(path, { method, body, csrf, patienceMs })

  /** Does something, says while it lasts and why it failed. Resolves to whether it worked. */
  async function act(what: string, doing: () => Promise<unknown>): Promise<boolean> {
    if (busy.value === what) return false
    busy.value = what
    try {
      await doing()
      trouble.value = null
      return true
    } catch (error) {
      trouble.value = refusalOf(error)
      return false
    } finally {
      if (busy.value === what) busy.value = ''
    }
  }

  const path = (callID: string, what: string) => `calls/${encodeURIComponent(callID)}/${what}`
  const take = (call: CallView) => (state.value = reduce(state.value, { type: 'call', call }))

  const doCall = (callID: string, what: string, body: unknown = {}) =>
    act(what, async () => take(await post<CallView>(path(callID, what), body)))

  const enter = (callID: string, what: string, body: unknown = {}) =>
    act(what, async () => {
      const { call, room } = await post<{ call: CallView; room: RoomAccess }>(path(callID, what), body)
      tokens.set(callID, room.token)
      take(call)
    })

  /** A token for a call's room: of answering it, or, after a reload, asked for again. */
  async function roomToken(callID: string, fresh: boolean): Promise<string> {
    const known = tokens.get(callID)
    if (known && !fresh) return known
    const { room } = await post<{ room: RoomAccess }>(path(callID, 'join'))
    tokens.set(callID, room.token)
    return room.token
  }

  const setState = (to: AgentState, note = '') =>
    act('state', async () => {
      const agent = await post<AgentView>('agent/state', { state: to, note }, 'PUT')
      state.value = reduce(state.value, { type: 'agent', agent })
    })

  onUnmounted(() => line?.close())

  return {
    phase, up, state, me, ringing, current, supervises, administers, trouble, busy,
    begin, logIn, logOut, comeBack: () => ((phase.value = 'asking'), begin()),
    get, post, act, setState, roomToken,
    part: (call: CallView) => partOf(call, me.value?.agentID ?? ''),
    answer: (callID: string) => enter(callID, 'answer'),
    supervise: (callID: string, mode: Mode) => enter(callID, 'supervise', { mode }),
    reject: (callID: string) => doCall(callID, 'reject'),
    hold: (callID: string, on: boolean) => doCall(callID, on ? 'hold' : 'resume'),
    mute: (callID: string, userID: string, what: { audio?: boolean; video?: boolean }) => doCall(callID, 'mute', { userID, ...what }),
    transfer: (callID: string, to: { agentID?: string; queue?: string; warm: boolean }) => doCall(callID, 'transfer', to),
    settleTransfer: (callID: string, how: 'complete' | 'cancel') => doCall(callID, `transfer/${how}`),
    remove: (callID: string, userID: string) => doCall(callID, 'remove', { userID }),
    leaveCall: (callID: string) => doCall(callID, 'leave'),
    hangUp: (callID: string) => doCall(callID, 'hangup'),
    note: (callID: string, what: { notes?: string; outcome?: string }) => post<unknown>(path(callID, 'notes'), what, 'PUT'),
    setAgent: (agentID: string, to: AgentState) => act('agents', () => post(`agents/${encodeURIComponent(agentID)}/state`, { state: to }, 'PUT')),
    report(callID: string, legs: LegReport[]) {
      line?.send({ type: 'report', callID, legs })
    },
  }
}

export const refusalOf = (error: unknown): Refusal => (error instanceof Refusal ? error : new Refusal('unexpected', String(error), 0))

export type Desk = ReturnType<typeof create>
const key: InjectionKey<Desk> = Symbol('desk')

export function provideDesk(): Desk {
  const desk = create()
  provide(key, desk)
  return desk
}

export function useDesk(): Desk {
  const desk = inject(key)
  if (!desk) throw new Error('useDesk outside of the console')
  return desk
}
