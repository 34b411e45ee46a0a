package sfu

import (
	"sync"
	"time"

	"github.com/pion/rtcp"
)

const (
	// nackReorder is how long a packet may be out of order before it is asked for.
	nackReorder = 5 * time.Millisecond

	// nackTick is how often missing packets are looked at.
	nackTick = 10 * time.Millisecond

	// nackAgain is the least time between two requests for a packet; a round
	// trip where that is longer.
	nackAgain = 30 * time.Millisecond

	// A packet that is still missing after nackTries requests or nackAge is
	// given up, and so is everything where more than nackMissing are missing.
	nackTries   = 10
	nackAge     = time.Second
	nackMissing = 300
)

// nacker asks a publisher for packets that did not arrive (RFC 4585 §6.2.1). It
// is our own because it has to see repairs where they are merged with the media,
// or it would ask for them for ever. The publisher's reading goroutine reports
// arrivals; a timer, which runs while something is missing, asks.
type nacker struct {
	ask    func(seqs []uint16) // sends the request
	giveUp func()              // the picture cannot be repaired
	rtt    func() time.Duration

	mu      sync.Mutex
	started bool
	stopped bool
	ext     extender
	missing []missing // by rising sequence number
	timer   *time.Timer
	armed   bool
}

type missing struct {
	seq   uint64
	since int64
	asked int64
	tries int
}

// arrived takes note of a packet, the first or a repair.
func (n *nacker) arrived(seq uint16, now int64) {
	n.mu.Lock()
	lost := n.take(seq, now)
	n.arm()
	n.mu.Unlock()
	if lost {
		n.giveUp()
	}
}

// take reports whether more is missing than can be repaired. Callers hold mu.
func (n *nacker) take(seq uint16, now int64) (lost bool) {
	if !n.started {
		n.started = true
		n.ext.start(seq)

		return false
	}
	last := n.ext.last
	ext, ok := n.ext.extend(seq)
	switch {
	case !ok:
		if ext == 0 { // a jump, not merely from before the start
			n.ext.start(seq)
			n.missing = n.missing[:0]
		}
	case ext > last+nackMissing:
		lost = true
	case ext > last:
		for s := last + 1; s < ext; s++ {
			n.missing = append(n.missing, missing{seq: s, since: now})
		}
		lost = len(n.missing) > nackMissing
	default:
		for i := range n.missing {
			if n.missing[i].seq == ext {
				n.missing = append(n.missing[:i], n.missing[i+1:]...)

				break
			}
		}
	}
	if lost {
		n.missing = n.missing[:0]
	}

	return lost
}

// arm has the timer run if something is missing. Callers hold mu.
func (n *nacker) arm() {
	if len(n.missing) == 0 || n.armed || n.stopped {
		return
	}
	n.armed = true
	if n.timer == nil {
		n.timer = time.AfterFunc(nackReorder, n.tick)

		return
	}
	n.timer.Reset(nackReorder)
}

// tick asks for what is due.
func (n *nacker) tick() {
	again := int64(max(n.rtt(), nackAgain))
	now := mono()
	n.mu.Lock()
	n.armed = false
	var due []uint16
	lost := false
	keep := n.missing[:0]
	for _, m := range n.missing {
		if m.tries >= nackTries && now-m.asked >= again || now-m.since > int64(nackAge) {
			lost = true

			continue
		}
		if now-m.since >= int64(nackReorder) && (m.tries == 0 || now-m.asked >= again) {
			m.asked = now
			m.tries++
			due = append(due, uint16(m.seq))
		}
		keep = append(keep, m)
	}
	n.missing = keep
	stopped := n.stopped
	if len(n.missing) > 0 && !stopped {
		n.armed = true
		n.timer.Reset(nackTick)
	}
	n.mu.Unlock()
	if stopped {
		return
	}
	if len(due) > 0 {
		n.ask(due)
	}
	if lost {
		n.giveUp()
	}
}

func (n *nacker) stop() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.stopped = true
	if n.timer != nil {
		n.timer.Stop()
	}
}

// newNacker makes the nacker of one of a publisher's video tracks.
func (pub *Publisher) newNacker(up *upTrack) *nacker {
	return &nacker{
		ask: func(seqs []uint16) {
			up.nacks.Add(1)
			up.nacked.Add(uint64(len(seqs)))
			_ = pub.pc.WriteRTCP([]rtcp.Packet{&rtcp.TransportLayerNack{
				SenderSSRC: 1, MediaSSRC: up.ssrc.Load(), Nacks: rtcp.NackPairsFromSequenceNumbers(seqs),
			}})
		},
		giveUp: func() {
			if f := pub.feed.Load(); f != nil && f.Current() {
				pub.source.requestLane(up.lane)
			}
		},
		rtt: pub.rtt,
	}
}

// rtt is the round trip to the publisher by ICE's checks, 0 if unknown.
func (pub *Publisher) rtt() time.Duration {
	pair, ok := pub.pc.SCTP().Transport().ICETransport().GetSelectedCandidatePairStats()
	if !ok {
		return 0
	}

	return time.Duration(pair.CurrentRoundTripTime * float64(time.Second))
}
