import { describe, expect, it } from 'vitest'
import { pathOf, topOf } from './chart'
import { en } from './i18n/en'
import { zh } from './i18n/zh'
import { fileName } from './snapshot'
import { en as callerEn } from '../caller/i18n/en'
import { zh as callerZh } from '../caller/i18n/zh'

const holes = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((m) => m[1]).sort()

describe.each([['the console', en, zh], ['the caller’s page', callerEn, callerZh]] as [string, Record<string, string>, Record<string, string>][])('words of %s', (_, english, chinese) => {
  it('exist in both languages, with the same places to be filled in', () => {
    expect(Object.keys(chinese).sort()).toEqual(Object.keys(english).sort())
    for (const [key, text] of Object.entries(english)) {
      expect(text.trim(), key).not.toBe('')
      expect(chinese[key]?.trim(), key).not.toBe('')
      expect(holes(chinese[key] ?? ''), key).toEqual(holes(text))
    }
  })
})

describe('charts', () => {
  it('break a line where nothing is known', () => {
    const points = [{ at: 0, value: 1 }, { at: 1, value: 2 }, null, { at: 3, value: 0 }]
    expect(pathOf(points, (at) => at * 10, (v) => v)).toBe('M0.0 1.0L10.0 2.0M30.0 0.0')
  })

  it.each([[[], 1], [[3], 5], [[7, 12], 20], [[240], 250], [[1000], 1000]])('top of %j is %d', (values, top) => {
    expect(topOf(values)).toBe(top)
  })
})

describe('a snapshot', () => {
  it('has a name that every file system takes', () => {
    const at = new Date(2026, 10, 22, 18, 3, 5).getTime()
    expect(fileName('李娜', at)).toBe('李娜-2026-11-22-180305.png')
    expect(fileName('../a b:c', at)).toBe('a-b-c-2026-11-22-180305.png')
    expect(fileName('', at)).toBe('caller-2026-11-22-180305.png')
  })
})
