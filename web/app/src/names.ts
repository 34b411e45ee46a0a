/** A name for somebody who has not chosen one: short enough to be read out on a telephone, with no look-alikes. */
export function suggestName(random: () => number = Math.random): string {
  const letters = 'abcdefghjkmnpqrstuvwxyz23456789'
  let name = ''
  for (let i = 0; i < 5; i++) name += letters[Math.floor(random() * letters.length)] ?? 'a'
  return `web-${name}`
}
