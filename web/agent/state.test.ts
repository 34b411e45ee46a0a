import { describe, expect, it } from 'vitest'
import type { AgentView, CallView, LegNow } from '@desk/types'
import { currentOf, partOf, reduce, ringingOf, ringsUntil, rowsOf, worstOf, type DeskState } from './state'

const agent = (agentID: string, more: Partial<AgentView> = {}): AgentView => ({
  agentID, name: agentID, nickName: agentID, role: 'agent', queues: ['support'], skills: [], state: 'ready', since: '2026-01-01T00:00:00Z', online: true, ...more,
})

const call = (callID: string, more: Partial<CallView> = {}): CallView => ({
  callID, queue: 'support', state: 'waiting', priority: 0, skills: null, caller: { userID: 'li', nickName: 'Li', client: 'webrtc' }, roomID: callID,
  createdAt: '2026-01-01T00:00:00Z', queuedAt: '2026-01-01T00:00:00Z', position: 1, expectedWait: null, guests: [], supervisors: [], mutes: null, notes: '', outcome: '',
  seconds: { waited: 0, rang: 0, talked: 0, held: 0 }, revision: 1, ...more,
})

const anna = { agentID: 'anna', userID: 'agent-anna', nickName: 'Anna' }
const ring = { agentID: 'anna', since: '2026-01-01T00:00:00Z', until: '2026-01-01T00:00:20Z' }
const welcome = (...calls: CallView[]): DeskState =>
  reduce(null, { type: 'welcome', me: agent('anna'), csrf: 'x', agents: [agent('anna'), agent('ben')], queues: [], calls, settings: { wrapUp: 30 } })!
const told = (state: DeskState, c: CallView) => reduce(state, { type: 'call', call: c })!

describe('reduce', () => {
  it('knows nothing before the welcome', () => {
    expect(reduce(null, { type: 'call', call: call('c') })).toBeNull()
  })

  it('follows a call from ringing to wrap-up', () => {
    let state = told(welcome(), call('c', { state: 'ringing', ringing: ring }))
    expect(ringingOf(state)?.callID).toBe('c')
    expect(currentOf(state)).toBeNull()
    state = told(state, call('c', { state: 'answered', agent: anna, revision: 2 }))
    expect(ringingOf(state)).toBeNull()
    expect(currentOf(state)?.callID).toBe('c')
    state = told(state, call('c', { state: 'ended', reason: 'completed', agent: anna, revision: 3 }))
    expect(state.calls.size).toBe(0)
    expect(currentOf(state)).toBeNull()
    expect(state.past).toMatchObject({ callID: 'c', reason: 'completed' })
  })

  it('keeps the newer of two words about a call', () => {
    const state = told(told(welcome(), call('c', { state: 'held', agent: anna, revision: 5 })), call('c', { state: 'answered', agent: anna, revision: 4 }))
    expect(state.calls.get('c')?.state).toBe('held')
  })

  it('takes a call that was handed over to wrap-up, and one that rang elsewhere not', () => {
    const mine = reduce(welcome(call('c', { state: 'transferring', agent: anna })), { type: 'call_gone', callID: 'c' })!
    expect(mine.past?.callID).toBe('c')
    const rang = reduce(welcome(call('c', { state: 'ringing', ringing: ring })), { type: 'call_gone', callID: 'c' })!
    expect(rang.past).toBeNull()
  })

  it('knows what was handed over, whether the answer or the gateway says so first', () => {
    const talks = call('c', { state: 'transferring', agent: anna, revision: 5 })
    const handed = call('c', { state: 'answered', agent: { agentID: 'ben', userID: 'agent-ben', nickName: 'Ben' }, revision: 6 })
    for (const first of ['answer', 'gateway']) {
      let state = welcome(talks)
      if (first === 'gateway') state = reduce(state, { type: 'call_gone', callID: 'c' })!
      state = told(state, handed)
      if (first === 'answer') state = reduce(state, { type: 'call_gone', callID: 'c' })!
      expect(state.calls.size).toBe(0)
      expect(state.past?.callID).toBe('c')
    }
    const supervisor = { ...welcome(talks), me: agent('anna', { role: 'supervisor' }) }
    const still = told(supervisor, handed)
    expect(still.calls.size).toBe(1)
    expect(still.past?.callID).toBe('c')
  })

  it('does not bring a call back that has ended', () => {
    const ended = told(welcome(call('c', { state: 'answered', agent: anna })), call('c', { state: 'ended', agent: anna, revision: 3 }))
    expect(told(ended, call('c', { state: 'held', agent: anna, revision: 2 })).calls.size).toBe(0)
    const back = told(reduce(welcome(call('c', { state: 'answered', agent: anna })), { type: 'call_gone', callID: 'c' })!, call('c', { state: 'ringing', ringing: ring, revision: 2 }))
    expect(ringingOf(back)?.callID).toBe('c')
  })

  it('puts the last call away when another is worked on', () => {
    const ended = told(welcome(call('c', { state: 'answered', agent: anna })), call('c', { state: 'ended', agent: anna, revision: 2 }))
    expect(ended.past?.callID).toBe('c')
    const guest = { userID: 'agent-anna', agentID: 'anna', nickName: 'Anna', role: 'agent', state: 'joined' as const }
    expect(told(ended, call('d', { state: 'answered', agent: { ...anna, agentID: 'ben' }, guests: [guest] })).past).toBeNull()
  })

  it('learns from a later welcome what ended meanwhile', () => {
    const before = welcome(call('c', { state: 'answered', agent: anna }))
    const after = reduce(before, { type: 'welcome', me: agent('anna'), csrf: 'y', agents: null, queues: null, calls: null, settings: {} })!
    expect(after.past?.callID).toBe('c')
    expect(after.settings).toMatchObject({ outcomes: [], quickReplies: [] })
  })

  it('follows agents, and oneself among them', () => {
    const state = reduce(welcome(), { type: 'agent', agent: agent('anna', { state: 'break' }) })!
    expect(state.me.state).toBe('break')
    expect(reduce(state, { type: 'agent', agent: agent('ben', { state: 'busy' }) })!.me).toBe(state.me)
  })

  it('forgets the quality of a call with the call', () => {
    const legs: LegNow[] = [{ userID: 'li', light: 'red', sample: { at: '', light: 'red' } }]
    let state = reduce(welcome(call('c', { state: 'answered', agent: anna })), { type: 'quality', callID: 'c', legs })!
    expect(state.quality.get('c')).toEqual(legs)
    expect(reduce(state, { type: 'quality', callID: 'other', legs })).toBe(state)
    state = reduce(state, { type: 'call_gone', callID: 'c' })!
    expect(state.quality.size).toBe(0)
  })
})

describe('partOf', () => {
  const move = { from: 'ben', agentID: 'anna', warm: true, consulting: false, since: '', until: 'soon' }
  const guest = { userID: 'agent-anna', agentID: 'anna', nickName: 'Anna', role: 'agent', state: 'invited' as const, until: 'later' }
  it.each<[string, Partial<CallView>, string]>([
    ['rings', { state: 'ringing', ringing: ring }, 'rings'],
    ['talks', { state: 'answered', agent: anna }, 'talks'],
    ['holds', { state: 'held', agent: anna }, 'talks'],
    ['gets a transfer', { state: 'transferring', agent: { ...anna, agentID: 'ben' }, transfer: move }, 'rings'],
    ['is consulted', { state: 'transferring', agent: { ...anna, agentID: 'ben' }, transfer: { ...move, consulting: true } }, 'consults'],
    ['is invited', { state: 'answered', agent: { ...anna, agentID: 'ben' }, guests: [guest] }, 'rings'],
    ['is a third party', { state: 'answered', agent: { ...anna, agentID: 'ben' }, guests: [{ ...guest, state: 'joined' }] }, 'guest'],
    ['whispers', { state: 'answered', supervisors: [{ agentID: 'anna', userID: 'agent-anna', nickName: 'Anna', mode: 'whisper' }] }, 'whisper'],
    ['has nothing to do with it', { state: 'answered' }, 'none'],
  ])('%s', (_, more, part) => {
    expect(partOf(call('c', more), 'anna')).toBe(part)
  })

  it('prefers the own call to one that is looked after', () => {
    const beside = call('a', { state: 'answered', supervisors: [{ agentID: 'anna', userID: 'agent-anna', nickName: 'Anna', mode: 'listen' }] })
    expect(currentOf(welcome(beside, call('b', { state: 'answered', agent: anna })))?.callID).toBe('b')
    expect(currentOf(welcome(beside))?.callID).toBe('a')
  })

  it('knows until when it rings', () => {
    expect(ringsUntil(call('c', { ringing: ring }), 'anna')).toBe(ring.until)
    expect(ringsUntil(call('c', { transfer: move }), 'anna')).toBe('soon')
    expect(ringsUntil(call('c', { guests: [guest] }), 'anna')).toBe('later')
  })
})

describe('worstOf', () => {
  it('is the worst leg, none of none', () => {
    const leg = (userID: string, light: LegNow['light']): LegNow => ({ userID, light, sample: { at: '', light } })
    expect(worstOf([])).toBeNull()
    expect(worstOf([leg('a', 'green'), leg('b', 'red'), leg('c', 'yellow')])?.userID).toBe('b')
  })
})

describe('rowsOf', () => {
  it('flattens, leaves out what is empty, and is bounded', () => {
    expect(rowsOf({ order: 4711, card: { level: 'gold', till: null }, tags: ['a', 'b'], none: '' })).toEqual([
      { name: 'order', value: '4711' }, { name: 'card.level', value: 'gold' }, { name: 'tags.0', value: 'a' }, { name: 'tags.1', value: 'b' },
    ])
    expect(rowsOf(undefined)).toEqual([])
    expect(rowsOf(Array.from({ length: 100 }, (_, i) => i))).toHaveLength(40)
    expect(rowsOf({ a: { b: { c: { d: { e: 1 } } } } })).toEqual([{ name: 'a.b.c.d', value: '{"e":1}' }])
  })
})
