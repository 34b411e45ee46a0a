package sfu

import (
	"testing"

	"github.com/pion/rtp"
)

// sink takes packets in place of a connection.
type sink struct{ packets int }

func (s *sink) WriteRTP(_ *rtp.Header, payload []byte) (int, error) {
	s.packets++

	return len(payload) + 12, nil
}

func (s *sink) Write(b []byte) (int, error) { return len(b), nil }

// fanout is a Source with live subscribers that send into sinks.
func fanout(n int) (*Source, *outlet, *sink) {
	s := &SFU{}
	sh := newShard(s)
	src := NewSource("bench")
	o := src.enterOutlet(sh)
	out := &sink{}
	for range n {
		sub := &subscription{link: &link{sfu: s}, source: src, nextReport: 1 << 62}
		d := &downTrack{sub: sub, source: &src.tracks[Video], w: out, hist: make([]sent, history)}
		sub.tracks[Video] = d
		o.subs = append(o.subs, sub)
	}

	return src, o, out
}

// BenchmarkFanOut is the cost of one packet to one subscriber before encryption
// and the socket. It must not allocate.
func BenchmarkFanOut(b *testing.B) {
	const subscribers, perFrame = 150, 8
	src, o, out := fanout(subscribers)
	defer src.Close()
	f := src.Attach(FeedOptions{HasVideo: true})
	payloads := makeFrame(Video, 1, false, perFrame, 1150)
	media := int64(0)
	write := func(key bool) {
		media += 33_000_000
		if key {
			f.WriteFrame(Video, 0, true, makeFrame(Video, 0, true, perFrame, 1150))
		} else {
			f.WriteFrame(Video, 0, false, payloads)
		}
		for o.pass(mono()) {
		}
	}
	write(true)
	b.ReportAllocs()
	b.ResetTimer()
	out.packets = 0
	for out.packets < b.N {
		write(false)
	}
}

func TestFanOutDoesNotAllocate(t *testing.T) {
	src, o, _ := fanout(100)
	defer src.Close()
	f := src.Attach(FeedOptions{HasVideo: true})
	key, delta := makeFrame(Video, 0, true, 8, 1150), makeFrame(Video, 1, false, 8, 1150)
	f.WriteFrame(Video, 0, true, key)
	for o.pass(mono()) {
	}
	allocs := testing.AllocsPerRun(200, func() {
		f.WriteFrame(Video, 0, false, delta)
		for o.pass(mono()) {
		}
	})
	// 800 packets are sent per run; the stream itself pays for its slab.
	if allocs > 4 {
		t.Errorf("%.1f allocations for 800 packets sent", allocs)
	}
}
