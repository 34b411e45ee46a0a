package sfu

import (
	"math/rand/v2"
	"sync"
	"time"
)

const (
	videoRing = 4096
	audioRing = 512
	layerRing = 1024 // few players join a layer, and those that change to one need its newest keyframe only

	// keepBehindKey is how much older than the newest keyframe a packet may be
	// and stay in the ring: retransmissions reach no further back.
	keepBehindKey = 512

	// maxCachedGOP is the longest group of pictures a player is started from.
	maxCachedGOP = 3500 * time.Millisecond

	// maxCacheIdle is how long after its last packet a track counts as live.
	maxCacheIdle = 2 * time.Second
)

// track is one track of a Source: the newest packets, found by order of arrival
// (what live subscribers follow) and by sequence number (what joins read).
type track struct {
	kind Kind
	lane int // its place in the Source
	rate uint32

	mu     sync.RWMutex
	owner  *Feed // the feed whose writes count
	log    []*packet
	bySeq  []*packet
	head   uint64 // arrivals so far
	tail   uint64 // oldest arrival kept
	begun  bool
	maxSeq uint64
	lastTS uint32
	lastAt int64
	hasKey bool
	keySeq uint64
	keyTS  uint32
	keyAt  int64
	slab   []packet
	frames uint64 // ended by a marker; packets, for audio
	bytes  uint64 // of payload
}

func (t *track) init(lane int) {
	t.lane = lane
	if lane < kinds {
		t.kind = Kind(lane)
	}
	t.rate = t.kind.clockRate()
	// Sequence numbers start away from zero so that SRTP never sees one before
	// the first of its roll-over counter.
	t.maxSeq = 1<<16 + uint64(rand.Uint32N(1<<14))
	t.lastTS = rand.Uint32()
}

func (t *track) size() uint64 {
	switch {
	case t.lane >= kinds:
		return layerRing
	case t.kind == Video:
		return videoRing
	}

	return audioRing
}

// alloc hands out packets from a slab, so that a packet costs the stream a
// fraction of an allocation. Callers hold mu.
func (t *track) alloc() *packet {
	if len(t.slab) == 0 {
		t.slab = make([]packet, 64)
	}
	p := &t.slab[0]
	t.slab = t.slab[1:]

	return p
}

// push puts a packet into the ring. It returns false for one that is already
// there or too old to keep. Callers hold mu.
func (t *track) push(p *packet) bool {
	n := t.size()
	if t.log == nil {
		t.log, t.bySeq = make([]*packet, n), make([]*packet, n)
	}
	if t.begun {
		if p.seq+n <= t.maxSeq {
			return false
		}
		if old := t.bySeq[p.seq%n]; old != nil && old.seq == p.seq {
			return false
		}
	}
	p.arrival = t.head
	t.bytes += uint64(len(p.payload))
	if p.marker || t.kind == Audio {
		t.frames++
	}
	t.log[t.head%n] = p
	t.bySeq[p.seq%n] = p
	t.head++
	if t.head-t.tail > n {
		t.tail = t.head - n
	}
	if !t.begun || p.seq > t.maxSeq {
		t.begun = true
		t.maxSeq, t.lastTS, t.lastAt = p.seq, p.ts, p.at
	}
	if p.key && (!t.hasKey || p.seq > t.keySeq) {
		t.hasKey, t.keySeq, t.keyTS, t.keyAt = true, p.seq, p.ts, p.at
		t.trim(p.arrival)
	}

	return true
}

// trim lets go of packets well before the keyframe that arrived at position key.
func (t *track) trim(key uint64) {
	n := t.size()
	for t.tail+keepBehindKey < key {
		p := t.log[t.tail%n]
		t.log[t.tail%n] = nil
		if p != nil && t.bySeq[p.seq%n] == p {
			t.bySeq[p.seq%n] = nil
		}
		t.tail++
	}
}

// get finds a packet by sequence number. Callers hold mu.
func (t *track) get(seq uint64) *packet {
	if t.bySeq == nil {
		return nil
	}
	if p := t.bySeq[seq%t.size()]; p != nil && p.seq == seq {
		return p
	}

	return nil
}

// view is what one pass of a shard sees of a track.
type view struct {
	batch    []*packet // arrived since the last pass
	head     uint64    // packets from this arrival on belong to the next pass
	maxSeq   uint64
	keySeq   uint64
	keyAt    int64
	hasKey   bool
	overrun  bool // packets were lost between passes
	lastTS   uint32
	lastAt   int64
	bursting bool
	clockTS  uint32 // RTP timestamp of a frame captured now
}

// since fills v with what arrived from position cursor on.
func (t *track) since(cursor uint64, now int64, v *view) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	v.batch = v.batch[:0]
	v.overrun = cursor < t.tail && t.head > cursor
	if cursor < t.tail {
		cursor = t.tail
	}
	for i := cursor; i < t.head; i++ {
		v.batch = append(v.batch, t.log[i%t.size()])
	}
	v.head, v.maxSeq, v.keySeq, v.keyAt, v.hasKey = t.head, t.maxSeq, t.keySeq, t.keyAt, t.hasKey
	v.lastTS, v.lastAt = t.lastTS, t.lastAt
	v.bursting = false
	if t.owner != nil {
		if lane := &t.owner.lanes[t.lane]; lane.bursting {
			v.bursting = true
			v.clockTS = t.owner.timestampAt(t.kind, now)
		}
	}
}

// joinPoint is where a player can start at once.
type joinPoint struct {
	seq     uint64
	bitrate int // see track.bitrate
}

// joinAt looks for a cached keyframe with every packet since, young enough that
// a player is led from it to the live edge quickly.
func (t *track) joinAt(now int64) (joinPoint, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if !t.hasKey || now-t.lastAt > int64(maxCacheIdle) {
		return joinPoint{}, false
	}
	span := ticksToDuration(int64(t.lastTS-t.keyTS), t.rate)
	if span > maxCachedGOP || t.maxSeq-t.keySeq >= t.size()-keepBehindKey {
		return joinPoint{}, false
	}
	rate, ok := t.bitrate()
	if !ok {
		return joinPoint{}, false
	}

	return joinPoint{seq: t.keySeq, bitrate: rate}, true
}

// bitrate measures the newest group of pictures without its keyframe, in bit/s;
// 0 if it is too short to tell. It is not ok if packets are missing. Callers hold mu.
func (t *track) bitrate() (rate int, ok bool) {
	var bytes int
	for seq := t.keySeq; seq <= t.maxSeq; seq++ {
		p := t.get(seq)
		if p == nil {
			return 0, false
		}
		if p.ts != t.keyTS {
			bytes += len(p.payload)
		}
	}
	span := ticksToDuration(int64(t.lastTS-t.keyTS), t.rate)
	if span < 200*time.Millisecond {
		return 0, true
	}

	return int(float64(bytes*8) / span.Seconds()), true
}
