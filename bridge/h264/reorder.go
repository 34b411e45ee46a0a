package h264

import "time"

// Modes of a ReorderFilter, which are also what operators are told.
const (
	ModeNone          = "none"           // no picture came out of order
	ModeDropped       = "dropped"        // B pictures are left out
	ModeKeyframesOnly = "keyframes_only" // all but keyframes are left out
)

// Reasons why a ReorderFilter drops an access unit.
const (
	ReasonBFrame        = "b_frame"        // out of order, and nothing refers to it
	ReasonBReference    = "b_reference"    // out of order, and others may refer to it, but those that pass do not
	ReasonKeyframesOnly = "keyframes_only" // may refer to one that was dropped
	ReasonNoPicture     = "no_picture"     // holds no slice
	ReasonBadSlice      = "bad_slice"      // its slices cannot be read
)

// Verdict is what a ReorderFilter says of one access unit. Reason is empty if Pass.
type Verdict struct {
	Pass   bool
	Reason string
}

// ReorderFilter thins a stream out until its pictures come in the order they are shown, because browsers
// fail on any others: of a stream with B-frames they decode a few, ask for keyframes without end,
// and show a still. It needs no transcoding, for a picture may be left out when no passed one
// refers to it:
//
//   - A picture that would be shown before one already passed, with nal_ref_idc 0: left out.
//   - The same with nal_ref_idc above 0 (x264's b-pyramid): left out too, and later pictures pass as long as
//     their slice headers prove that they do not refer to it. x264 with one reference
//     (its presets veryfast and faster, ref=1) proves it throughout.
//   - Where they do not, nothing passes up to the next keyframe, and from then on keyframes alone, for an even
//     pace, up to a group of pictures that would have passed.
//
// Order is judged by picture order count (8.2.1), or by presentation time where an SPS has no
// pic_order_cnt_type 0. What it passes needs Config.NoReorder towards decoders. Use one per stream.
type ReorderFilter struct {
	poc     pocReader
	refs    refModel
	highest int64 // order of the picture seen that is shown last
	begun   bool
	cut     bool // a picture may refer to one left out: nothing passes up to the next keyframe
	gop     gopSeen
	before  gopSeen // the whole group of pictures before this one
	counts  map[string]uint64
}

// gopSeen is what happened in a group of pictures.
type gopSeen struct {
	dropped bool // a B picture was left out
	cut     bool // a picture that passes may refer to one left out
}

// NewReorderFilter returns a ReorderFilter in front of a stream's first access unit.
func NewReorderFilter() *ReorderFilter { return &ReorderFilter{counts: map[string]uint64{}} }

// Reset makes f expect a keyframe, as after a change of publisher or Config. Counts stay.
func (f *ReorderFilter) Reset() { *f = ReorderFilter{counts: f.counts} }

// Mode says what f is doing to the stream. It changes at most with every access unit, and
// goes back only after a whole group of pictures without cause.
func (f *ReorderFilter) Mode() string {
	switch {
	case f.gop.cut || f.before.cut:
		return ModeKeyframesOnly
	case f.gop.dropped || f.before.dropped:
		return ModeDropped
	}
	return ModeNone
}

// Dropped is the number of access units dropped, by reason.
func (f *ReorderFilter) Dropped() map[string]uint64 {
	out := make(map[string]uint64, len(f.counts))
	for k, v := range f.counts {
		out[k] = v
	}
	return out
}

// Check judges the next access unit in decode order. cfg is the publisher's, key says that
// the access unit holds an IDR picture.
func (f *ReorderFilter) Check(nals [][]byte, cfg *Config, pts, dts time.Duration, key bool) Verdict {
	reason := f.judge(nals, cfg, pts, key)
	if reason != "" {
		f.counts[reason]++
	}
	return Verdict{reason == "", reason}
}

func (f *ReorderFilter) judge(nals [][]byte, cfg *Config, pts time.Duration, key bool) string {
	pic, reason := readPicture(nals, cfg)
	if reason != "" {
		if reason == ReasonBadSlice {
			f.cutOff()
		}
		return reason
	}
	order := f.poc.order(pic, key, pts)
	if key {
		f.before, f.gop = f.gop, gopSeen{}
		f.begun, f.cut = true, false
		f.highest = order
		f.refs.reset(nals, cfg)
		return ""
	}
	if !f.begun {
		return ReasonKeyframesOnly
	}
	early := order < f.highest
	f.highest = max(f.highest, order)
	sound := f.refs.add(nals, cfg, early)
	if early && pic.RefIDC > 0 && f.refs.lost || !early && !sound {
		f.cutOff()
	}
	switch {
	case f.cut || f.before.cut:
		return ReasonKeyframesOnly
	case early && pic.RefIDC > 0:
		f.gop.dropped = true
		return ReasonBReference
	case early:
		f.gop.dropped = true
		return ReasonBFrame
	}
	return ""
}

func (f *ReorderFilter) cutOff() { f.cut, f.gop.cut = true, true }

// readPicture reads the first slice's head, with RefIDC that of the whole access unit.
func readPicture(nals [][]byte, cfg *Config) (Slice, string) {
	var pic Slice
	ref, found := byte(0), false
	for _, nal := range nals {
		t := nalType(nal)
		if !isVCL(t) {
			continue
		}
		ref = max(ref, nalRef(nal))
		if found {
			continue
		}
		s, err := ParseSlice(nal, cfg)
		if err != nil {
			return pic, ReasonBadSlice
		}
		pic, found = s, true
	}
	if !found {
		return pic, ReasonNoPicture
	}
	pic.RefIDC = ref
	return pic, ""
}

// pocReader follows picture order counts of type 0 (8.2.1.1).
type pocReader struct {
	msb, lsb int64 // of the latest reference picture
}

// order is a number that grows in show order within a group of pictures.
func (p *pocReader) order(s Slice, key bool, pts time.Duration) int64 {
	if s.POCBits == 0 {
		return int64(pts)
	}
	if key {
		p.msb, p.lsb = 0, 0
	}
	span := int64(1) << s.POCBits
	lsb := int64(s.POCLsb)
	msb := p.msb
	switch {
	case lsb < p.lsb && p.lsb-lsb >= span/2:
		msb += span
	case lsb > p.lsb && lsb-p.lsb > span/2:
		msb -= span
	}
	if s.RefIDC > 0 {
		p.msb, p.lsb = msb, lsb
	}
	return msb + lsb
}
