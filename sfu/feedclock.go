package sfu

import (
	"sync"
	"time"
)

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
	f.clock.report(kind, fromNTP(ntp), rtp+off, now)
}

// report records that rtp, on the Source's numbering, was captured at ntp.
func (c *feedClock) report(kind Kind, ntp time.Time, rtp uint32, now int64) {
	delta := now - int64(ntp.Sub(start))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reports[kind] = senderReport{ok: true, ntp: ntp, rtp: rtp}
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
