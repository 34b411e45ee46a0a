package sfu

import (
	"sync"
	"time"
)

const (
	// A player that loses more than lossTooHigh of its packets for lossPatience
	// gets a layer less; one that loses less than lossClean for cleanPatience
	// gets one more. Each step up that does not last doubles cleanPatience, up
	// to cleanLongest.
	lossTooHigh   = 0.10
	lossClean     = 0.02
	lossPatience  = 2 * time.Second
	cleanPatience = 10 * time.Second
	cleanLongest  = 80 * time.Second

	// Loss above thinLoss, or a connection that does not take what it is sent, is
	// of a link that is too thin, not of one that loses now and then: where there
	// is no lower layer, pictures are left out of each group of pictures.
	thinLoss = 0.20
	// heavyWindows measurements in a row have to show it: an outage, or another
	// stream under the same numbers, is one.
	heavyWindows = 3
	thinMost     = maxLayers - 1 + len(thinShares) - 1

	// lossWindow and lossLeast are how long, and how many packets, one
	// measurement takes.
	lossWindow = 500 * time.Millisecond
	lossLeast  = 20
)

// thinShares are the parts of a group of pictures that a thin link gets; its
// keyframe it gets always.
var thinShares = [...]float64{1, 0.5, 0.25, 0}

// quality judges a player's connection by the loss it reports and by what its
// connection does not take (ICE-TCP). It is a blunt measure that cannot be
// misled by jitter or by a browser's own idea of the bandwidth: it acts only
// where pictures suffer.
type quality struct {
	mu       sync.Mutex
	expected int64 // packets, in the window under way
	lost     int64
	since    int64 // start of the window
	bad      int64 // since when loss has been too high, 0 if it is not
	good     int64 // since when there has been none to speak of
	heavy    int   // measurements in a row above thinLoss
	steps    int   // layers below the best
	thin     int   // the same for links that are too thin, and beyond the lowest layer
	patience time.Duration
	raised   int64 // last step up
}

// report takes what a player has newly said about one of its tracks.
func (q *quality) report(expected, lost, now int64) {
	if expected <= 0 || expected > 1<<15 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.since == 0 {
		q.since = now
	}
	q.expected += expected
	q.lost += min(max(lost, 0), expected)
	if now-q.since < int64(lossWindow) || q.expected < lossLeast {
		return
	}
	ratio := float64(q.lost) / float64(q.expected)
	began := q.since
	q.since, q.expected, q.lost = now, 0, 0
	if q.heavy++; ratio <= thinLoss {
		q.heavy = 0
	}
	switch {
	case ratio > lossTooHigh:
		q.good = 0
		if q.bad == 0 {
			q.bad = began
		}
		if now-q.bad >= int64(lossPatience) {
			q.lower(now, q.heavy >= heavyWindows)
		}
	case ratio < lossClean:
		q.bad = 0
		if q.good == 0 {
			q.good = began
		}
		q.raise(now)
	default:
		q.bad, q.good = 0, 0
	}
}

// refused says that the connection did not take a packet.
func (q *quality) refused(now int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.good = 0
	if now-q.bad >= int64(lossPatience) { // once in a while: every refusal costs up to a keyframe
		q.lower(now, true)
		q.bad = now
	}
}

// lower goes a layer down. Callers hold mu.
func (q *quality) lower(now int64, thin bool) {
	if q.raised != 0 && now-q.raised < int64(cleanPatience) {
		q.patience = min(2*q.patience, cleanLongest)
	}
	q.steps = min(q.steps+1, maxLayers-1)
	if thin {
		q.thin = min(q.thin+1, thinMost)
	}
	q.bad, q.good = 0, 0
}

// raise goes a layer up if it is time to. Callers hold mu.
func (q *quality) raise(now int64) {
	q.patience = max(q.patience, cleanPatience)
	if now-q.good < int64(q.patience) {
		return
	}
	if q.steps == 0 && q.thin == 0 {
		q.patience = cleanPatience // the best has lasted

		return
	}
	q.steps, q.thin = max(q.steps-1, 0), max(q.thin-1, 0)
	q.good, q.raised = now, now
}

// stepsDown gives how many layers below the best the connection stands.
func (q *quality) stepsDown() int {
	q.mu.Lock()
	defer q.mu.Unlock()

	return q.steps
}

// thinShare gives the part of a group of pictures that the connection takes, of
// a source that has layers below its best.
func (q *quality) thinShare(layers int) float64 {
	q.mu.Lock()
	defer q.mu.Unlock()

	return thinShares[min(max(q.thin-layers, 0), len(thinShares)-1)]
}
