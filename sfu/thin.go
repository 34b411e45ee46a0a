package sfu

import "time"

const (
	// A group of pictures is taken to be as long as the one before, within these
	// bounds.
	gopLeast = 500 * time.Millisecond
	gopMost  = 10 * time.Second

	// gopAsked is how often a publisher that sends keyframes when asked is asked
	// for the sake of a thin link: everybody else pays for them.
	gopAsked = 4 * time.Second
)

// thinning is how a link that is too thin for the only layer there is gets what
// it can take: the keyframe and the first pictures of each group, and then none
// until the next keyframe. What it gets follows without a gap, so that nothing
// is asked for again, and sound, which is little, has room.
type thinning struct {
	share  float64       // of a group of pictures; 1 is all
	key    bool          // there has been a keyframe:
	keyAt  int64         // the newest one's mono instant
	keyTS  uint32        // and timestamp
	gop    time.Duration // between the two newest; 0 if there was one
	cut    bool          // the rest of this group is left out
	asking bool          // the publisher sends keyframes when asked
}

// thin takes over what the connection's quality says.
func (sub *subscription) thin(d *downTrack) {
	f := sub.source.current.Load()
	layers := 0
	if sub.adaptive && sub.source.layered.Load() && f != nil {
		layers = f.simulcast.below()
	}
	share := sub.link.quality.thinShare(layers)
	d.mu.Lock()
	d.thinning.share = share
	d.thinning.asking = f != nil && f.opts.RequestKeyframe != nil
	d.mu.Unlock()
}

// leavesOut says whether a packet that has just arrived is not for this
// player's link, nor what follows it up to the next keyframe. Callers hold mu.
func (d *downTrack) leavesOut(p *packet, now int64) bool {
	t := &d.thinning
	if d.kind != Video {
		return false
	}
	if p.key {
		if span := t.into(p); t.key && span > 0 {
			t.gop = min(max(span, gopLeast), gopMost)
		}
		t.key, t.keyAt, t.keyTS, t.cut = true, now, p.ts, false

		return false
	}
	if t.share == 1 || !t.key || !d.whole || d.inFrame && p.ts == d.inTS {
		return false
	}
	gop := t.gop
	if t.asking || gop == 0 {
		gop = gopAsked
	}

	return float64(t.into(p)) >= t.share*float64(gop)
}

// into is how long after the newest keyframe a packet's picture was captured.
func (t *thinning) into(p *packet) time.Duration {
	return ticksToDuration(int64(int32(p.ts-t.keyTS)), Video.clockRate())
}

// cutOff leaves out what is left of a group of pictures. Callers hold mu.
func (d *downTrack) cutOff() {
	d.state, d.thinning.cut = downWaiting, true
}

// due says that a group of pictures that was cut should end. Callers hold mu.
func (t *thinning) due(now int64) bool {
	return t.cut && t.asking && now-t.keyAt > int64(gopAsked)
}
