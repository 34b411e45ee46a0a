package sfu

// H.264 NAL unit types as carried in RTP (RFC 6184 §5.2).
const (
	nalIDR   = 5
	nalSPS   = 7
	nalSTAPA = 24
	nalFUA   = 28
)

// beginsKeyframe reports whether an H.264 RTP payload is where a decoder can
// start: it holds a sequence parameter set or the beginning of an IDR slice.
func beginsKeyframe(payload []byte) bool {
	if len(payload) == 0 {
		return false
	}
	switch payload[0] & 0x1f {
	case nalIDR, nalSPS:
		return true
	case nalSTAPA:
		for rest := payload[1:]; len(rest) > 2; {
			size := int(rest[0])<<8 | int(rest[1])
			if size == 0 || size > len(rest)-2 {
				return false
			}
			if t := rest[2] & 0x1f; t == nalIDR || t == nalSPS {
				return true
			}
			rest = rest[2+size:]
		}
	case nalFUA:
		return len(payload) > 1 && payload[1]&0x80 != 0 && payload[1]&0x1f == nalIDR
	}

	return false
}

// findSPS finds the sequence parameter set in an H.264 RTP payload, or nil.
func findSPS(payload []byte) []byte {
	if len(payload) == 0 {
		return nil
	}
	switch payload[0] & 0x1f {
	case nalSPS:
		return payload
	case nalSTAPA:
		for rest := payload[1:]; len(rest) > 2; {
			size := int(rest[0])<<8 | int(rest[1])
			if size == 0 || size > len(rest)-2 {
				return nil
			}
			if nal := rest[2 : 2+size]; nal[0]&0x1f == nalSPS {
				return nal
			}
			rest = rest[2+size:]
		}
	}

	return nil
}
