package h264

// AccessUnit is one whole picture, as sent.
type AccessUnit struct {
	Timestamp uint32   // RTP time, 90 kHz
	NALs      [][]byte // back to back in a block of their own, nobody's to change
	Key       bool     // holds an IDR picture
	// Config is that of the latest parameter sets. It stays the same pointer while they do.
	Config *Config
}

// Assembler turns RTP packets that are in order (see JitterBuffer) into access units (RFC 6184,
// packetization-mode 1). An access unit comes out whole or not at all, and never after one that it may
// refer to was lost: after a loss the next one out is a keyframe. Only a loss
// inside a picture that no other refers to (nal_ref_idc 0) spares the rest. The zero value is ready.
type Assembler struct {
	cfg   *Config
	begun bool // a keyframe has come out and nothing it needs was lost since
	stats AssemblerStats
	lost  int // announced, and not yet weighed

	open    bool // an access unit is under way
	ts      uint32
	damage  damage
	vcl     bool // a slice was seen
	refs    bool // one that others may refer to
	idr     bool
	frag    bool // a fragmented NAL unit is under way
	fragTyp byte
	unsure  bool // packets were lost right before the next access unit
	started bool // the access unit under way surely has its beginning

	buf  []byte
	ends []int // where each NAL unit in buf ends
	out  [2]AccessUnit
}

// AssemblerStats counts access units since the start.
type AssemblerStats struct {
	Complete  uint64 // came out
	Damaged   uint64 // dropped: parts lost or malformed
	Dependent uint64 // dropped whole: what they refer to was lost
	Refused   uint64 // packets of a kind not negotiated (STAP-B, MTAP, FU-B)
}

type damage uint8

const (
	whole   damage = iota
	selfish        // no other picture refers to the damaged one
	chained        // others may
)

// NewAssembler returns an Assembler that waits for a keyframe.
func NewAssembler() *Assembler { return &Assembler{} }

// Lost says that n packets were lost right before the next one pushed.
func (a *Assembler) Lost(n int) { a.lost += n }

// Push takes the next packet in order and returns the access units that are complete now, at most two. The
// slice is good until the next Push, what it holds for good. The payload is copied.
func (a *Assembler) Push(p Packet) []AccessUnit {
	out := a.out[:0]
	if a.lost > 0 {
		a.lost = 0
		a.lose(p)
	}
	if len(p.Payload) == 0 {
		return out
	}
	if a.open && p.Timestamp != a.ts {
		out = a.finish(out)
	}
	if !a.open {
		a.open, a.ts = true, p.Timestamp
		a.started, a.unsure = !a.unsure, false
	}
	if !a.started {
		// Only what must come first proves that nothing of this access unit came before it.
		if t := firstType(p.Payload); t != nalSPS && t != nalAUD {
			a.hurt(chained)
		}
		a.started = true
	}
	if !a.take(p.Payload) {
		a.hurt(chained)
	}
	if p.Marker && (a.vcl || a.damage != whole) {
		out = a.finish(out)
	}
	return out
}

// NeedKeyframe tells that nothing will come out before a keyframe: at the start and after a loss. Ask the
// publisher for one (PLI), at a bounded rate.
func (a *Assembler) NeedKeyframe() bool { return !a.begun }

// Config is that of the latest parameter sets, nil before the first.
func (a *Assembler) Config() *Config { return a.cfg }

// Stats returns the counts so far.
func (a *Assembler) Stats() AssemblerStats { return a.stats }

// lose weighs a loss right before p. Inside one picture that no other refers to it hurts that one; the
// parameter sets, which come before the slices, are then safe. Anything else may have
// held a picture that others refer to, even where the pictures around it are whole.
func (a *Assembler) lose(p Packet) {
	if a.open && p.Timestamp == a.ts && len(p.Payload) > 0 && a.vcl && !a.refs {
		a.hurt(selfish)
		return
	}
	a.begun = false
	if a.open {
		a.hurt(chained)
	}
	if !a.open || p.Timestamp != a.ts || len(p.Payload) == 0 {
		a.unsure = true
	}
}

func (a *Assembler) hurt(d damage) {
	if a.damage == whole && len(a.ends) > 0 {
		// Parameter sets that did arrive hold all the same; nobody may send them again.
		if cfg, err := a.cfg.Update(a.split(a.buf)); err == nil {
			a.cfg = cfg
		}
	}
	a.damage = max(a.damage, d)
	if d == chained {
		a.begun = false
	}
	a.frag = false
	a.buf, a.ends = a.buf[:0], a.ends[:0]
}

// take adds a payload's NAL units. It returns false for what cannot be used.
func (a *Assembler) take(b []byte) bool {
	if a.frag && nalType(b) != nalFUA {
		return false
	}
	switch t := nalType(b); {
	case t == nalSTAPA:
		return a.takeSTAPA(b[1:])
	case t == nalFUA:
		return a.takeFUA(b)
	case t == 0 || t > nalSTAPA:
		a.stats.Refused++
		return false
	}
	return a.add(b[0], b[1:]) && a.end()
}

func (a *Assembler) takeSTAPA(b []byte) bool {
	for len(b) > 0 {
		if len(b) < 3 {
			return false
		}
		n := int(b[0])<<8 | int(b[1])
		b = b[2:]
		if n == 0 || n > len(b) || nalType(b) == 0 || nalType(b) >= nalSTAPA {
			return false
		}
		if !a.add(b[0], b[1:n]) || !a.end() {
			return false
		}
		b = b[n:]
	}
	return true
}

func (a *Assembler) takeFUA(b []byte) bool {
	if len(b) < 3 {
		return false
	}
	t, first, last := b[1]&0x1f, b[1]&0x80 != 0, b[1]&0x40 != 0
	if first && last || t == 0 || t >= nalSTAPA {
		return false
	}
	if a.damage != whole {
		if first {
			a.add(b[0]&0xe0|t, b[2:])
		}
		return true
	}
	if first == a.frag {
		return false
	}
	switch {
	case first:
		a.frag, a.fragTyp = true, t
		return a.add(b[0]&0xe0|t, b[2:])
	case t != a.fragTyp || !a.room(len(b)):
		return false
	}
	a.buf = append(a.buf, b[2:]...)
	if last {
		a.frag = false
		return a.end()
	}
	return true
}

// add begins a NAL unit.
func (a *Assembler) add(head byte, body []byte) bool {
	t := head & 0x1f
	if isVCL(t) {
		// A picture's first slice starts at macroblock 0: a set first bit.
		if !a.vcl && a.damage == whole && (len(body) == 0 || t != nalPartitionC && t != nalPartitionC-1 && body[0]&0x80 == 0) {
			return false
		}
		a.vcl = true
		a.refs = a.refs || head&0x60 != 0
		a.idr = a.idr || t == nalIDR
	}
	if a.damage != whole {
		return true
	}
	if !a.room(len(body)) {
		return false
	}
	a.buf = append(a.buf, head)
	a.buf = append(a.buf, body...)
	return true
}

// end closes a NAL unit.
func (a *Assembler) end() bool {
	if a.damage != whole {
		return true
	}
	a.ends = append(a.ends, len(a.buf))
	return true
}

func (a *Assembler) room(n int) bool {
	return len(a.buf)+n < MaxAccessUnitSize && len(a.ends) < MaxNALs
}

// finish closes the access unit under way and appends it to out if it is whole and usable.
func (a *Assembler) finish(out []AccessUnit) []AccessUnit {
	if a.frag || a.damage == selfish && a.refs {
		a.hurt(chained)
	}
	if a.damage == whole {
		out = a.deliver(out)
	} else {
		a.stats.Damaged++
	}
	a.open, a.vcl, a.refs, a.idr = false, false, false, false
	a.damage = whole
	a.ends = a.ends[:0]
	a.buf = a.buf[:0]
	if cap(a.buf) > MaxAccessUnitSize/8 {
		a.buf = nil
	}
	return out
}

func (a *Assembler) deliver(out []AccessUnit) []AccessUnit {
	block := make([]byte, len(a.buf))
	copy(block, a.buf)
	nals := a.split(block)
	cfg, err := a.cfg.Update(nals)
	if err != nil {
		// A decoder would fail on the pictures that use it.
		a.begun = false
		a.stats.Damaged++
		return out
	}
	a.cfg = cfg
	switch {
	case !a.vcl:
		return out
	case a.idr && cfg != nil:
		a.begun = true
	case !a.begun:
		a.stats.Dependent++
		return out
	}
	a.stats.Complete++
	return append(out, AccessUnit{Timestamp: a.ts, NALs: nals, Key: a.idr, Config: cfg})
}

// split cuts b, which is buf or a copy of it, into the NAL units that are whole.
func (a *Assembler) split(b []byte) [][]byte {
	nals := make([][]byte, len(a.ends))
	from := 0
	for i, to := range a.ends {
		nals[i] = b[from:to:to]
		from = to
	}
	return nals
}

// firstType is the type of the NAL unit that a payload begins, 0 if it begins none.
func firstType(b []byte) byte {
	switch t := nalType(b); {
	case t == nalSTAPA && len(b) > 3:
		return b[3] & 0x1f
	case t == nalFUA && len(b) > 2 && b[1]&0x80 != 0:
		return b[1] & 0x1f
	default:
		return t
	}
}
