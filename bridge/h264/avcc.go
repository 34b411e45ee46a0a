package h264

import (
	"encoding/binary"
	"fmt"
)

// SplitAVCC appends the NAL units of b to dst without copying them: they alias b. Each is
// preceded by its length in lengthSize bytes, 1 to 4. Empty NAL units are skipped. On error
// dst comes back as it was.
func SplitAVCC(dst [][]byte, b []byte, lengthSize int) ([][]byte, error) {
	if lengthSize < 1 || lengthSize > 4 {
		return dst, fmt.Errorf("%w: length size %d, want 1 to 4 as the sequence header says", ErrAVCC, lengthSize)
	}
	if len(b) > MaxAccessUnitSize {
		return dst, fmt.Errorf("%w: %d bytes, limit %d; lower the bitrate", ErrAVCC, len(b), MaxAccessUnitSize)
	}
	out := dst
	for at := 0; at < len(b); {
		if len(b)-at < lengthSize {
			return dst, fmt.Errorf("%w: %d stray bytes at offset %d, want a %d-byte length", ErrAVCC, len(b)-at, at, lengthSize)
		}
		n := 0
		for _, c := range b[at : at+lengthSize] {
			n = n<<8 | int(c)
		}
		at += lengthSize
		if n > len(b)-at {
			if lengthSize == 4 && len(b) > 3 && b[0] == 0 && b[1] == 0 && (b[2] == 1 || b[2] == 0 && b[3] == 1) {
				return dst, fmt.Errorf("%w: start code found, the sender writes Annex B; make it write AVCC", ErrAVCC)
			}
			return dst, fmt.Errorf("%w: NAL unit of %d bytes at offset %d, only %d left; check the length size %d",
				ErrAVCC, n, at, len(b)-at, lengthSize)
		}
		if n > 0 {
			if len(out)-len(dst) == MaxNALs {
				return dst, fmt.Errorf("%w: more than %d NAL units; use fewer slices", ErrAVCC, MaxNALs)
			}
			out = append(out, b[at:at+n:at+n])
		}
		at += n
	}
	return out, nil
}

// AppendAVCC appends each NAL unit to dst behind its length in 4 bytes.
func AppendAVCC(dst []byte, nals [][]byte) []byte {
	for _, nal := range nals {
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(nal)))
		dst = append(dst, nal...)
	}
	return dst
}

// IsKeyframe tells whether an access unit holds an IDR slice, and nothing less. A picture with a
// recovery point SEI (open GOP, intra refresh) is no keyframe: the pictures around it may refer
// to earlier ones, and browsers do not start there. See IsRecoveryPoint for those that do.
func IsKeyframe(nals [][]byte) bool {
	for _, nal := range nals {
		if nalType(nal) == nalIDR {
			return true
		}
	}
	return false
}

// IsRecoveryPoint tells whether a decoder that tolerates a broken leading picture may start here
// although there is no IDR: all slices are I and a recovery point SEI (D.1.8) says that pictures
// are whole from this one on (recovery_frame_cnt 0). RTMP and FLV players may start there when
// a publisher sends no IDR; WebRTC players may not.
func IsRecoveryPoint(nals [][]byte) bool {
	point, slices := false, 0
	for _, nal := range nals {
		switch t := nalType(nal); {
		case t == nalSEI:
			point = point || hasRecoveryPoint(nal)
		case isVCL(t):
			s, err := ParseSlice(nal, nil)
			if err != nil || !s.Type.Intra() {
				return false
			}
			slices++
		}
	}
	return point && slices > 0
}

// hasRecoveryPoint walks the messages of an SEI NAL unit (7.3.2.3.1).
func hasRecoveryPoint(sei []byte) bool {
	const recoveryPoint = 6
	var scratch [256]byte
	b := unescape(scratch[:0], sei[1:], len(scratch))
	for len(b) > 2 {
		kind, size := 0, 0
		for _, v := range []*int{&kind, &size} {
			for len(b) > 0 {
				c := b[0]
				b = b[1:]
				*v += int(c)
				if c != 0xff {
					break
				}
			}
		}
		if size > len(b) {
			return false
		}
		if kind == recoveryPoint {
			r := bitReader{b: b[:size]}
			return r.ue() == 0 && !r.bad
		}
		b = b[size:]
	}
	return false
}

// WithoutParameterSets appends to dst the NAL units that belong in an FLV tag or an fMP4 sample:
// all but parameter sets (their Config travels apart), access unit delimiters, end markers and filler.
func WithoutParameterSets(dst, nals [][]byte) [][]byte {
	for _, nal := range nals {
		switch nalType(nal) {
		case 0, nalSPS, nalPPS, nalAUD, nalEndOfSeq, nalEndOfStrm, nalFiller:
		default:
			dst = append(dst, nal)
		}
	}
	return dst
}
