/** What the page that opened us wants: whom to call, as whom, with what beside it. */
export interface Wishes {
  queue: string
  userID: string
  nickName: string
  userData: unknown
  skills: string[]
  lang: '' | 'en' | 'zh'
  /** A call that a back end has placed already. */
  callID: string
  token: string
  /** Begins at once, without the page that asks for a name. */
  auto: boolean
  /** Runs inside another page, which has placed or will place the call by itself. */
  embedded: boolean
  /** The page around us asks its own back end for the call. */
  delegated: boolean
}

/** Reads an address: ?queue=support&name=...&user=...&data={...}, or #call=ID&token=TOKEN of a back end. */
export function wishesOf(search: string, hash: string, embedded = false): Wishes {
  const query = new URLSearchParams(search)
  // A token in the fragment reaches no server's log.
  const secret = new URLSearchParams(hash.replace(/^#/, ''))
  const lang = query.get('lang') ?? ''
  let userData: unknown
  try {
    userData = query.get('data') ? JSON.parse(query.get('data') ?? '') : undefined
  } catch {
    userData = { text: query.get('data') }
  }
  return {
    queue: query.get('queue') ?? '',
    userID: query.get('user') ?? '',
    nickName: (query.get('name') ?? '').slice(0, 64),
    userData,
    skills: (query.get('skills') ?? '').split(',').filter(Boolean),
    lang: lang.startsWith('zh') ? 'zh' : lang.startsWith('en') ? 'en' : '',
    callID: secret.get('call') ?? '',
    token: secret.get('token') ?? '',
    auto: query.get('auto') === '1',
    embedded,
    delegated: embedded && query.get('delegated') === '1',
  }
}
