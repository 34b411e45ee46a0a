import { describe, expect, it } from 'vitest'
import { applyFragment, iceCredentials, writeFragment } from './sdp'

const sdp = (ufrag: string, pwd: string, candidates: string[] = []) =>
  [
    'v=0', 'o=- 1 2 IN IP4 127.0.0.1', 's=-', 't=0 0', 'a=group:BUNDLE 0 1',
    'm=audio 9 UDP/TLS/RTP/SAVPF 111', 'a=mid:0', `a=ice-ufrag:${ufrag}`, `a=ice-pwd:${pwd}`, ...candidates, 'a=sendonly',
    'm=video 9 UDP/TLS/RTP/SAVPF 102 103', 'a=mid:1', `a=ice-ufrag:${ufrag}`, `a=ice-pwd:${pwd}`, 'a=sendonly', '',
  ].join('\r\n')

describe('iceCredentials', () => {
  it('reads both or nothing', () => {
    expect(iceCredentials(sdp('abcd', 'secret'))).toEqual({ ufrag: 'abcd', pwd: 'secret' })
    expect(iceCredentials('v=0\r\na=ice-ufrag:abcd\r\n')).toBeNull()
  })
})

describe('writeFragment', () => {
  it('lists candidates under the first section of the bundle', () => {
    expect(writeFragment(sdp('abcd', 'secret'), ['candidate:1 1 udp 1 127.0.0.1 5 typ host'], true)).toBe(
      'a=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:abcd\r\na=ice-pwd:secret\r\n' +
        'a=candidate:1 1 udp 1 127.0.0.1 5 typ host\r\na=end-of-candidates\r\n',
    )
  })

  it('does not end the candidates before they have ended', () => {
    expect(writeFragment(sdp('a', 'b'), [], false)).not.toContain('end-of-candidates')
  })

  it('refuses a description that has not been set', () => {
    expect(() => writeFragment('', [], true)).toThrow()
  })
})

describe('applyFragment', () => {
  const old = sdp('old', 'oldpwd', ['a=candidate:1 1 udp 1 10.0.0.1 1 typ host', 'a=end-of-candidates'])
  const fresh = 'a=ice-lite\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=ice-ufrag:new\r\na=ice-pwd:newpwd\r\na=candidate:2 1 udp 1 10.0.0.2 2 typ host\r\na=end-of-candidates\r\n'

  it('changes the credentials of every section and the candidates, and nothing else', () => {
    const expected = sdp('new', 'newpwd').replace(
      'a=sendonly\r\nm=video',
      'a=sendonly\r\na=candidate:2 1 udp 1 10.0.0.2 2 typ host\r\na=end-of-candidates\r\nm=video',
    )
    expect(applyFragment(old, fresh)).toBe(expected)
  })

  it('is not fooled by an answer without credentials', () => {
    expect(() => applyFragment(old, 'a=candidate:2 1 udp 1 10.0.0.2 2 typ host')).toThrow()
  })
})
