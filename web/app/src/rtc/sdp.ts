/** The little SDP we touch ourselves: ICE credentials and trickle fragments (RFC 8840 section 9). */

export interface IceCredentials {
  ufrag: string
  pwd: string
}

/** The ICE user fragment and password of a description; every section shares them because we always bundle. */
export function iceCredentials(sdp: string): IceCredentials | null {
  const ufrag = /^a=ice-ufrag:(\S+)/m.exec(sdp)?.[1]
  const pwd = /^a=ice-pwd:(\S+)/m.exec(sdp)?.[1]
  return ufrag && pwd ? { ufrag, pwd } : null
}

/**
 * Writes a trickle fragment for the bundled transport of the given local description. Candidates are listed under the
 * first section only, because all sections travel on it. `complete` adds end-of-candidates.
 */
export function writeFragment(localSdp: string, candidates: readonly string[], complete: boolean): string {
  const credentials = iceCredentials(localSdp)
  const media = /^m=\S+ \d+ \S+ \S+/m.exec(localSdp)?.[0]
  const mid = /^a=mid:(\S+)/m.exec(localSdp)?.[1]
  if (!credentials || !media || mid === undefined) {
    throw new Error('the local description has no ICE credentials or no media section')
  }
  const lines: string[] = []
  const group = /^a=group:BUNDLE .*/m.exec(localSdp)?.[0]
  if (group) lines.push(group.trimEnd())
  lines.push(media, `a=mid:${mid}`, `a=ice-ufrag:${credentials.ufrag}`, `a=ice-pwd:${credentials.pwd}`)
  for (const candidate of candidates) lines.push(`a=${candidate.replace(/^a=/, '')}`)
  if (complete) lines.push('a=end-of-candidates')
  return lines.join('\r\n') + '\r\n'
}

/**
 * The remote description after an ICE restart: the answer we had, with the credentials and candidates of the server's
 * fragment in place of the old ones (RFC 9725 section 4.3.3).
 */
export function applyFragment(remoteSdp: string, fragment: string): string {
  const credentials = iceCredentials(fragment)
  if (!credentials) throw new Error('the restart answer carries no ICE credentials')
  const fresh = fragment.split(/\r?\n/).filter((line) => /^a=(candidate:|end-of-candidates)/.test(line))
  const out: string[] = []
  let sections = 0
  const endSection = () => {
    if (sections === 1) out.push(...fresh)
  }
  for (const line of remoteSdp.split(/\r?\n/)) {
    if (line === '') continue
    if (line.startsWith('m=')) {
      endSection()
      sections++
      out.push(line)
    } else if (line.startsWith('a=ice-ufrag:')) out.push(`a=ice-ufrag:${credentials.ufrag}`)
    else if (line.startsWith('a=ice-pwd:')) out.push(`a=ice-pwd:${credentials.pwd}`)
    else if (!/^a=(candidate:|end-of-candidates)/.test(line)) out.push(line)
  }
  endSection()
  return out.join('\r\n') + '\r\n'
}
