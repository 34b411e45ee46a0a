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

	// A round trip that is longer than the shortest by queueTooLong is of packets
	// that queue on the way: some networks queue for seconds and lose nothing.
	queueTooLong = 200 * time.Millisecond
	// drainPatience is how long a queue may take to become shorter once less is
	// sent. One that stays the same then is not ours: the way has become longer.
	drainPatience = 6 * time.Second

	// A link that takes less than littleTaken of what it was sent goes two layers
	// down at once.
	littleTaken = 0.4
)

// thinShares are the parts of a group of pictures that a thin link gets; its
// keyframe it gets always.
var thinShares = [...]float64{1, 0.5, 0.25, 0}

// quality judges a player's connection by what it reports, which costs nothing
// extra: by loss, by the time that packets queue on the way, and by what the
// connection does not take (ICE-TCP). It acts only where pictures suffer, and is
// not misled by jitter or by a browser's own idea of the bandwidth, which begins
// low and grows slowly. What arrives while a link is too thin is an estimate of
// its bandwidth.
type quality struct {
	mu       sync.Mutex
	expected int64 // packets, in the window under way
	lost     int64
	sent     int64 // bits
	taken    int64 // bits of these that arrived
	since    int64 // start of the window
	shortest int64 // round trip, ns; 0 while unknown
	queue    int64 // by how much the shortest of this window was longer
	queued   bool  // it is known

	badSent, badTaken int64 // bits, since bad
	queueThen         int64 // queue at the last step down, 0 if that was for loss alone
	lowered           int64 // when that was
	capacity          int64 // bit/s that arrived then; 0 if not known, or no longer of interest

	bad      int64 // since when loss has been too high, 0 if it is not
	good     int64 // since when there has been none to speak of
	heavy    int   // measurements in a row above thinLoss
	steps    int   // layers below the best
	thin     int   // the same for links that are too thin, and beyond the lowest layer
	patience time.Duration
	raised   int64 // last step up
}

// reception is what a player has newly said about one of its tracks.
type reception struct {
	expected, lost int64 // packets
	sent           int64 // packets it was sent meanwhile
	bits           int64 // of those
}

// report takes a reception.
func (q *quality) report(r reception, now int64) {
	if r.expected <= 0 || r.expected > 1<<15 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.since == 0 {
		q.since = now
	}
	lost := min(max(r.lost, 0), r.expected)
	q.expected += r.expected
	q.lost += lost
	q.sent += r.bits
	q.taken += int64(float64(r.bits) * min(1, float64(r.expected-lost)/float64(max(r.sent, 1))))
	if now-q.since < int64(lossWindow) || q.expected < lossLeast {
		return
	}
	ratio := float64(q.lost) / float64(q.expected)
	queueing, draining := q.queueing(ratio, now)
	began := q.since
	if q.heavy++; ratio <= thinLoss && !queueing {
		q.heavy = 0
	}
	switch {
	case ratio > lossTooHigh || queueing:
		q.good = 0
		if q.bad == 0 {
			q.bad, q.badSent, q.badTaken = began, 0, 0
		}
		q.badSent += q.sent
		q.badTaken += q.taken
		if now-q.bad >= int64(lossPatience) {
			q.lower(now, q.heavy >= heavyWindows)
		}
	case ratio < lossClean && !draining:
		q.bad = 0
		if q.good == 0 {
			q.good = began
		}
		q.raise(now)
	default:
		q.bad, q.good = 0, 0
	}
	q.since, q.expected, q.lost, q.sent, q.taken, q.queued = now, 0, 0, 0, 0, false
}

// roundTrip takes a measurement, in ns.
func (q *quality) roundTrip(rtt int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.shortest == 0 || rtt < q.shortest {
		q.shortest = rtt
	}
	if longer := rtt - q.shortest; !q.queued || longer < q.queue {
		q.queue, q.queued = longer, true
	}
}

// moved forgets the round trip: the connection goes another way now.
func (q *quality) moved() {
	q.mu.Lock()
	q.shortest, q.queue, q.queued, q.queueThen = 0, 0, false, 0
	q.mu.Unlock()
}

// queueing says whether packets wait on the way for so long that less has to be
// sent, and whether they do because that has not been so for long enough. Callers
// hold mu.
func (q *quality) queueing(ratio float64, now int64) (much, draining bool) {
	switch same := q.queue > q.queueThen*3/4 && q.queue < q.queueThen*5/4; {
	case q.queue <= int64(queueTooLong):
		q.queueThen = 0

		return false, false
	case q.queueThen == 0:
		return true, false
	case now-q.lowered < int64(drainPatience):
		return q.queue > q.queueThen, q.queue <= q.queueThen
	case same && ratio < lossClean:
		q.shortest += q.queue
		q.queue, q.queueThen = 0, 0

		return false, false
	}

	return true, false
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

// lower goes a layer down, or two. Callers hold mu.
func (q *quality) lower(now int64, thin bool) {
	if q.raised != 0 && now-q.raised < int64(cleanPatience) {
		q.patience = min(2*q.patience, cleanLongest)
	}
	by := 1
	if span := now - q.bad; q.bad != 0 && q.badSent > 0 && span > 0 {
		q.capacity = q.badTaken * int64(time.Second) / span
		if float64(q.badTaken) < littleTaken*float64(q.badSent) {
			by = 2
		}
	}
	q.steps = min(q.steps+by, maxLayers-1)
	if thin {
		q.thin = min(q.thin+by, thinMost)
	}
	q.lowered, q.queueThen = now, 0
	if q.queue > int64(queueTooLong) {
		q.queueThen = q.queue
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
		q.patience, q.capacity = cleanPatience, 0 // the best has lasted

		return
	}
	q.capacity += q.capacity / 2
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

// bandwidth is the estimate, in bit/s, of a link that has been too thin lately;
// 0 for others.
func (q *quality) bandwidth() int64 {
	q.mu.Lock()
	defer q.mu.Unlock()

	return q.capacity
}

// reduced says whether the connection gets less than the best, and its bandwidth.
func (q *quality) reduced() (bool, int) {
	q.mu.Lock()
	defer q.mu.Unlock()

	return q.steps > 0 || q.thin > 0, int(q.capacity)
}
