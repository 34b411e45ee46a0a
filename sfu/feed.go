package sfu

import (
	"sync"
	"time"
)

// FeedOptions describes a publisher's turn on a Source.
type FeedOptions struct {
	HasVideo, HasAudio bool

	// RequestKeyframe asks the publisher for a keyframe; nil when it cannot be
	// asked: players that have lost the picture are then helped from the cached
	// group of pictures. It must not block. It is called at most once per 500 ms.
	RequestKeyframe func()
}

// Feed is one publisher's turn on a Source. Its methods may be called from
// several goroutines, but frames of one kind must come from one at a time.
// Once a newer Feed is attached or the Source is closed, writes do nothing.
type Feed struct {
	src        *Source
	opts       FeedOptions
	generation int

	attached int64

	lanes [kinds]lane // each guarded by its track's mu

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
	f.src.notify()
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
func (f *Feed) forward(kind Kind, seq uint16, ts uint32, marker bool, payload []byte) {
	now := mono()
	t := &f.src.tracks[kind]
	key := kind == Video && beginsKeyframe(payload)

	t.mu.Lock()
	if t.owner != f {
		t.mu.Unlock()

		return
	}
	l := &f.lanes[kind]
	if !l.started {
		if kind == Video && !key {
			t.mu.Unlock()
			f.src.RequestKeyframe()

			return
		}
		l.begin(t, ts, now, 0)
		l.ext.start(seq)
		l.seqOff = t.maxSeq + 1 - l.ext.last
	}
	ext, ok := l.ext.extend(seq)
	if !ok {
		// From before the keyframe the feed started with, or the publisher has
		// jumped: if it goes on like this the track begins again.
		if l.refused++; l.refused > maxRefused {
			l.started, l.refused = false, 0
		}
		t.mu.Unlock()

		return
	}
	l.refused = 0
	if ts != l.frameTS {
		l.frameTS, l.frameKey = ts, false
	}
	if key && l.frameKey {
		key = false
	}
	l.frameKey = l.frameKey || key
	first := t.head
	p := t.alloc()
	*p = packet{
		payload: payload, seq: ext + l.seqOff, at: now, feed: uint32(f.generation), ts: ts + l.tsOff,
		marker: marker, key: key,
	}
	if t.push(p) {
		f.src.tapLocked(t, first)
	}
	t.mu.Unlock()

	if key {
		f.src.keyframes.seen(now)
	}
	f.src.notify()
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

// feedClock maps a feed's media time to wall time.
type feedClock struct {
	mu       sync.Mutex
	hasEpoch bool
	stated   bool  // by SetClock, not guessed
	epoch    int64 // mono instant of media time zero

	reports  [kinds]senderReport // of a WebRTC publisher
	hasDelta bool
	delta    int64 // our clock minus the publisher's, by the quickest report
}

type senderReport struct {
	ok  bool
	ntp time.Time
	rtp uint32 // on the Source's numbering
}

func (c *feedClock) setEpoch(epoch int64, stated bool) {
	c.mu.Lock()
	if stated || !c.hasEpoch {
		c.hasEpoch, c.epoch = true, epoch
		c.stated = c.stated || stated
	}
	c.mu.Unlock()
}

func (c *feedClock) epochAt() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()

	return c.epoch
}

// senderReport records a publisher's statement that its RTP timestamp rtp was
// captured at ntp on its own clock.
func (f *Feed) senderReport(kind Kind, ntp uint64, rtp uint32) {
	now := mono()
	t := &f.src.tracks[kind]
	t.mu.RLock()
	l := &f.lanes[kind]
	started, off := l.started, l.tsOff
	t.mu.RUnlock()
	if !started {
		return
	}
	at := fromNTP(ntp)
	delta := now - int64(at.Sub(start))
	c := &f.clock
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reports[kind] = senderReport{ok: true, ntp: at, rtp: rtp + off}
	if !c.hasDelta || delta < c.delta {
		c.hasDelta, c.delta = true, delta
	}
}

// timestampAt gives the RTP timestamp, on the Source's numbering, of what the
// publisher captures at the mono instant at. Callers hold the track's mu.
func (f *Feed) timestampAt(kind Kind, at int64) uint32 {
	l := &f.lanes[kind]
	rate := kind.clockRate()
	c := &f.clock
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hasEpoch {
		return l.tsOff + uint32(ticks(time.Duration(at-c.epoch), rate))
	}
	// Both tracks or neither: a player must not compare two kinds of clock.
	if r := c.reports[kind]; r.ok && c.complete(f) {
		return r.rtp + uint32(ticks(time.Duration(at-c.delta-int64(r.ntp.Sub(start))), rate))
	}

	return l.firstTS + uint32(ticks(time.Duration(at-l.firstAt), rate))
}

// complete reports whether every track the feed has was stated by the publisher.
func (c *feedClock) complete(f *Feed) bool {
	return (!f.opts.HasVideo || c.reports[Video].ok) && (!f.opts.HasAudio || c.reports[Audio].ok)
}
