import { computed } from 'vue'
import { useWords } from './i18n'

/** Times as the agent's country writes them; today's without the day. */
export function useTimes() {
  const { locale } = useWords()
  const tag = computed(() => (locale.value === 'zh' ? 'zh-CN' : 'en-GB'))
  const clock = (at: string | undefined): string => {
    if (!at) return '–'
    const date = new Date(at)
    const today = date.toDateString() === new Date().toDateString()
    const time: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit' }
    return today ? date.toLocaleTimeString(tag.value, time) : date.toLocaleString(tag.value, { day: '2-digit', month: '2-digit', ...time })
  }
  const full = (at: string | undefined) => (at ? new Date(at).toLocaleString(tag.value, { dateStyle: 'medium', timeStyle: 'medium' }) : '–')
  return { clock, full, tag }
}
