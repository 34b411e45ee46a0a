package h264

// bitReader reads RBSP bits. Past the end it yields zeros and sets bad, so that a parser checks once.
type bitReader struct {
	b   []byte
	pos int // in bits
	bad bool
}

func (r *bitReader) bit() uint32 {
	if r.pos >= len(r.b)*8 {
		r.bad = true
		return 0
	}
	v := r.b[r.pos>>3] >> (7 - r.pos&7) & 1
	r.pos++
	return uint32(v)
}

func (r *bitReader) flag() bool { return r.bit() == 1 }

// bits reads n bits, at most 32.
func (r *bitReader) bits(n int) uint32 {
	var v uint32
	for range n {
		v = v<<1 | r.bit()
	}
	return v
}

// ue reads an unsigned Exp-Golomb code (9.1), at most 2^32-2.
func (r *bitReader) ue() uint32 {
	zeros := 0
	for r.bit() == 0 {
		if zeros++; r.bad || zeros > 31 {
			r.bad = true
			return 0
		}
	}
	return 1<<zeros - 1 + r.bits(zeros)
}

// se reads a signed Exp-Golomb code (9.1.1).
func (r *bitReader) se() int32 {
	v := r.ue()
	if v&1 == 1 {
		return int32(v/2 + 1)
	}
	return -int32(v / 2)
}

// bitWriter writes RBSP bits.
type bitWriter struct {
	b    []byte
	free int // unused low bits of the last byte
}

func (w *bitWriter) bit(v uint32) {
	if w.free == 0 {
		w.b = append(w.b, 0)
		w.free = 8
	}
	w.free--
	w.b[len(w.b)-1] |= byte(v&1) << w.free
}

func (w *bitWriter) bits(v uint32, n int) {
	for i := n - 1; i >= 0; i-- {
		w.bit(v >> i)
	}
}

func (w *bitWriter) ue(v uint32) {
	n := 0
	for x := uint64(v) + 1; x > 1; x >>= 1 {
		n++
	}
	w.bits(0, n)
	w.bit(1)
	w.bits(uint32(uint64(v)+1-1<<n), n)
}

// copyBits copies the bits [from, to) of b.
func (w *bitWriter) copyBits(b []byte, from, to int) {
	r := bitReader{b: b, pos: from}
	for r.pos < to {
		w.bit(r.bit())
	}
}

// trail writes the rbsp_trailing_bits (7.3.2.11).
func (w *bitWriter) trail() {
	w.bit(1)
	w.free = 0
}

// unescape appends at most limit bytes of RBSP to dst: nal without its emulation prevention
// bytes (7.4.1.1).
func unescape(dst, nal []byte, limit int) []byte {
	zeros := 0
	for _, c := range nal {
		if limit == 0 {
			break
		}
		if zeros >= 2 && c == 3 {
			zeros = 0
			continue
		}
		if c == 0 {
			zeros++
		} else {
			zeros = 0
		}
		dst = append(dst, c)
		limit--
	}
	return dst
}

// escape appends rbsp to dst with emulation prevention bytes.
func escape(dst, rbsp []byte) []byte {
	zeros := 0
	for _, c := range rbsp {
		if zeros >= 2 && c <= 3 {
			dst = append(dst, 3)
			zeros = 0
		}
		if c == 0 {
			zeros++
		} else {
			zeros = 0
		}
		dst = append(dst, c)
	}
	return dst
}
