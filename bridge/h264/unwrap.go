package h264

// Unwrapper extends 16-bit RTP sequence numbers to 64 bits. It starts at 1<<32, so that packets from
// before the first one do not fall below zero. The zero value is ready.
type Unwrapper struct {
	last    uint64
	started bool
}

// Extend returns the number nearest to the last one whose low 16 bits are seq.
func (u *Unwrapper) Extend(seq uint16) uint64 {
	if !u.started {
		u.started = true
		u.last = 1<<32 + uint64(seq)
		return u.last
	}
	u.last += uint64(int64(int16(seq - uint16(u.last))))
	return u.last
}
