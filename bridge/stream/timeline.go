package stream

import "time"

const (
	// maxStep is how far ahead of the expected time a timestamp may be before
	// it counts as a jump of the publisher's clock and not as a gap.
	maxStep = 2 * time.Second
	// maxBack is how far behind its predecessor of the same kind a timestamp may
	// be before it counts as a jump and not as jitter.
	maxBack = 500 * time.Millisecond
	// resumeLead is how far behind the end of an earlier publisher another begins:
	// sound that was captured somewhat before the first picture comes after it,
	// and needs times of its own.
	resumeLead = 64 * time.Millisecond
)

// timeline maps one publisher's timestamps, which may start anywhere, jump or
// wrap, to the stream's timeline, where time only goes forward. Audio and video
// share one offset, so that a jump does not pull them apart.
type timeline struct {
	started    bool
	offset     time.Duration // stream time = publisher time + offset
	prevOffset time.Duration // before the last jump: the other kind may not have jumped yet
	floor      time.Duration // the last time of an earlier publisher
	last       time.Duration // the newest stream time of either kind
	lastOf     [Meta]time.Duration
	lastAt     time.Time
	jumps      int
}

// resume starts a timeline where an earlier one has ended.
func (t *timeline) resume(last time.Duration) { t.floor = last }

// convert maps ts of one kind, which arrived at now; elapsed is the time since
// the stream's creation.
func (t *timeline) convert(kind Kind, ts, elapsed time.Duration, now time.Time) time.Duration {
	if !t.started {
		t.started = true
		least := time.Millisecond
		if t.floor > 0 {
			least = t.floor + resumeLead
		}
		t.anchor(ts, max(elapsed, least))
		t.prevOffset = t.offset
		t.last = ts + t.offset
		for k := range t.lastOf {
			t.lastOf[k] = t.floor
		}
	}
	out := ts + t.offset
	if !t.plausible(kind, out, now) {
		if old := ts + t.prevOffset; t.plausible(kind, old, now) {
			out = old
		} else {
			t.jumps++
			t.prevOffset = t.offset
			t.anchor(ts, max(elapsed, t.last+time.Millisecond))
			out = ts + t.offset
		}
	}
	out = max(out, t.lastOf[kind-1])
	t.lastOf[kind-1] = out
	if out >= t.last {
		t.last, t.lastAt = out, now
	}
	return out
}

func (t *timeline) anchor(ts, at time.Duration) { t.offset = at - ts }

func (t *timeline) plausible(kind Kind, out time.Duration, now time.Time) bool {
	if t.lastAt.IsZero() {
		return true
	}
	if out < t.lastOf[kind-1]-maxBack || out < t.last-maxStep {
		return false
	}
	return out-t.last <= maxStep+now.Sub(t.lastAt)
}
