package sfu

import (
	"time"
)

// FeedOptions describes a publisher's turn on a Source.
type FeedOptions struct {
	HasVideo, HasAudio bool

	// RequestKeyframe asks the publisher for a keyframe; nil when it cannot be
	// asked: players that have lost the picture are then helped from the cached
	// group of pictures. It must not block. It is called at most once per 500 ms.
	RequestKeyframe func()

	requestLayer func(layer int) // asks for a keyframe of one layer; set for simulcast
	rids         []string        // what the publisher calls the layers
}

// Feed is one publisher's turn on a Source. Its methods may be called from
// several goroutines, but frames of one kind must come from one at a time.
// Once a newer Feed is attached or the Source is closed, writes do nothing.
type Feed struct {
	src        *Source
	opts       FeedOptions
	generation int

	attached int64

	lanes     [lanes]lane // each guarded by its track's mu
	simulcast simulcast

	clock feedClock
}

// lane carries one track of a feed onto the Source's numbering.
type lane struct {
	started bool
	seqOff  uint64 // added to the publisher's extended sequence number
	tsOff   uint32 // added to the publisher's timestamp
	ext     extender
	refused int // packets in a row that ext had no place for

	bursting  bool // still delivering frames from before the feed started
	seen      bool
	seenFirst int64 // first frame written
	seenAt    int64 // last frame written
	seenMedia time.Duration
	paceAt    int64 // since when frames have come no faster than they play

	frameTS  uint32 // forwarding: timestamp of the frame being received
	frameKey bool   // forwarding: that frame has been marked a keyframe

	firstAt int64 // first packet, for the clock while nothing better is known
	firstTS uint32
}

// staleAfter is the age from which a frame at the start of a feed may be backlog,
// to be paced to players instead of sent at once.
const staleAfter = 250 * time.Millisecond

// maxRefused is how many packets in a row may fall outside of a publisher's
// numbering before that is taken to have changed.
const maxRefused = 50

// backlogOver is how long frames must have come at their own pace for a backlog
// to be over.
const backlogOver = 50 * time.Millisecond

// Generation counts the feeds of the Source, from 1.
func (f *Feed) Generation() int { return f.generation }

// Close ends the turn. Subscribers stay and wait for the next feed.
func (f *Feed) Close() { f.src.detach(f) }

// Current reports whether this is still the feed players get.
func (f *Feed) Current() bool { return f.src.current.Load() == f }

// SetClock states the wall instant of media time zero, which both tracks share.
// Sender reports carry it to players for lip sync (RFC 3550 §6.4.1). Without
// it the first frame is taken to have been captured when it was written.
func (f *Feed) SetClock(epoch time.Time) { f.clock.setEpoch(int64(epoch.Sub(start)), true) }

// WriteFrame sends one video access unit or one audio frame, ready as RTP
// payloads (RFC 6184 non-interleaved mode, RFC 7587). media is its time on the
// feed's timeline. The payloads are shared with all players and must not be
// changed afterwards. Video of a feed starts at its first keyframe; what comes
// before is dropped.
func (f *Feed) WriteFrame(kind Kind, media time.Duration, key bool, payloads [][]byte) {
	if len(payloads) == 0 || kind >= kinds {
		return
	}
	now := mono()
	t := &f.src.tracks[kind]
	in := uint32(ticks(media, t.rate))
	f.clock.setEpoch(now-int64(media), false)

	t.mu.Lock()
	if t.owner != f {
		t.mu.Unlock()

		return
	}
	l := &f.lanes[kind]
	lag := now - f.clock.epochAt() - int64(media)
	if !l.started {
		if kind == Video && !key {
			t.mu.Unlock()

			return
		}
	}
	l.backlog(now, lag, media)
	if !l.started {
		if kind == Audio && l.bursting {
			t.mu.Unlock() // old audio cannot be played faster, so it is left out

			return
		}
		l.begin(t, in, now, lag)
	}
	first := t.head
	for i, payload := range payloads {
		p := t.alloc()
		*p = packet{
			payload: payload, seq: t.maxSeq + 1, at: now, feed: uint32(f.generation), ts: in + l.tsOff,
			marker: i == len(payloads)-1 && kind == Video, key: key && i == 0 && kind == Video, stale: l.bursting,
		}
		t.push(p)
	}
	f.src.tapLocked(t, first)
	t.mu.Unlock()

	if key && kind == Video {
		f.src.keyframes.seen(now)
	}
	f.src.notifyOf(kind, true)
}

// backlog tracks whether a feed that has just begun is still delivering what it
// had cached: frames that are old and come faster than they play.
func (l *lane) backlog(now, lag int64, media time.Duration) {
	switch {
	case !l.seen:
		l.seen, l.bursting, l.seenFirst = true, lag >= int64(staleAfter), now
	case l.bursting && 2*(now-l.seenAt) < int64(media-l.seenMedia):
		l.paceAt = 0
	case l.bursting && l.paceAt == 0:
		l.paceAt = now
	}
	if lag < int64(staleAfter) || now-l.seenFirst > int64(maxCachedGOP) || (l.paceAt != 0 && now-l.paceAt > int64(backlogOver)) {
		l.bursting = false
	}
	l.seenAt, l.seenMedia = now, media
}

// begin joins the feed's first packet to what players have already had: the
// next sequence number, and a timestamp as much later as time has passed.
func (l *lane) begin(t *track, in uint32, now, lag int64) {
	out := t.lastTS
	if t.begun {
		elapsed := max(now-lag-t.lastAt, int64(time.Millisecond))
		out += uint32(ticks(time.Duration(elapsed), t.rate))
	}
	l.started = true
	l.tsOff = out - in
	l.firstAt, l.firstTS = now-lag, out
}

// forward takes one packet of a WebRTC publisher. payload must stay unchanged.
func (f *Feed) forward(kind Kind, in arrival) {
	t := &f.src.tracks[kind]
	in.key = kind == Video && beginsKeyframe(in.payload)

	t.mu.Lock()
	if t.owner != f {
		t.mu.Unlock()

		return
	}
	l := &f.lanes[kind]
	if !l.started {
		if kind == Video && !in.key {
			t.mu.Unlock()
			f.src.RequestKeyframe()

			return
		}
		l.begin(t, in.ts, in.at, 0)
		l.count(t, in.seq)
	}
	first := t.head
	p := f.take(t, l, &in)
	if p != nil {
		f.src.tapLocked(t, first)
	}
	t.mu.Unlock()

	if p != nil && p.key {
		f.src.keyframes.seen(in.at)
	}
	f.src.notifyOf(kind, in.marker)
}

// arrival is a packet as it comes from a WebRTC publisher.
type arrival struct {
	payload []byte
	at      int64
	ts      uint32
	seq     uint16
	marker  bool
	key     bool // a decoder can start here
}

// count has the track's numbering go on with the publisher's number seq.
func (l *lane) count(t *track, seq uint16) {
	l.ext.start(seq)
	l.seqOff = t.maxSeq + 1 - l.ext.last
}

// take puts a packet into a track's ring, or returns nil. Callers hold the
// track's mu.
func (f *Feed) take(t *track, l *lane, in *arrival) *packet {
	ext, ok := l.ext.extend(in.seq)
	if !ok {
		// From before the keyframe the feed started with, or the publisher has
		// jumped: if it goes on like this the track begins again.
		if l.refused++; l.refused > maxRefused {
			l.started, l.refused = false, 0
		}

		return nil
	}
	l.refused = 0
	if in.ts != l.frameTS {
		l.frameTS, l.frameKey = in.ts, false
	}
	key := in.key && !l.frameKey
	l.frameKey = l.frameKey || key
	p := t.alloc()
	*p = packet{
		payload: in.payload, seq: ext + l.seqOff, at: in.at, feed: uint32(f.generation), ts: in.ts + l.tsOff,
		marker: in.marker, key: key,
	}
	if !t.push(p) {
		return nil
	}

	return p
}

// renew has a lane begin again: its publisher has a new numbering.
func (f *Feed) renew(lane int) {
	t := &f.src.tracks[lane]
	t.mu.Lock()
	f.lanes[lane].started = false
	t.mu.Unlock()
}

// askKeyframe asks the publisher for a keyframe of what players get.
func (f *Feed) askKeyframe() {
	if f.opts.requestLayer != nil {
		f.askLayers()
	} else if f.opts.RequestKeyframe != nil {
		f.opts.RequestKeyframe()
	}
}

// extender turns 16-bit sequence numbers into ones that do not wrap.
type extender struct {
	first, last uint64
}

func (e *extender) start(seq uint16) {
	e.first = 1<<16 + uint64(seq)
	e.last = e.first
}

// extend places seq nearest to the newest number so far. It refuses a jump of
// more than a quarter of the number space, which no network produces.
func (e *extender) extend(seq uint16) (uint64, bool) {
	diff := int16(seq - uint16(e.last))
	if diff > 1<<14 || diff < -(1<<14) {
		return 0, false
	}
	ext := e.last + uint64(int64(diff))
	if diff > 0 {
		e.last = ext
	}

	return ext, ext >= e.first
}
