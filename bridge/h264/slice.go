package h264

import (
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
)

// SliceType is slice_type modulo 5 (table 7-6).
type SliceType uint8

// Slice types.
const (
	SliceP SliceType = iota
	SliceB
	SliceI
	SliceSP
	SliceSI
)

// Intra tells slices that refer to no other picture.
func (t SliceType) Intra() bool { return t == SliceI || t == SliceSI }

func (t SliceType) String() string {
	return [...]string{"P", "B", "I", "SP", "SI"}[min(t, SliceSI)]
}

// Slice is the head of a slice header (7.3.3).
type Slice struct {
	FirstMB uint32 // first_mb_in_slice: 0 in the first slice of a picture
	Type    SliceType
	PPS     uint32 // pic_parameter_set_id
	RefIDC  byte   // nal_ref_idc: 0 says that no later picture refers to this one
	IDR     bool

	// The rest needs the Config.
	FrameNum uint32
	Field    bool // field_pic_flag
	Bottom   bool // bottom_field_flag
	// POCLsb is pic_order_cnt_lsb, of POCBits bits; POCBits is 0 where the SPS's
	// pic_order_cnt_type is not 0.
	POCLsb  uint32
	POCBits int
}

// maxSliceHead bounds what is read of a slice: five Exp-Golomb codes and two 16-bit fields.
const maxSliceHead = 32

// ParseSlice reads a slice NAL unit's head, looking at its first bytes only. With a nil cfg it stops
// after the PPS id.
func ParseSlice(nal []byte, cfg *Config) (Slice, error) {
	t := nalType(nal)
	if t != nalSlice && t != nalIDR && t != nalPartitionA {
		return Slice{}, fmt.Errorf("%w: NAL unit type %d holds none", ErrSlice, t)
	}
	var scratch [maxSliceHead]byte
	r := bitReader{b: unescape(scratch[:0], nal[1:], maxSliceHead)}
	s := Slice{RefIDC: nalRef(nal), IDR: t == nalIDR, FirstMB: r.ue()}
	kind := r.ue()
	s.Type = SliceType(kind % 5)
	s.PPS = r.ue()
	if r.bad || kind > 9 || s.PPS > 255 {
		return s, fmt.Errorf("%w: slice_type %d, PPS %d in %d bytes", ErrSlice, kind, s.PPS, len(nal))
	}
	if cfg == nil {
		return s, nil
	}
	_, sps := cfg.setsOf(s.PPS)
	if sps == nil {
		return s, fmt.Errorf("%w: refers to PPS %d, which was not sent", ErrSlice, s.PPS)
	}
	s.readOrder(&r, sps)
	if r.bad {
		return s, fmt.Errorf("%w: ends within %d bytes", ErrSlice, len(nal))
	}
	return s, nil
}

func (s *Slice) readOrder(r *bitReader, sps *h264.SPS) {
	if sps.SeparateColourPlaneFlag {
		r.bits(2)
	}
	s.FrameNum = r.bits(int(sps.Log2MaxFrameNumMinus4) + 4)
	if !sps.FrameMbsOnlyFlag {
		if s.Field = r.flag(); s.Field {
			s.Bottom = r.flag()
		}
	}
	if s.IDR {
		r.ue()
	}
	if sps.PicOrderCntType == 0 {
		s.POCBits = int(sps.Log2MaxPicOrderCntLsbMinus4) + 4
		s.POCLsb = r.bits(s.POCBits)
	}
}

// setsOf finds the parameter sets of a slice, nil if they were not sent.
func (c *Config) setsOf(ppsID uint32) (*pps, *h264.SPS) {
	if c == nil {
		return nil, nil
	}
	for i := range c.pps {
		if c.pps[i].id != ppsID {
			continue
		}
		for j := range c.sps {
			if c.sps[j].ID == c.pps[i].spsID {
				return &c.pps[i], &c.sps[j]
			}
		}
	}
	return nil, nil
}
