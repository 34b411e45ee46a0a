package sfu

import (
	"sync"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
)

const (
	noLayer = -1

	// layerSilence is how long a layer may be silent while others are not, and
	// still count as sent. Browsers stop their upper layers when the uplink is thin.
	layerSilence = time.Second

	// layerReturn is how long the Source's own video stays with a worse layer. An
	// uplink that is thin comes and goes, and each change costs a keyframe and
	// gives players another size.
	layerReturn = 4 * time.Second

	// mostDeferred bounds how often a change waits for another keyframe, because
	// the one at hand came amid a frame of the layer in use.
	mostDeferred = 3
)

// simulcast is what a feed knows of its layers. Each has a ring of its own in
// the Source, on the Source's timeline, for players that want that one. The
// Source's own video, which all other players and taps get, is made of the best
// layer at the time.
type simulcast struct {
	mu     sync.Mutex
	active int   // layer the Source's own video is made of
	newest int64 // last arrival on any
	fell   int64 // instant of the last change to a worse one, 0 for none

	deferred int // changes put off since the last one
	layers   [maxLayers]layer
	scratch  []*packet
}

type layer struct {
	lastAt        int64 // 0 until the first keyframe
	width, height int   // by the parameter sets, 0 while unknown
	report        senderReport

	// How its packets go into the Source's own video, and which.
	seqOff      uint64
	tsOff       uint32
	from, until uint64
	used        bool
}

// better orders layers, the best first. Without sizes the order of the
// publisher's description counts, which goes up.
func (s *simulcast) better(a, b int) bool {
	if x, y := s.layers[a].height, s.layers[b].height; x != y && x > 0 && y > 0 {
		return x > y
	}

	return a > b
}

// sent reports whether a layer is being received.
func (s *simulcast) sent(i int) bool {
	l := &s.layers[i]

	return l.lastAt != 0 && s.newest-l.lastAt <= int64(layerSilence)
}

// ranked lists the layers being received, the best last. Callers hold mu.
func (s *simulcast) ranked(out []int) []int {
	out = out[:0]
	for i := range s.layers {
		if !s.sent(i) {
			continue
		}
		at := len(out)
		for at > 0 && s.better(out[at-1], i) {
			at--
		}
		out = append(out, 0)
		copy(out[at+1:], out[at:])
		out[at] = i
	}

	return out
}

// forwardLayer takes one packet of a simulcast layer. payload must stay unchanged.
func (f *Feed) forwardLayer(i int, in arrival) {
	in.key = beginsKeyframe(in.payload)
	s := &f.simulcast
	s.mu.Lock()
	p := f.takeLayer(i, &in)
	var wanted bool
	if p != nil {
		wanted = f.compose(i, p)
	}
	started := s.layers[i].lastAt != 0
	s.mu.Unlock()

	switch {
	case p == nil && !started, wanted:
		f.src.layers[i].request()
	case p != nil && p.key:
		f.src.layers[i].seen(in.at)
	}
	f.src.notify()
}

// takeLayer puts a packet into the layer's own ring, or returns nil. Callers
// hold the simulcast's mu.
func (f *Feed) takeLayer(i int, in *arrival) *packet {
	s := &f.simulcast
	lane := kinds + i
	t, l := &f.src.tracks[lane], &f.lanes[lane]
	main := &f.src.tracks[Video]
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.owner != f {
		return nil
	}
	if !l.started {
		if !in.key {
			s.layers[i].lastAt = 0

			return nil
		}
		// All layers go on from the Source's own video, by the time that has
		// passed; sender reports make it exact later.
		main.mu.RLock()
		l.begin(main, in.ts, in.at, 0)
		main.mu.RUnlock()
		l.count(t, in.seq)
	}
	if in.key {
		f.measure(i, in.payload)
		f.align(i, t, l, in)
	}
	p := f.take(t, l, in)
	if p != nil {
		s.layers[i].lastAt, s.newest = in.at, in.at
	}

	return p
}

// measure notes the size of a layer's picture.
func (f *Feed) measure(i int, payload []byte) {
	var sps h264.SPS
	if nal := findSPS(payload); nal == nil || sps.Unmarshal(nal) != nil {
		return
	}
	f.simulcast.layers[i].width, f.simulcast.layers[i].height = sps.Width(), sps.Height()
}

// align sets a layer's timestamps right at a keyframe, by what the publisher
// states about both this layer and another (RFC 3550 §6.4.1). Callers hold the
// mu of the layer's track.
func (f *Feed) align(i int, t *track, l *lane, in *arrival) {
	s := &f.simulcast
	own := &s.layers[i].report
	if !own.ok || i == s.active || s.active == noLayer {
		return
	}
	r := &s.layers[s.active]
	if !r.report.ok {
		return
	}
	apart := own.ntp.Sub(r.report.ntp)
	off := r.report.rtp + f.lanes[kinds+s.active].tsOff + uint32(ticks(apart, t.rate)) - own.rtp
	moved := int32(off - l.tsOff)
	if limit := int32(t.rate); moved == 0 || moved > limit || moved < -limit || int32(in.ts+off-t.lastTS) <= 0 {
		return
	}
	l.tsOff = off
}

// compose makes the Source's own video of a packet of a layer, if it is of the
// one in use or begins a better one. It reports whether the layer should be
// asked for a keyframe so that it can be used. Callers hold the simulcast's mu.
func (f *Feed) compose(i int, p *packet) (wanted bool) {
	s := &f.simulcast
	l := &s.layers[i]
	s.scratch = append(s.scratch[:0], p)
	switch {
	case s.active == i && p.seq >= l.from:
	case s.active != i && l.used && p.seq >= l.from && p.seq <= l.until: // late
	case s.active == noLayer || (s.active != i && (s.climbs(i, p.at) || !s.sent(s.active))):
		if !p.key {
			return s.active == noLayer || s.climbs(i, p.at) || s.best() == i
		}
		if s.deferred < mostDeferred && f.amidFrame() {
			s.deferred++

			return true
		}
		if s.active != noLayer && s.better(s.active, i) {
			s.fell = p.at
		}
		s.deferred = 0
		f.use(i, p)
	default:
		return false
	}
	f.write(l)
	clear(s.scratch)

	return false
}

// climbs reports whether the Source's own video may change to layer i because it
// is better.
func (s *simulcast) climbs(i int, now int64) bool {
	return s.better(i, s.active) && (s.fell == 0 || now-s.fell >= int64(layerReturn))
}

// amidFrame reports whether the layer in use is being received and its newest
// frame is not whole yet.
func (f *Feed) amidFrame() bool {
	s := &f.simulcast
	if s.active == noLayer || !s.sent(s.active) {
		return false
	}
	t := &f.src.tracks[kinds+s.active]
	t.mu.RLock()
	defer t.mu.RUnlock()
	p := t.get(t.maxSeq)

	return p != nil && !p.marker
}

// best gives the best layer being received.
func (s *simulcast) best() int {
	best := noLayer
	for i := range s.layers {
		if s.sent(i) && (best == noLayer || s.better(i, best)) {
			best = i
		}
	}

	return best
}

// use makes the Source's own video of a layer from its keyframe p on. What of
// the layer has arrived after p, if that is late, is taken along.
func (f *Feed) use(i int, p *packet) {
	s := &f.simulcast
	t := &f.src.tracks[kinds+i]
	t.mu.RLock()
	for seq := p.seq + 1; seq <= t.maxSeq; seq++ {
		if q := t.get(seq); q != nil {
			s.scratch = append(s.scratch, q)
		}
	}
	t.mu.RUnlock()
	if s.active != noLayer {
		old := &f.src.tracks[kinds+s.active]
		old.mu.RLock()
		s.layers[s.active].until = old.maxSeq
		old.mu.RUnlock()
	}
	main := &f.src.tracks[Video]
	main.mu.Lock()
	l := &s.layers[i]
	l.used, l.from = true, p.seq
	l.seqOff, l.tsOff = main.maxSeq+1-p.seq, 0
	if main.begun && int32(p.ts-main.lastTS) <= 0 {
		l.tsOff = main.lastTS + main.rate/1000 - p.ts
	}
	if m := &f.lanes[Video]; !m.started && main.owner == f {
		m.started, m.firstAt, m.firstTS = true, p.at, p.ts+l.tsOff
	}
	main.mu.Unlock()
	s.active = i
}

// write puts what is in scratch, which is of layer l, into the Source's own video.
func (f *Feed) write(l *layer) {
	s := &f.simulcast
	main := &f.src.tracks[Video]
	main.mu.Lock()
	if main.owner != f {
		main.mu.Unlock()

		return
	}
	first, key := main.head, false
	for _, p := range s.scratch {
		q := main.alloc()
		*q = *p
		q.seq += l.seqOff
		q.ts += l.tsOff
		main.push(q)
		key = key || q.key
	}
	f.src.tapLocked(main, first)
	main.mu.Unlock()
	if key {
		f.src.keyframes.seen(mono())
	}
}

// askLayers asks for a keyframe of the layer in use, of all before there is one.
func (f *Feed) askLayers() {
	s := &f.simulcast
	s.mu.Lock()
	active := s.active
	s.mu.Unlock()
	for i := range f.opts.rids {
		if active == noLayer || active == i {
			f.opts.requestLayer(i)
		}
	}
}

// layerReport records a publisher's statement about the clock of a layer.
func (f *Feed) layerReport(i int, ntp uint64, rtp uint32) {
	now := mono()
	t := &f.src.tracks[kinds+i]
	s := &f.simulcast
	s.mu.Lock()
	defer s.mu.Unlock()
	t.mu.RLock()
	started, off := f.lanes[kinds+i].started, f.lanes[kinds+i].tsOff
	t.mu.RUnlock()
	if !started {
		return
	}
	l := &s.layers[i]
	l.report = senderReport{ok: true, ntp: fromNTP(ntp), rtp: rtp}
	if i == s.active {
		f.clock.report(Video, l.report.ntp, rtp+off+l.tsOff, now)
	}
}

// layerOf describes the layer a lane carries at the moment, "" if none.
func (src *Source) layerOf(lane int) (rid string, width, height int) {
	f := src.current.Load()
	if f == nil || f.opts.requestLayer == nil || lane == int(Audio) {
		return "", 0, 0
	}
	s := &f.simulcast
	s.mu.Lock()
	defer s.mu.Unlock()
	i := lane - kinds
	if lane == int(Video) {
		i = s.active
	}
	if i == noLayer || i >= len(f.opts.rids) {
		return "", 0, 0
	}

	return f.opts.rids[i], s.layers[i].width, s.layers[i].height
}
