import { wordsOf } from '@desk/words'
import { en } from './en'
import { zh } from './zh'

export type AgentKey = keyof typeof en
export const useWords = wordsOf<AgentKey>({ en, zh })
