import { describe, expect, it } from 'vitest'
import type { RoomMessage } from '../api/types'
import { pieces, runsOf } from './chat'

const said = (seq: number, from: string, minute: number, more: Partial<RoomMessage> = {}): RoomMessage => ({
  seq, from, nickName: from, kind: 'text', text: `m${seq}`, at: new Date(Date.UTC(2026, 0, 1, 10, minute)).toISOString(), ...more,
})
const shape = (messages: RoomMessage[]) => runsOf(messages).map((r) => `${r.from}${r.to ? `>${r.to}` : ''}:${r.messages.map((m) => m.seq).join('+')}`)

describe('runsOf', () => {
  it('keeps together what one person says in a row', () => {
    expect(shape([said(1, 'a', 0), said(2, 'a', 1), said(3, 'b', 1), said(4, 'a', 2)])).toEqual(['a:1+2', 'b:3', 'a:4'])
  })

  it('parts what is private or later', () => {
    expect(shape([said(1, 'a', 0), said(2, 'a', 0, { to: 'b' }), said(3, 'a', 9, { to: 'b' })])).toEqual(['a:1', 'a>b:2', 'a>b:3'])
  })

  it('leaves out what is not for people', () => {
    expect(shape([said(1, 'a', 0), said(2, 'a', 0, { kind: 'custom', data: {} }), said(3, 'a', 0)])).toEqual(['a:1+3'])
  })
})

describe('pieces', () => {
  it.each([
    ['no address', [['no address']]],
    ['see https://example.com/a?b=1.', [['see '], ['https://example.com/a?b=1', true], ['.']]],
    ['(http://a.cn/x) 好', [['('], ['http://a.cn/x', true], [') 好']]],
    ['打开 https://a.cn/房间，谢谢', [['打开 '], ['https://a.cn/房间', true], ['，谢谢']]],
    ['javascript:alert(1) data:text/html,x', [['javascript:alert(1) data:text/html,x']]],
  ])('of %s', (text, expected) => {
    expect(pieces(text).map((p) => (p.href ? [p.text, true] : [p.text]))).toEqual(expected)
    expect(pieces(text).map((p) => p.text).join('')).toBe(text)
  })
})
