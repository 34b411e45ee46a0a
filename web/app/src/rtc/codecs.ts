/** Which codecs a browser has and in which order we offer them. */

export interface Codec {
  mimeType: string
  clockRate: number
  channels?: number
  sdpFmtpLine?: string
}

/**
 * Ranks an H.264 capability: constrained baseline with packetization-mode 1 first, since it is what every phone decodes
 * and what needs no reordering, then baseline, main, high; mode 0 behind its equal.
 */
function rank(codec: Codec): number {
  const fmtp = codec.sdpFmtpLine ?? ''
  const profile = /profile-level-id=([0-9a-f]{4})/i.exec(fmtp)?.[1]?.toLowerCase() ?? '4200'
  const byProfile = ['42e0', '4200', '4d00', '6400'].indexOf(profile)
  const mode = /packetization-mode=1/.test(fmtp) ? 0 : 1
  return (byProfile < 0 ? 9 : byProfile) * 2 + mode
}

const isH264 = (codec: Codec) => codec.mimeType.toLowerCase() === 'video/h264'
const isRepair = (codec: Codec) => /^video\/(rtx|red|ulpfec|flexfec-03)$/i.test(codec.mimeType)

/** The H.264 codecs in our order of preference, followed by the repair formats; empty when there is no H.264. */
export function preferH264<T extends Codec>(codecs: readonly T[]): T[] {
  const h264 = codecs.filter(isH264)
  if (h264.length === 0) return []
  // Spread first: sort is stable, so equals keep the browser's own order.
  return [...[...h264].sort((a, b) => rank(a) - rank(b)), ...codecs.filter(isRepair)]
}

export interface Abilities {
  webrtc: boolean
  sendH264: boolean
  receiveH264: boolean
}

/** What this browser can do with WebRTC and H.264, asked without opening anything. */
export function abilities(): Abilities {
  if (typeof RTCPeerConnection === 'undefined') return { webrtc: false, sendH264: false, receiveH264: false }
  const has = (side: { getCapabilities?: (kind: string) => RTCRtpCapabilities | null } | undefined) => {
    // A browser too old to be asked is given the benefit of the doubt: the gateway's answer will tell.
    if (!side?.getCapabilities) return true
    return (side.getCapabilities('video')?.codecs ?? []).some(isH264)
  }
  return {
    webrtc: true,
    sendH264: has(typeof RTCRtpSender === 'undefined' ? undefined : RTCRtpSender),
    receiveH264: has(typeof RTCRtpReceiver === 'undefined' ? undefined : RTCRtpReceiver),
  }
}

/** Puts our order on a transceiver. Some browsers accept only receive capabilities here, hence the second try. */
export function setVideoPreferences(transceiver: RTCRtpTransceiver, direction: 'send' | 'receive'): void {
  if (!transceiver.setCodecPreferences) return
  const send = RTCRtpSender.getCapabilities?.('video')?.codecs ?? []
  const receive = RTCRtpReceiver.getCapabilities?.('video')?.codecs ?? []
  for (const codecs of direction === 'send' ? [send, receive] : [receive]) {
    const preferred = preferH264(codecs)
    if (preferred.length === 0) continue
    try {
      transceiver.setCodecPreferences(preferred)
      return
    } catch {
      // InvalidModificationError: this list names a codec the other side of the browser lacks.
    }
  }
}
