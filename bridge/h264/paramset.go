package h264

import (
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
)

// maxDimension is beyond any level's picture width (level 6.2 allows 16,880 at most).
const maxDimension = 16896

// parseSPS reads a sequence parameter set and refuses values outside the ranges of 7.4.2.1.1 that
// later code relies on.
func parseSPS(nal []byte) (h264.SPS, error) {
	var s h264.SPS
	if len(nal) < 5 || len(nal) > 0xffff || nalType(nal) != nalSPS {
		return s, fmt.Errorf("%w: SPS of %d bytes and type %d; send a valid one", ErrParameter, len(nal), nalType(nal))
	}
	if err := s.Unmarshal(nal); err != nil {
		return s, fmt.Errorf("%w: SPS of %d bytes: %w; send a valid one", ErrParameter, len(nal), err)
	}
	w, h := pictureSize(&s)
	switch {
	case s.ID > 31, s.ChromaFormatIdc > 3, s.BitDepthLumaMinus8 > 6, s.BitDepthChromaMinus8 > 6,
		s.Log2MaxFrameNumMinus4 > 12, s.Log2MaxPicOrderCntLsbMinus4 > 12, s.MaxNumRefFrames > 16:
		return s, fmt.Errorf("%w: SPS field out of range; send a valid one", ErrParameter)
	case w <= 0 || h <= 0 || w > maxDimension || h > maxDimension:
		return s, fmt.Errorf("%w: SPS with a picture of %dx%d, limit %d each way", ErrParameter, w, h, maxDimension)
	}
	return s, nil
}

// pictureSize is the cropped picture in pixels (7.4.2.1.1), or 0 x 0 where the numbers make no sense.
// The library's own Width and Height ignore the cropping of monochrome pictures and may wrap around.
func pictureSize(s *h264.SPS) (w, h int) {
	cropX, cropY := 1, 1
	if !s.SeparateColourPlaneFlag {
		switch s.ChromaFormatIdc {
		case 1:
			cropX, cropY = 2, 2
		case 2:
			cropX = 2
		}
	}
	fields := 1
	if !s.FrameMbsOnlyFlag {
		fields = 2
	}
	cropY *= fields
	w = 16 * (int(s.PicWidthInMbsMinus1) + 1)
	h = 16 * fields * (int(s.PicHeightInMapUnitsMinus1) + 1)
	if c := s.FrameCropping; c != nil {
		w -= cropX * (int(c.LeftOffset) + int(c.RightOffset))
		h -= cropY * (int(c.TopOffset) + int(c.BottomOffset))
	}
	if w < 0 || h < 0 {
		return 0, 0
	}
	return w, h
}

// pps is what slice headers need of a picture parameter set (7.3.2.2).
type pps struct {
	id, spsID           uint32
	readable            bool // what follows was there, and without slice groups
	bottomOrder         bool // bottom_field_pic_order_in_frame_present_flag
	active0             int  // num_ref_idx_l0_default_active_minus1 + 1
	active1             int
	weighted            bool // weighted_pred_flag
	weightedBidirection bool // weighted_bipred_idc is 1
	redundant           bool // redundant_pic_cnt_present_flag
}

func parsePPS(nal []byte) (pps, error) {
	if len(nal) < 2 || len(nal) > 0xffff || nalType(nal) != nalPPS {
		return pps{}, fmt.Errorf("%w: PPS of %d bytes and type %d; send a valid one", ErrParameter, len(nal), nalType(nal))
	}
	var scratch [64]byte
	r := bitReader{b: unescape(scratch[:0], nal[1:], len(scratch))}
	p := pps{id: r.ue(), spsID: r.ue()}
	if r.bad || p.id > 255 || p.spsID > 31 {
		return p, fmt.Errorf("%w: PPS id %d for SPS id %d, limit 255 and 31; send a valid one", ErrParameter, p.id, p.spsID)
	}
	r.bit()
	p.bottomOrder = r.flag()
	groups := r.ue()
	p.active0, p.active1 = int(r.ue())+1, int(r.ue())+1
	p.weighted = r.flag()
	p.weightedBidirection = r.bits(2) == 1
	r.se()
	r.se()
	r.se()
	r.bits(2)
	p.redundant = r.flag()
	p.readable = !r.bad && groups == 0
	return p, nil
}
