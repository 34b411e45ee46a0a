package sfu

import (
	"context"
	"io"
	"sync"
	"time"
)

// TapOptions says what a Tap delivers.
type TapOptions struct {
	Video, Audio bool
	QueuePackets int // bound of the queue, 1024 when 0
}

// TapPacket is one RTP packet of a Source in order of arrival.
type TapPacket struct {
	Kind Kind
	// Seq is the extended sequence number. It goes on over feeds; numbers are
	// missing where the publisher's packets are, and late packets come late.
	Seq       uint64
	Timestamp uint32 // on the Source's timeline, 90 kHz for video, 48 kHz for audio
	Marker    bool
	Payload   []byte // shared, not to be changed
	Arrival   time.Time
	Feed      int // generation of the feed it belongs to
	Dropped   int // packets lost before this one because the queue was full
}

// Tap reads the packets of a Source without a PeerConnection. Its reader should
// keep up: when the queue is full new packets are dropped, which the next
// packet states.
type Tap struct {
	src  *Source
	opts TapOptions

	mu      sync.Mutex
	queue   []TapPacket // circular
	first   int
	count   int
	dropped int
	ended   bool
	ready   chan struct{} // holds a token when there may be something to read
}

// Tap starts reading the Source from now on.
func (src *Source) Tap(opts TapOptions) *Tap {
	if opts.QueuePackets <= 0 {
		opts.QueuePackets = 1024
	}
	t := &Tap{src: src, opts: opts, queue: make([]TapPacket, opts.QueuePackets), ready: make(chan struct{}, 1)}
	src.mu.Lock()
	defer src.mu.Unlock()
	if src.closed {
		t.ended = true

		return t
	}
	var list []*Tap
	if p := src.taps.Load(); p != nil {
		list = *p
	}
	next := append(append([]*Tap(nil), list...), t)
	src.taps.Store(&next)

	return t
}

// Read waits for the next packet. It returns io.EOF once the Source or the Tap
// is closed and everything queued has been read.
func (t *Tap) Read(ctx context.Context) (TapPacket, error) {
	for {
		t.mu.Lock()
		if t.count > 0 {
			p := t.queue[t.first]
			t.queue[t.first] = TapPacket{}
			t.first = (t.first + 1) % len(t.queue)
			t.count--
			t.mu.Unlock()

			return p, nil
		}
		ended := t.ended
		t.mu.Unlock()
		if ended {
			return TapPacket{}, io.EOF
		}
		select {
		case <-t.ready:
		case <-ctx.Done():
			return TapPacket{}, ctx.Err()
		}
	}
}

// ClockMapping gives the publisher's last statement of when, on its own clock,
// a timestamp of the track was captured (RFC 3550 §6.4.1). The two tracks of one
// feed share that clock. ok is false until the first sender report.
func (t *Tap) ClockMapping(kind Kind) (ntp time.Time, rtp uint32, ok bool) {
	f := t.src.current.Load()
	if f == nil || kind >= kinds {
		return time.Time{}, 0, false
	}
	tr := &t.src.tracks[kind]
	tr.mu.RLock()
	off, started := f.lanes[kind].tsOff, f.lanes[kind].started
	tr.mu.RUnlock()
	c := &f.clock
	c.mu.Lock()
	defer c.mu.Unlock()
	if r := c.reports[kind]; r.ok {
		return r.ntp, r.rtp, true
	}
	if c.hasEpoch && started {
		return wall(c.epoch), off, true
	}

	return time.Time{}, 0, false
}

// RequestKeyframe is [Source.RequestKeyframe].
func (t *Tap) RequestKeyframe() { t.src.RequestKeyframe() }

// Close ends the Tap.
func (t *Tap) Close() {
	src := t.src
	src.mu.Lock()
	if p := src.taps.Load(); p != nil {
		next := make([]*Tap, 0, len(*p))
		for _, other := range *p {
			if other != t {
				next = append(next, other)
			}
		}
		src.taps.Store(&next)
	}
	src.mu.Unlock()
	t.end()
}

func (t *Tap) end() {
	t.mu.Lock()
	t.ended = true
	t.mu.Unlock()
	t.signal()
}

func (t *Tap) signal() {
	select {
	case t.ready <- struct{}{}:
	default:
	}
}

// tapLocked gives what arrived from position first on to the taps. Callers hold
// the track's mu, which keeps the order.
func (src *Source) tapLocked(t *track, first uint64) {
	list := src.taps.Load()
	if list == nil {
		return
	}
	for _, tap := range *list {
		if (t.kind == Video && !tap.opts.Video) || (t.kind == Audio && !tap.opts.Audio) {
			continue
		}
		tap.mu.Lock()
		for i := first; i < t.head; i++ {
			tap.put(t.kind, t.log[i%t.size()])
		}
		tap.mu.Unlock()
		tap.signal()
	}
}

func (t *Tap) put(kind Kind, p *packet) {
	if t.ended {
		return
	}
	if t.count == len(t.queue) {
		t.dropped++

		return
	}
	t.queue[(t.first+t.count)%len(t.queue)] = TapPacket{
		Kind: kind, Seq: p.seq, Timestamp: p.ts, Marker: p.marker, Payload: p.payload,
		Arrival: wall(p.at), Feed: int(p.feed), Dropped: t.dropped,
	}
	t.count++
	t.dropped = 0
}
