/** Figures as people read them. Absent figures are a dash, so that a panel never jumps. */
const dash = '–'

export function bitrate(bitsPerSecond: number | undefined): string {
  if (bitsPerSecond === undefined) return dash
  if (bitsPerSecond >= 1_000_000) return `${(bitsPerSecond / 1_000_000).toFixed(2)} Mb/s`
  return `${Math.round(bitsPerSecond / 1000)} kb/s`
}

export function milliseconds(ms: number | undefined): string {
  if (ms === undefined) return dash
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`
}

export function percent(share: number | undefined): string {
  if (share === undefined) return dash
  const value = share * 100
  return `${value === 0 || value >= 10 ? Math.round(value) : value.toFixed(1)} %`
}

export function size(width: number | undefined, height: number | undefined): string {
  return width && height ? `${width} × ${height}` : dash
}

export function count(value: number | undefined): string {
  return value === undefined ? dash : String(Math.round(value))
}

/** Time passed as 0:07, 12:30 or 1:02:03. */
export function elapsed(ms: number): string {
  const total = Math.max(0, Math.floor(ms / 1000))
  const two = (value: number) => String(value).padStart(2, '0')
  const hours = Math.floor(total / 3600)
  const minutes = Math.floor(total / 60) % 60
  return hours > 0 ? `${hours}:${two(minutes)}:${two(total % 60)}` : `${minutes}:${two(total % 60)}`
}

/** Alice, Bob and Eve; 王、李和陈. */
export function list(names: readonly string[], locale: 'en' | 'zh'): string {
  if (typeof Intl.ListFormat !== 'function') return names.join(locale === 'zh' ? '、' : ', ')
  return new Intl.ListFormat(locale === 'zh' ? 'zh-CN' : 'en-GB', { type: 'conjunction' }).format(names)
}
