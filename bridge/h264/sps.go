package h264

import (
	"errors"
	"fmt"
)

// errVUI says that a parameter set's VUI cannot be followed to its end.
var errVUI = errors.New("h264: unreadable VUI")

// RewriteSPSNoReorder returns a copy of an SPS whose VUI says that pictures come in output order:
// max_num_reorder_frames 0 and max_dec_frame_buffering as small as the references allow. Without
// it a decoder may hold every picture back for as many as its buffer takes (C.4.5.3). All else stays,
// bit for bit. The stream must really have no reordering; ReorderFilter sees to that.
func RewriteSPSNoReorder(sps []byte) ([]byte, error) { return rewriteSPS(sps, false) }

// NoReorder is the Config for WebRTC players: c itself where its SPS rule reordering out, else one with
// rewritten SPS. An SPS that cannot be rewritten stays as it is. Where reference B pictures are
// possible the SPS also permits gaps in frame_num, which ReorderFilter leaves.
func (c *Config) NoReorder() *Config {
	var changed [][]byte
	for i := range c.sps {
		s := &c.sps[i]
		stated := s.VUI != nil && s.VUI.BitstreamRestriction != nil && s.VUI.BitstreamRestriction.MaxNumReorderFrames == 0
		if stated || s.PicOrderCntType == 2 {
			continue
		}
		nal, err := rewriteSPS(c.SPS[i], s.ProfileIdc != 66)
		if err != nil {
			continue
		}
		if changed == nil {
			changed = append(changed, c.SPS...)
		}
		changed[i] = nal
	}
	if changed == nil {
		return c
	}
	out, err := NewConfig(changed, c.PPS)
	if err != nil {
		return c
	}
	out.LengthSize = c.LengthSize
	return out
}

// rewriteSPS does RewriteSPSNoReorder, and with gaps sets gaps_in_frame_num_value_allowed_flag: a decoder
// then takes pictures that were left out for what they are (8.2.5.2), not for a loss.
func rewriteSPS(sps []byte, gaps bool) ([]byte, error) {
	info, err := parseSPS(sps)
	if err != nil {
		return nil, err
	}
	rbsp := unescape(make([]byte, 0, len(sps)), sps[1:], len(sps))
	r := &bitReader{b: rbsp}
	gapsAt := skipSPS(r)
	vuiAt := r.pos
	vui := r.flag()

	w := &bitWriter{b: make([]byte, 0, len(rbsp)+16)}
	restriction := bitstreamRestriction{anyVector: 1, bytesDenom: 2, bitsDenom: 1, maxX: 16, maxY: 16}
	if vui {
		skipVUI(r)
		w.copyBits(rbsp, 0, r.pos)
		if r.flag() {
			restriction.read(r)
		}
	} else {
		w.copyBits(rbsp, 0, vuiAt)
		w.bit(1)
		w.bits(0, 8) // aspect ratio, overscan, signal, chroma, timing, both HRD, pic_struct: absent
	}
	if r.bad {
		return nil, fmt.Errorf("%w: %w: ends within %d bytes; send a valid one", ErrParameter, errVUI, len(sps))
	}
	restriction.reorder = 0
	restriction.buffering = max(min(restriction.buffering, 16), info.MaxNumRefFrames)
	w.bit(1)
	restriction.write(w)
	w.trail()
	if gaps {
		w.b[gapsAt>>3] |= 0x80 >> (gapsAt & 7)
	}
	return escape(append(make([]byte, 0, len(w.b)+8), sps[0]), w.b), nil
}

// skipSPS moves to vui_parameters_present_flag (7.3.2.1.1) and returns where
// gaps_in_frame_num_value_allowed_flag is.
func skipSPS(r *bitReader) (gapsAt int) {
	profile := r.bits(8)
	r.bits(16)
	r.ue()
	switch profile {
	case 100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135:
		chroma := r.ue()
		if chroma == 3 {
			r.bit()
		}
		r.ue()
		r.ue()
		r.bit()
		if r.flag() {
			lists := 8
			if chroma == 3 {
				lists = 12
			}
			for i := range lists {
				if r.flag() {
					skipScalingList(r, i)
				}
			}
		}
	}
	r.ue()
	switch r.ue() {
	case 0:
		r.ue()
	case 1:
		r.bit()
		r.se()
		r.se()
		for n := r.ue(); n > 0 && !r.bad; n-- {
			r.se()
		}
	}
	r.ue()
	gapsAt = r.pos
	r.bit()
	r.ue()
	r.ue()
	if !r.flag() {
		r.bit()
	}
	r.bit()
	if r.flag() {
		for range 4 {
			r.ue()
		}
	}
	return gapsAt
}

// skipScalingList follows 7.3.2.1.1.1.
func skipScalingList(r *bitReader, list int) {
	size := 16
	if list >= 6 {
		size = 64
	}
	last, next := int32(8), int32(8)
	for range size {
		if next != 0 {
			next = (last + r.se() + 256) % 256
		}
		if next != 0 {
			last = next
		}
	}
}

// skipVUI moves to bitstream_restriction_flag (E.1.1).
func skipVUI(r *bitReader) {
	const extendedSAR = 255
	if r.flag() && r.bits(8) == extendedSAR {
		r.bits(32)
	}
	if r.flag() {
		r.bit()
	}
	if r.flag() {
		r.bits(4)
		if r.flag() {
			r.bits(24)
		}
	}
	if r.flag() {
		r.ue()
		r.ue()
	}
	if r.flag() {
		r.bits(32)
		r.bits(32)
		r.bit()
	}
	nal := r.flag()
	if nal {
		skipHRD(r)
	}
	vcl := r.flag()
	if vcl {
		skipHRD(r)
	}
	if nal || vcl {
		r.bit()
	}
	r.bit()
}

// skipHRD follows E.1.2.
func skipHRD(r *bitReader) {
	n := r.ue()
	r.bits(8)
	for i := uint32(0); i <= n && !r.bad; i++ {
		r.ue()
		r.ue()
		r.bit()
	}
	r.bits(20)
}

// bitstreamRestriction is the end of the VUI (E.1.1).
type bitstreamRestriction struct {
	anyVector                      uint32
	bytesDenom, bitsDenom          uint32
	maxX, maxY, reorder, buffering uint32
}

func (b *bitstreamRestriction) read(r *bitReader) {
	b.anyVector = r.bit()
	for _, v := range b.fields() {
		*v = r.ue()
	}
}

func (b *bitstreamRestriction) write(w *bitWriter) {
	w.bit(b.anyVector)
	for _, v := range b.fields() {
		w.ue(*v)
	}
}

func (b *bitstreamRestriction) fields() [6]*uint32 {
	return [...]*uint32{&b.bytesDenom, &b.bitsDenom, &b.maxX, &b.maxY, &b.reorder, &b.buffering}
}
