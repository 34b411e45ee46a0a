import { describe, expect, it } from 'vitest'
import { problemKinds } from '../rtc/problem'
import { en } from './en'
import { preferredLocale, translate, type MessageKey } from './index'
import { zh } from './zh'

const keys = Object.keys(en) as MessageKey[]
const holes = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((m) => m[1]).sort()

describe('messages', () => {
  it('exist in both languages, none empty, none left over', () => {
    expect(Object.keys(zh).sort()).toEqual([...keys].sort())
    for (const key of keys) {
      expect(en[key].trim(), key).not.toBe('')
      expect(zh[key].trim(), key).not.toBe('')
    }
  })

  it('leave the same places to be filled in', () => {
    // A singular may do without its number.
    for (const key of keys) expect(holes(zh[key]), key).toEqual(holes(en[key]))
  })

  it('have words for every problem', () => {
    for (const kind of problemKinds) {
      expect(keys).toContain(`problem.${kind}.title`)
      expect(keys).toContain(`problem.${kind}.help`)
    }
  })

  it('are filled in', () => {
    expect(translate('en', 'watch.waiting', { name: 'alice' })).toBe('Waiting for alice')
    expect(translate('zh', 'streams.count.many', { count: 3 })).toBe('3 路流')
  })
})

describe('preferredLocale', () => {
  it.each([
    [['zh-CN', 'en'], 'zh'],
    [['en-GB', 'zh'], 'en'],
    [['de-DE', 'zh-TW', 'en'], 'zh'],
    [['fr'], 'en'],
    [[], 'en'],
  ])('of %j is %s', (languages, locale) => {
    expect(preferredLocale(languages)).toBe(locale)
  })
})
