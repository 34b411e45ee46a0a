package mix

import (
	"sync"
	"time"
)

const (
	// leastWait and mostWait bound how long media waits after the quickest of its
	// kind has arrived. It is the delay that mixing adds, with some 40 ms for
	// encoding.
	leastWait = 160 * time.Millisecond
	mostWait  = 400 * time.Millisecond
	// waitStep is by how much media that came too late makes the next wait longer,
	// once every lateEvery.
	waitStep  = 20 * time.Millisecond
	lateEvery = 500 * time.Millisecond
	// waitEase is after how long without late media the wait gets shorter again.
	waitEase = 20 * time.Second
	// headroom is what media needs between its arrival and its time: to be decoded,
	// and because sound is mixed in blocks.
	headroom = 40 * time.Millisecond

	// What is further off than stepFrom for longer than stepUp (media comes later
	// than it did) or stepDown is followed at once, the rest at one slewShare-th of
	// the time that passes: slower than sound may be stretched.
	stepFrom  = 80 * time.Millisecond
	stepUp    = 300 * time.Millisecond
	stepDown  = time.Second
	slewShare = 667

	lowSpan    = 250 * time.Millisecond
	lowBuckets = 8
)

// clock says when an input's media is due. Media times are on the input's
// timeline, wall times since the mixer's beginning.
type clock struct {
	mu     sync.Mutex
	began  bool
	offset time.Duration // due = media + offset
	wait   time.Duration
	lows   [2]lows // of video and audio: the least delay of late
	slewed time.Duration
	apart  time.Duration // when offset and aim came far apart, 0: they are not
	late   time.Duration // when media last came too late
}

// lows is the least of the values of about the last two seconds.
type lows struct {
	bucket [lowBuckets]time.Duration
	at     [lowBuckets]int64 // which span a bucket is of, 0: none
}

func (l *lows) add(wall, v time.Duration) {
	span := int64(wall/lowSpan) + 1
	i := span % lowBuckets
	if l.at[i] != span || v < l.bucket[i] {
		l.at[i], l.bucket[i] = span, v
	}
}

func (l *lows) least(wall time.Duration) (v time.Duration, ok bool) {
	span := int64(wall/lowSpan) + 1
	for i := range l.bucket {
		if l.at[i] != 0 && l.at[i] > span-lowBuckets && l.at[i] <= span && (!ok || l.bucket[i] < v) {
			v, ok = l.bucket[i], true
		}
	}
	return v, ok
}

// arrived takes note of media of a kind (0 video, 1 audio).
func (c *clock) arrived(kind int, media, wall time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lows[kind].add(wall, wall-media)
	var base time.Duration
	known := false
	for i := range c.lows {
		// The slower kind counts: both have to be there.
		if v, ok := c.lows[i].least(wall); ok && (!known || v > base) {
			base, known = v, true
		}
	}
	if !c.began {
		c.began, c.wait, c.late = true, leastWait, wall
		c.offset, c.slewed = base+c.wait, wall
		return
	}
	c.judge(media+c.offset-wall, wall)
	c.aim(base+c.wait, wall)
}

// judge makes the wait longer when media has less headroom than it needs, and
// shorter when that has not happened for long.
func (c *clock) judge(left, wall time.Duration) {
	switch since := wall - c.late; {
	case left < headroom && since >= lateEvery:
		c.wait, c.late = min(c.wait+waitStep, mostWait), wall
	case since >= waitEase:
		c.wait, c.late = max(c.wait-waitStep/2, leastWait), wall
	}
}

func (c *clock) aim(target, wall time.Duration) {
	diff := target - c.offset
	patience := stepUp
	if diff < 0 {
		patience = stepDown
	}
	switch {
	case diff >= -stepFrom && diff <= stepFrom:
		c.apart = 0
	case c.apart == 0:
		c.apart = wall
	case wall-c.apart >= patience:
		c.offset, c.slewed, c.apart = target, wall, 0
		return
	}
	limit := max(0, wall-c.slewed) / slewShare
	c.offset += min(max(diff, -limit), limit)
	c.slewed = wall
}

// due is the wall time at which media is to be seen or heard.
func (c *clock) due(media time.Duration) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return media + c.offset
}

// now is the media time that is due at a wall time; false before the first
// arrival.
func (c *clock) now(wall time.Duration) (time.Duration, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return wall - c.offset, c.began
}

// delay is how long media waits.
func (c *clock) delay() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(c.wait, leastWait)
}
