package sfu

import (
	"time"

	"github.com/pion/rtcp"
)

const (
	// capEvery is how often a publisher is told of its bound.
	capEvery = time.Second

	// A bound begins at capOf what the widest of the links takes, or, where that is
	// not known, at capShare of what came; and it is as much of itself when the
	// links turn out to be thinner yet. While somebody's link takes all it grows by
	// capGrowth every capPatience, and is lifted above capLifted times the most
	// that has come.
	capOf       = 0.9
	capShare    = 0.6
	capGrowth   = 1.5
	capPatience = 4 * time.Second
	capLifted   = 1.5
	capLeast    = 150_000     // bit/s
	capNone     = 100_000_000 // bit/s: lifts a bound

	// capFresh is how often a link may be judged anew: what a smaller bound does
	// is seen only once the publisher has followed it.
	capFresh = 6 * time.Second

	// capSure is how long all links have been too thin before there is a bound.
	capSure = 4 * time.Second
)

// uplinkCap bounds a browser's bitrate to what those who watch it can use, when
// all their links are too thin for more. It is used by one goroutine.
type uplinkCap struct {
	looked int64 // mono instant
	bound  int64 // bit/s, 0 for none
	most   int64 // the highest bitrate that came
	thin   int64 // mono instant of the last bound that was too high, or of its growth
	since  int64 // mono instant since which all links have been too thin, 0 if they are not
}

// next says what to tell a publisher, which sends rate bit/s: a bound in bit/s,
// capNone to lift one, or 0 for nothing. thin says that no player takes all of
// it; takes is how much of it some player does, 0 if that is not known.
func (c *uplinkCap) next(now, rate int64, thin bool, takes int64) int64 {
	c.most = max(c.most, rate)
	switch {
	case !thin:
		c.since = 0
	case c.since == 0:
		c.since = now
	}
	switch {
	case thin && now-c.since < int64(capSure):
	case thin && (c.bound == 0 || now-c.thin >= int64(capFresh)):
		from := rate
		if c.bound > 0 {
			from = min(rate, c.bound)
		}
		bound := capShare * float64(from)
		if takes > 0 {
			bound = capOf * float64(min(takes, from))
		}
		c.bound, c.thin = max(int64(bound), capLeast), now
	case c.bound > 0 && !thin && now-c.thin >= int64(capPatience):
		c.bound, c.thin = int64(capGrowth*float64(c.bound)), now
		if float64(c.bound) > capLifted*float64(c.most) {
			c.bound = 0

			return capNone
		}
	}

	return c.bound
}

// capUplink tells the publisher its bound, when it is time to, by
// draft-alvestrand-rmcat-remb-03: browsers take it for a limit of their own
// estimate.
func (pub *Publisher) capUplink(c *uplinkCap, now int64) {
	if now-c.looked < int64(capEvery) {
		return
	}
	c.looked = now
	var rate int64
	var ssrcs []uint32
	for lane := range pub.received {
		up := &pub.received[lane]
		if ssrc := up.ssrc.Load(); ssrc != 0 && Kind(lane) != Audio {
			up.mu.Lock()
			rate += int64(up.rate.value(now))
			up.mu.Unlock()
			ssrcs = append(ssrcs, ssrc)
		}
	}
	thin, takes := pub.source.allThin()
	bound := c.next(now, rate, thin, takes)
	if bound == 0 || len(ssrcs) == 0 {
		return
	}
	_ = pub.pc.WriteRTCP([]rtcp.Packet{&rtcp.ReceiverEstimatedMaximumBitrate{SenderSSRC: 1, Bitrate: float32(bound), SSRCs: ssrcs}})
}

// allThin says that somebody watches, and that every one of them has a link too
// thin for what the publisher sends. takes is how much the widest link takes, in
// bit/s; 0 if that is not known.
func (src *Source) allThin() (thin bool, takes int64) {
	if taps := src.taps.Load(); taps != nil {
		for _, t := range *taps {
			if t.opts.Video {
				return false, 0 // frames for RTMP players and recordings
			}
		}
	}
	list := src.outlets.Load()
	if list == nil {
		return false, 0
	}
	watched := false
	for _, o := range *list {
		o.mu.Lock()
		for _, sub := range o.subs {
			if sub.tracks[Video] == nil {
				continue
			}
			watched = true
			if sub.link.quality.thinShare(0) == 1 {
				o.mu.Unlock()

				return false, 0
			}
			takes = max(takes, sub.link.quality.bandwidth())
		}
		o.mu.Unlock()
	}

	return watched, takes
}
