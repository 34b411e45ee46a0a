import { bitrate, percent } from '@app/format'
import type { Cause } from '@desk/types'
import { useWords } from './i18n'

/** Why a light is not green, in the agent's language; a cause of a later gateway keeps its own words. */
export function useCauseWords() {
  const { t, has } = useWords()
  return (cause: Cause | undefined, name: string): string => {
    if (!cause) return ''
    const key = `cause.${cause.code}`
    if (!has(key)) return cause.text
    const { value } = cause
    const figure = cause.code.endsWith('_loss') ? percent(value) : cause.code === 'low_bitrate' ? bitrate(value) : String(Math.round(value))
    return t(key, { name, value: figure })
  }
}
