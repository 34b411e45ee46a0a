import type { Refusal } from '@desk/rest'
import { useWords } from './i18n'

/** A refusal in the agent's language; what has no words of ours keeps the gateway's. */
export function useTroubleWords() {
  const { t, has } = useWords()
  return (refusal: Refusal): string => {
    const key = `trouble.${refusal.code}`
    return has(key) ? t(key) : t('trouble.other', { message: refusal.message })
  }
}
