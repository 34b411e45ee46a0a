import { useI18n, type Locale, type Words } from '@app/i18n'

/** The words of one page, in the language that is chosen for all of them. */
export function wordsOf<K extends string>(catalogues: Record<Locale, Record<K, string>>) {
  return () => {
    const { locale, toggle } = useI18n()
    const t = (key: K, words: Words = {}) =>
      catalogues[locale.value][key].replace(/\{(\w+)\}/g, (whole, name: string) => String(words[name] ?? whole))
    /** Whether there are words for a key that was put together. */
    const has = (key: string): key is K => key in catalogues.en
    return { t, has, locale, toggle }
  }
}
