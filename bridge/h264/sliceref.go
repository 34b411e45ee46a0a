package h264

import "github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"

// sliceRefs is what a slice header says of reference pictures.
type sliceRefs struct {
	Slice
	span             uint32 // MaxFrameNum
	room             int    // frames held for reference at most
	active0, active1 int    // entries in use of the two lists
	// moves are the ref_pic_list_modification of list 0 (7.3.3.1), short-term only.
	moves    [maxMoves]move
	moved    int
	adaptive bool // adaptive_ref_pic_marking_mode_flag
	// unref are the pictures, counted back, of memory_management_control_operation 1 (7.3.3.3).
	unref   [maxMoves]uint32
	unrefed int
	// beyond says that it uses what refModel does not follow: long-term pictures, fields, slice
	// groups, a reset by operation 5.
	beyond bool
}

type move struct {
	add  bool // modification_of_pic_nums_idc 1, else 0
	diff uint32
}

// maxMoves bounds modifications and operations: 32 references and an end mark.
const maxMoves = 33

// maxSliceRefs bounds what is read of a slice: the head, 66 modifications, 32 weights of 6 codes.
const maxSliceRefs = 768

// parseSliceRefs reads a slice header up to and with its dec_ref_pic_marking. It returns false for what it cannot follow.
func parseSliceRefs(nal []byte, cfg *Config) (s sliceRefs, ok bool) {
	head, err := ParseSlice(nal, cfg)
	if err != nil || head.Field || nalType(nal) == nalPartitionA {
		return s, false
	}
	p, sps := cfg.setsOf(head.PPS)
	if p == nil || !p.readable {
		return s, false
	}
	var scratch [maxSliceRefs]byte
	r := bitReader{b: unescape(scratch[:0], nal[1:], maxSliceRefs)}
	r.ue()
	r.ue()
	r.ue()
	s.Slice = head
	s.span = 1 << (sps.Log2MaxFrameNumMinus4 + 4)
	s.room = max(int(sps.MaxNumRefFrames), 1)
	s.readOrder(&r, sps)
	switch {
	case sps.PicOrderCntType == 0 && p.bottomOrder:
		r.se()
	case sps.PicOrderCntType == 1 && !sps.DeltaPicOrderAlwaysZeroFlag:
		r.se()
		if p.bottomOrder {
			r.se()
		}
	}
	if p.redundant && r.ue() > 0 {
		return s, false
	}
	if !s.Type.Intra() {
		s.readLists(&r, p, sps)
	}
	if s.RefIDC > 0 {
		s.readMarking(&r)
	}
	return s, !r.bad && !s.beyond
}

func (s *sliceRefs) readLists(r *bitReader, p *pps, sps *h264.SPS) {
	b := s.Type == SliceB
	if b {
		r.bit()
	}
	s.active0, s.active1 = p.active0, p.active1
	if r.flag() {
		s.active0 = int(r.ue()) + 1
		if b {
			s.active1 = int(r.ue()) + 1
		}
	}
	if s.active0 > 32 || s.active1 > 32 {
		s.beyond = true
		return
	}
	s.readMoves(r, true)
	if b {
		s.readMoves(r, false)
	}
	if p.weighted && !b || p.weightedBidirection && b {
		chroma := sps.ChromaFormatIdc != 0 && !sps.SeparateColourPlaneFlag
		r.ue()
		if chroma {
			r.ue()
		}
		skipWeights(r, s.active0, chroma)
		if b {
			skipWeights(r, s.active1, chroma)
		}
	}
}

func (s *sliceRefs) readMoves(r *bitReader, keep bool) {
	if !r.flag() {
		return
	}
	for range maxMoves {
		op := r.ue()
		if op == 3 || r.bad {
			return
		}
		diff := r.ue()
		if op > 1 {
			break
		}
		if keep {
			s.moves[s.moved] = move{op == 1, diff + 1}
			s.moved++
		}
	}
	s.beyond = true
}

// skipWeights follows one list of pred_weight_table (7.3.3.2).
func skipWeights(r *bitReader, n int, chroma bool) {
	for range n {
		if r.flag() {
			r.se()
			r.se()
		}
		if chroma && r.flag() {
			for range 4 {
				r.se()
			}
		}
	}
}

func (s *sliceRefs) readMarking(r *bitReader) {
	if s.IDR {
		r.bit()
		s.beyond = s.beyond || r.flag()
		return
	}
	if s.adaptive = r.flag(); !s.adaptive {
		return
	}
	for range maxMoves {
		op := r.ue()
		if op == 0 {
			return
		}
		if op != 1 {
			break
		}
		s.unref[s.unrefed] = r.ue() + 1
		s.unrefed++
	}
	s.beyond = true
}
