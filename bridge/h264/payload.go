package h264

// Info is what a look at one RTP payload tells, without depacketising.
type Info struct {
	Key        bool // holds all or part of an IDR picture, or an SPS
	Start      bool // starts a keyframe: holds an SPS, or the first bytes of an IDR picture's first slice
	Disposable bool // holds only slices no later picture refers to (nal_ref_idc 0)
}

// PayloadInfo looks at an RTP payload (RFC 6184). Unknown or damaged payloads tell nothing.
func PayloadInfo(payload []byte) Info {
	switch nalType(payload) {
	case nalSTAPA:
		info := Info{Disposable: true}
		n := 0
		for b := payload[1:]; len(b) >= 2; n++ {
			size := int(b[0])<<8 | int(b[1])
			if b = b[2:]; size == 0 || size > len(b) {
				return Info{}
			}
			one := nalInfo(b[0], b[1:size])
			info.Key = info.Key || one.Key
			info.Start = info.Start || one.Start
			info.Disposable = info.Disposable && one.Disposable
			b = b[size:]
		}
		info.Disposable = info.Disposable && n > 0
		return info
	case nalFUA:
		if len(payload) < 3 {
			return Info{}
		}
		info := nalInfo(payload[0]&0xe0|payload[1]&0x1f, payload[2:])
		info.Start = info.Start && payload[1]&0x80 != 0
		return info
	case 0:
		return Info{}
	}
	return nalInfo(payload[0], payload[1:])
}

func nalInfo(head byte, body []byte) Info {
	switch t := head & 0x1f; {
	case t == nalSPS:
		return Info{Key: true, Start: true}
	case t == nalIDR:
		// A set first bit is first_mb_in_slice 0.
		return Info{Key: true, Start: len(body) > 0 && body[0]&0x80 != 0}
	case isVCL(t):
		return Info{Disposable: head&0x60 == 0}
	}
	return Info{}
}
