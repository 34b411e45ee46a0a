import { describe, expect, it } from 'vitest'
import { wishesOf } from './wishes'

describe('wishesOf', () => {
  it('reads whom to call, and as whom', () => {
    expect(wishesOf('?queue=support&name=Li&user=u1&data=%7B%22order%22%3A4711%7D&skills=a,b&lang=zh-CN', '')).toMatchObject({
      queue: 'support', nickName: 'Li', userID: 'u1', userData: { order: 4711 }, skills: ['a', 'b'], lang: 'zh', delegated: false,
    })
  })

  it('keeps data that is no JSON as text', () => {
    expect(wishesOf('?data=gold', '').userData).toEqual({ text: 'gold' })
  })

  it('takes a placed call from the fragment alone', () => {
    expect(wishesOf('?token=leaked', '#call=c1&token=t1')).toMatchObject({ callID: 'c1', token: 't1' })
    expect(wishesOf('?token=leaked', '').token).toBe('')
  })

  it('asks the page around it only where there is one', () => {
    expect(wishesOf('?delegated=1', '').delegated).toBe(false)
    expect(wishesOf('?delegated=1', '', true).delegated).toBe(true)
  })
})
