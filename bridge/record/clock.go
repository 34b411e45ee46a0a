package record

import "time"

const (
	// settling is how long a clock is moved at once: the first frames of a
	// publisher come in bursts.
	settling = 10 * time.Second
	// window is over how long the quickest frame is looked for, at least.
	window = 15 * time.Second
	// drift is how fast a settled clock is moved, a share of the time that passes:
	// crystals are wrong by less.
	drift = 0.0005
	// apart is how wrong a settled clock may be before media begins anew.
	apart = 80 * time.Millisecond
	// noVideo is after how long without pictures sound tells the time.
	noVideo = 5 * time.Second
)

// Clock finds the instants at which a publisher's media were made, up to the
// constant delay of its encoder and network. Media times follow the publisher's
// crystal and begin when its first frame happened to arrive; arrivals follow ours
// and jitter. The frame that took the shortest way, over some seconds, shows how
// the two lie. The zero value is ready.
type Clock struct {
	started bool
	first   time.Time // arrival of the first frame
	turned  time.Time // when the buckets were turned
	now     [2]time.Duration
	before  [2]time.Duration
	seen    [2]bool // in now
	had     [2]bool // in before
	video   time.Time

	offset time.Duration // in use: instant = zero + media time + offset
	moved  time.Time
}

// See notes a frame that was there whole at the instant arrival. expected is the
// instant that its media time stands for without the clock; span is how long it
// sounds, 0 for a picture.
func (c *Clock) See(arrival, expected time.Time, span time.Duration) {
	kind := 0
	late := arrival.Sub(expected)
	if span > 0 {
		kind = 1
		late -= span // it could not be sent before it was over
	} else {
		c.video = arrival
	}
	if !c.started {
		c.started, c.first, c.turned, c.moved = true, arrival, arrival, arrival
	}
	if arrival.Sub(c.turned) >= window {
		c.before, c.had = c.now, c.seen
		c.seen = [2]bool{}
		c.turned = arrival
	}
	if !c.seen[kind] || late < c.now[kind] {
		c.now[kind], c.seen[kind] = late, true
	}
	c.move(arrival)
}

// least is the shortest way of late: of pictures, or of sound where there are
// none.
func (c *Clock) least(arrival time.Time) time.Duration {
	kind := 0
	if arrival.Sub(c.video) > noVideo || !c.seen[0] && !c.had[0] {
		kind = 1
	}
	switch {
	case c.seen[kind] && c.had[kind]:
		return min(c.now[kind], c.before[kind])
	case c.seen[kind]:
		return c.now[kind]
	case c.had[kind]:
		return c.before[kind]
	}
	return c.offset
}

func (c *Clock) move(arrival time.Time) {
	want := c.least(arrival)
	if c.Settling(arrival) {
		c.offset, c.moved = want, arrival
		return
	}
	most := time.Duration(float64(arrival.Sub(c.moved)) * drift)
	if most <= 0 {
		return
	}
	c.offset += min(max(want-c.offset, -most), most)
	c.moved = arrival
}

// Offset is what to add to the instant that a media time stands for.
func (c *Clock) Offset() time.Duration { return c.offset }

// Settling says that the offset may still move at once.
func (c *Clock) Settling(at time.Time) bool { return !c.started || at.Sub(c.first) < settling }

// Off says that a settled clock is so wrong that media should begin anew, with a
// new clock: the publisher is another, or its clock has jumped.
func (c *Clock) Off(at time.Time) bool {
	if c.Settling(at) {
		return false
	}
	d := c.least(at) - c.offset
	return d > apart || d < -apart
}
