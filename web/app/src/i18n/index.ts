import { watchEffect } from 'vue'
import { stored } from '../composables/stored'
import { en } from './en'
import { zh } from './zh'

export type Locale = 'en' | 'zh'
export type MessageKey = keyof typeof en
export type Words = Record<string, string | number>

const catalogues: Record<Locale, Record<MessageKey, string>> = { en, zh }

/** The first of the browser's languages that we speak; English where there is none. */
export function preferredLocale(languages: readonly string[]): Locale {
  for (const language of languages) {
    if (/^zh\b/i.test(language)) return 'zh'
    if (/^en\b/i.test(language)) return 'en'
  }
  return 'en'
}

const chosen = stored<Locale>('language', preferredLocale(typeof navigator === 'undefined' ? [] : navigator.languages))

export function translate(locale: Locale, key: MessageKey, words: Words = {}): string {
  const message = catalogues[locale]?.[key] ?? en[key]
  return message.replace(/\{(\w+)\}/g, (whole, name: string) => String(words[name] ?? whole))
}

/** Keeps <html lang> right, which screen readers and the choice of Chinese glyphs depend on. */
export function installI18n(): void {
  watchEffect(() => {
    document.documentElement.lang = chosen.value === 'zh' ? 'zh-CN' : 'en'
  })
}

export function useI18n() {
  const t = (key: MessageKey, words?: Words) => translate(chosen.value, key, words)
  const toggle = () => {
    chosen.value = chosen.value === 'zh' ? 'en' : 'zh'
  }
  return { locale: chosen, t, toggle }
}
