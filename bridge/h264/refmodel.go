package h264

import "slices"

// refModel follows which reference pictures a decoder holds (8.2.4, 8.2.5): one of the full stream, and one
// of the thinned stream, which takes what was left out for gaps in frame_num (8.2.5.2). So it proves that
// a P picture refers to the same pictures in both. It knows frames with short-term references only,
// which is what x264 makes, and owns up to anything else.
type refModel struct {
	full, thin refFrames
	last       uint32 // frame_num of the latest reference picture
	thinned    bool   // a reference was left out
	lost       bool   // something happened that it cannot follow
}

// reset starts over at an IDR picture.
func (m *refModel) reset(nals [][]byte, cfg *Config) {
	*m = refModel{full: append(m.full[:0], refFrame{}), thin: append(m.thin[:0], refFrame{})}
	for _, nal := range nals {
		if isVCL(nalType(nal)) {
			s, ok := parseSliceRefs(nal, cfg)
			m.lost = m.lost || !ok || !s.IDR
		}
	}
}

// add takes the next picture, to be left out if early. It returns false if the picture may refer to one that
// was left out.
func (m *refModel) add(nals [][]byte, cfg *Config, early bool) bool {
	sound, first := true, true
	var marks sliceRefs
	for _, nal := range nals {
		if !isVCL(nalType(nal)) {
			continue
		}
		s, ok := parseSliceRefs(nal, cfg)
		if !ok {
			m.lost = true
			break
		}
		if first {
			first = false
			marks = s
			if s.FrameNum != m.last && s.FrameNum != (m.last+1)%s.span {
				m.lost = true // the publisher left some out
			}
		}
		if m.thinned && !early && !s.Type.Intra() {
			sound = sound && m.same(&s)
		}
	}
	if marks.RefIDC > 0 && !m.lost {
		m.mark(&marks, early)
	}
	return !m.thinned || sound && !m.lost
}

// same tells whether a slice's references in use are the same in both streams. Of B slices it does not know.
func (m *refModel) same(s *sliceRefs) bool {
	if s.Type != SliceP {
		return false
	}
	full, ok1 := m.full.list0(s)
	thin, ok2 := m.thin.list0(s)
	return ok1 && ok2 && slices.Equal(full, thin) && !slices.ContainsFunc(thin, func(f refFrame) bool { return f.gone })
}

// mark does the marking process (8.2.5). The thinned stream lacks what a picture left out says of others.
func (m *refModel) mark(s *sliceRefs, leave bool) {
	ok := m.full.mark(s)
	if leave {
		m.thinned = true
		ok = m.thin.slide(s) && ok
	} else {
		ok = m.thin.mark(s) && ok
	}
	m.lost = m.lost || !ok
	m.full = append(m.full, refFrame{s.FrameNum, leave})
	m.thin = append(m.thin, refFrame{s.FrameNum, leave})
	m.last = s.FrameNum
}

// refFrames are the frames a decoder holds for reference, in no order.
type refFrames []refFrame

type refFrame struct {
	num  uint32 // frame_num
	gone bool   // left out of the thinned stream
}

// picNum is PicNum of a frame, equal to FrameNumWrap (8.2.4.1), as the slice sees it.
func (f refFrame) picNum(s *sliceRefs) int64 {
	if f.num > s.FrameNum {
		return int64(f.num) - int64(s.span)
	}
	return int64(f.num)
}

func (l refFrames) index(s *sliceRefs, picNum int64) int {
	return slices.IndexFunc(l, func(f refFrame) bool { return f.picNum(s) == picNum })
}

// list0 builds the part in use of RefPicList0 of a P slice (8.2.4.2.1, 8.2.4.3.1). It returns false
// where the slice asks for a frame that is not there.
func (l refFrames) list0(s *sliceRefs) (refFrames, bool) {
	list := slices.Clone(l)
	slices.SortFunc(list, func(a, b refFrame) int { return int(b.picNum(s) - a.picNum(s)) })
	now, span := int64(s.FrameNum), int64(s.span)
	pred := now
	for at, mv := range s.moves[:s.moved] {
		diff := int64(mv.diff)
		if diff > span || at >= len(list) {
			return nil, false
		}
		if mv.add {
			pred = (pred + diff) % span
		} else {
			pred = (pred - diff + span) % span
		}
		want := pred
		if want > now {
			want -= span
		}
		i := list.index(s, want)
		if i < 0 {
			return nil, false
		}
		// The frame goes here, and its other entry after this place goes away.
		f := list[i]
		rest := slices.DeleteFunc(slices.Clone(list[at:]), func(o refFrame) bool { return o == f })
		list = append(append(list[:at:at], f), rest...)
	}
	if s.active0 > len(list) {
		return nil, false
	}
	return list[:s.active0], true
}

// mark makes room as the slice says, false where it cannot.
func (l *refFrames) mark(s *sliceRefs) bool {
	if !s.adaptive {
		return l.slide(s)
	}
	for _, diff := range s.unref[:s.unrefed] {
		i := l.index(s, int64(s.FrameNum)-int64(diff))
		if i < 0 {
			return false
		}
		*l = slices.Delete(*l, i, i+1)
	}
	return len(*l) < s.room
}

// slide lets the oldest frame go where there is no room for another (8.2.5.3).
func (l *refFrames) slide(s *sliceRefs) bool {
	if len(*l) < s.room {
		return true
	}
	oldest := 0
	for i, f := range *l {
		if f.picNum(s) < (*l)[oldest].picNum(s) {
			oldest = i
		}
	}
	*l = slices.Delete(*l, oldest, oldest+1)
	return len(*l) < s.room
}
