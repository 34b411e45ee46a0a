/** A name for somebody who has not chosen one: short enough to be read out on a telephone, with no look-alikes. */
export function suggestName(random: () => number = Math.random): string {
  const letters = 'abcdefghjkmnpqrstuvwxyz23456789'
  let name = ''
  for (let i = 0; i < 5; i++) name += letters[Math.floor(random() * letters.length)] ?? 'a'
  return `web-${name}`
}

/** A number for a new room, in threes so that it can be read out: 482-117-905. */
export function suggestRoom(random: () => number = Math.random): string {
  const three = () => String(Math.floor(random() * 1000)).padStart(3, '0')
  return `${three()}-${three()}-${three()}`
}

/** A userID that nobody else has, for who has none from a back end. */
export function newUserID(prefix: string, random: () => number = Math.random): string {
  return `${prefix}-${Array.from({ length: 10 }, () => Math.floor(random() * 36).toString(36)).join('')}`
}

/** What stands for a person without a picture: two letters, or the end of a Chinese name, which is the given one. */
export function initials(name: string): string {
  const clean = name.trim()
  const han = clean.match(/\p{Script=Han}/gu)
  if (han) return han.slice(-2).join('')
  const words = clean.split(/[\s_-]+/).filter(Boolean)
  const letters = words.length > 1 ? [words[0], words[words.length - 1]] : words
  return letters.map((w) => [...(w ?? '')][0] ?? '').join('').toUpperCase() || '?'
}

/** A colour of its own for each person, one of as many as the style sheet has. */
export function hueOf(userID: string, hues = 8): number {
  let hash = 0
  for (const c of userID) hash = (hash * 31 + (c.codePointAt(0) ?? 0)) >>> 0
  return hash % hues
}
