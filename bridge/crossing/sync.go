package crossing

import "time"

// rtpClock maps one track's RTP timestamps to media time.
type rtpClock struct {
	rate    int64 // Hz
	started bool
	used    bool // a media time has been given out
	last    uint32
	ticks   int64         // unwrapped, from the first timestamp
	offset  time.Duration // media time of tick 0
	target  time.Duration // where sender reports say offset belongs
}

// unwrap extends ts; the result counts ticks from the first timestamp seen.
func (c *rtpClock) unwrap(ts uint32) int64 {
	return c.ticks + int64(int32(ts-c.last))
}

// media returns the media time of ts, which arrived at the given media time.
// The first call anchors the clock to arrival; later ones only follow RTP.
func (c *rtpClock) media(ts uint32, arrival time.Duration) time.Duration {
	c.anchor(ts, arrival)
	c.used = true
	ticks := c.unwrap(ts)
	step := c.span(ticks - c.ticks)
	if step > 0 {
		c.slew(step)
		c.last, c.ticks = ts, ticks
	}
	return c.offset + c.span(ticks)
}

// anchor starts the clock at its first timestamp.
func (c *rtpClock) anchor(ts uint32, arrival time.Duration) {
	if c.started {
		return
	}
	c.started = true
	c.last, c.ticks = ts, 0
	c.offset, c.target = arrival, arrival
}

func (c *rtpClock) span(ticks int64) time.Duration {
	return time.Duration(ticks * int64(time.Second) / c.rate)
}

// slew moves the offset towards its target by at most a tenth of the time that
// passes, so that a sender report bends time and never breaks it.
func (c *rtpClock) slew(step time.Duration) {
	d := c.target - c.offset
	limit := step / 10
	c.offset += min(max(d, -limit), limit)
}

// follow aims this clock (video) at the other (audio) by the sender reports of
// both: what the publisher captured together is presented together.
func (c *rtpClock) follow(master *rtpClock, ntp time.Time, ts uint32, masterNTP time.Time, masterTS uint32) {
	if !c.started || !master.started {
		return
	}
	// The media time of the report on the master's clock, carried over by NTP.
	at := master.offset + master.span(master.unwrap(masterTS)) + ntp.Sub(masterNTP)
	target := at - c.span(c.unwrap(ts))
	if d := target - c.offset; d < -maxSkew || d > maxSkew {
		return // reports of two clocks, or of a publisher without one
	}
	c.target = target
	if !c.used {
		c.offset = target // nothing that could jump has been given out
	}
}

// maxSkew bounds what a sender report may move: more is not lip sync but a
// broken report.
const maxSkew = 2 * time.Second
