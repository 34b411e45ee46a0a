import { describe, expect, it } from 'vitest'
import { preferH264, type Codec } from './codecs'

const h264 = (profile: string, mode: number): Codec => ({
  mimeType: 'video/H264',
  clockRate: 90000,
  sdpFmtpLine: `level-asymmetry-allowed=1;packetization-mode=${mode};profile-level-id=${profile}`,
})
const other = (name: string): Codec => ({ mimeType: `video/${name}`, clockRate: 90000 })

describe('preferH264', () => {
  it('puts constrained baseline with mode 1 first and drops what is not H.264', () => {
    const offered = [
      other('VP8'), other('rtx'), h264('42001f', 1), h264('42001f', 0), h264('42e01f', 0), h264('42e01f', 1),
      h264('4d001f', 1), h264('64001f', 1), other('AV1'), other('red'), other('ulpfec'),
    ]
    const order = preferH264(offered).map((c) => /profile-level-id=(\w+)/.exec(c.sdpFmtpLine ?? '')?.[1] ?? c.mimeType)
    expect(order).toEqual(['42e01f', '42e01f', '42001f', '42001f', '4d001f', '64001f', 'video/rtx', 'video/red', 'video/ulpfec'])
    expect(preferH264(offered)[0]?.sdpFmtpLine).toContain('packetization-mode=1')
  })

  it('offers nothing where there is no H.264, not even repair', () => {
    expect(preferH264([other('VP8'), other('rtx')])).toEqual([])
  })
})
