package h264

import (
	"slices"
	"time"
)

// Packet is what the bridge keeps of an RTP packet.
type Packet struct {
	Timestamp uint32 // RTP time, 90 kHz
	Marker    bool
	Payload   []byte // may be empty: padding that takes a sequence number
}

// JitterBuffer puts RTP packets back in order. A missing packet is waited for, so that a retransmission
// can fill the hole, then given up as lost. After each Push, call Pop until it returns no packet;
// when Deadline passes, do so again. It holds on to payloads until popped.
//
// A publisher that starts over with other sequence numbers under the same SSRC is noticed and
// reported as a loss; for a new SSRC call Reset.
type JitterBuffer struct {
	// MaxWait bounds the time a missing packet is waited for; 0 waits for none.
	MaxWait time.Duration
	// MaxPackets bounds the packets held; when they are reached the oldest hole is given up.
	// DefaultMaxPackets if 0.
	MaxPackets int

	items []held // by sequence number, from head on
	head  int
	next  uint64 // sequence number of the next packet out
	begun bool
	owed  int // losses to report with the next packet, apart from holes
	probe probe
	stats JitterStats
}

// NewJitterBuffer returns a JitterBuffer that waits at most maxWait for a missing packet.
func NewJitterBuffer(maxWait time.Duration) *JitterBuffer { return &JitterBuffer{MaxWait: maxWait} }

// DefaultMaxPackets is about a second at 10 Mb/s.
const DefaultMaxPackets = 1024

// JitterStats counts packets since the start.
type JitterStats struct {
	Lost       uint64 // given up
	Late       uint64 // came after they were given up, or again after they were popped
	Duplicates uint64 // came again while held
	Restarts   uint64 // jumps of the sequence that were followed
	Discarded  uint64 // held or probed, then dropped at a restart or for want of room
}

type held struct {
	seq uint64
	p   Packet
	// since is when the first packet from this place on arrived: the age of the hole before it.
	since time.Time
}

// probe follows packets far from the expected place (RFC 3550 appendix A.1): a run of them is
// a restart, a stray one is not.
type probe struct {
	run  int
	last uint64
	p    Packet
	kept bool // p holds the packet
}

const (
	// maxDropout is the largest forward jump taken for a loss, as in RFC 3550.
	maxDropout = 3000
	// lateRun consecutive late packets, with none in place between them, are a restart at lower
	// numbers. Retransmissions come between packets in place. Ahead, two suffice.
	lateRun = 100
)

// Push takes a packet that arrived at now. seq is its extended sequence number (see Unwrapper). now must
// not go backwards.
func (j *JitterBuffer) Push(seq uint64, p Packet, now time.Time) {
	if !j.begun {
		j.begun = true
		j.next = seq
	}
	newest := j.next
	if n := len(j.items); n > j.head {
		newest = j.items[n-1].seq
	}
	switch {
	case seq > newest+maxDropout:
		j.far(seq, p, now)
	case seq < j.next:
		j.late(seq, p, now)
	default:
		j.forget()
		j.insert(seq, p, now)
	}
}

func (j *JitterBuffer) far(seq uint64, p Packet, now time.Time) {
	if j.probe.run == 0 || seq != j.probe.last+1 {
		j.forget()
		j.probe = probe{run: 1, last: seq, p: p, kept: true}
		return
	}
	first := j.probe.p
	j.restart(seq - 1)
	j.insert(seq-1, first, now)
	j.insert(seq, p, now)
}

func (j *JitterBuffer) late(seq uint64, p Packet, now time.Time) {
	j.stats.Late++
	run := 1
	if j.probe.run > 0 && seq == j.probe.last+1 {
		run = j.probe.run + 1
	}
	if run < lateRun {
		j.forget()
		j.probe = probe{run: run, last: seq}
		return
	}
	j.restart(seq)
	j.insert(seq, p, now)
}

// restart drops what is held and goes on at seq.
func (j *JitterBuffer) restart(seq uint64) {
	j.stats.Restarts++
	j.stats.Discarded += uint64(j.Len())
	j.owed += 1 + j.Len()
	j.clear()
	j.next = seq
}

// forget ends a probe that led nowhere.
func (j *JitterBuffer) forget() {
	if j.probe.kept {
		j.stats.Discarded++
	}
	j.probe = probe{}
}

func (j *JitterBuffer) insert(seq uint64, p Packet, now time.Time) {
	at := len(j.items)
	for at > j.head && j.items[at-1].seq > seq {
		at--
	}
	if at > j.head && j.items[at-1].seq == seq {
		j.stats.Duplicates++
		return
	}
	if j.Len() >= j.limit() {
		j.stats.Discarded++
		return
	}
	since := now
	if at < len(j.items) {
		since = j.items[at].since
	}
	if len(j.items) == cap(j.items) && j.head > 0 {
		n := copy(j.items, j.items[j.head:])
		clear(j.items[n:])
		j.items = j.items[:n]
		at -= j.head
		j.head = 0
	}
	j.items = slices.Insert(j.items, at, held{seq, p, since})
}

// Pop returns the next packet in order. lost is the number of packets given up right before it. It
// returns false while a missing packet is still waited for, or nothing is held.
func (j *JitterBuffer) Pop(now time.Time) (p Packet, lost int, ok bool) {
	if j.Len() == 0 {
		return Packet{}, 0, false
	}
	first := &j.items[j.head]
	hole := int(first.seq - j.next)
	if hole > 0 && now.Before(first.since.Add(j.MaxWait)) && j.Len() < j.limit() {
		return Packet{}, 0, false
	}
	j.stats.Lost += uint64(hole)
	lost = hole + j.owed
	j.owed = 0
	p = first.p
	j.next = first.seq + 1
	*first = held{}
	if j.head++; j.head == len(j.items) {
		j.items = j.items[:0]
		j.head = 0
	}
	return p, lost, true
}

// Deadline is when the hole in front is given up: call Pop then. It returns false when nothing is held.
func (j *JitterBuffer) Deadline() (time.Time, bool) {
	if j.Len() == 0 {
		return time.Time{}, false
	}
	first := &j.items[j.head]
	if first.seq == j.next {
		return first.since, true
	}
	return first.since.Add(j.MaxWait), true
}

// Len is the number of packets held.
func (j *JitterBuffer) Len() int { return len(j.items) - j.head }

// Stats returns the counts so far.
func (j *JitterBuffer) Stats() JitterStats { return j.stats }

// Reset drops what is held and starts over at the next packet, which will report a loss.
func (j *JitterBuffer) Reset() {
	j.stats.Discarded += uint64(j.Len())
	if j.begun {
		j.owed += 1 + j.Len()
	}
	j.clear()
	j.begun = false
}

func (j *JitterBuffer) clear() {
	clear(j.items)
	j.items = j.items[:0]
	j.head = 0
	j.probe = probe{}
}

func (j *JitterBuffer) limit() int {
	if j.MaxPackets > 0 {
		return j.MaxPackets
	}
	return DefaultMaxPackets
}
