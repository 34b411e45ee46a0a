import { wordsOf } from '@desk/words'
import { en } from './en'
import { zh } from './zh'

export const useWords = wordsOf<keyof typeof en>({ en, zh })
