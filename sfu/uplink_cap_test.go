package sfu

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"
)

func TestUplinkCap(t *testing.T) {
	c := &uplinkCap{}
	now := int64(time.Hour)
	const rate = 1_000_000
	takes := int64(0)
	// after says what is told after a time of the same.
	after := func(span time.Duration, sent int64, thin bool) (bound int64) {
		for past := time.Duration(0); past < span; past += time.Second {
			now += int64(time.Second)
			bound = c.next(now, sent, thin, takes)
		}

		return bound
	}
	for i, x := range []struct {
		span       time.Duration
		sent       int64
		thin       bool
		least, top int64
	}{
		{time.Minute, rate, false, 0, 0},
		{3 * time.Second, rate, true, 0, 0}, // may pass
		{time.Second, rate, false, 0, 0},
		{5 * time.Second, rate, true, 600_000, 600_000},
		{5 * time.Second, 600_000, true, 600_000, 600_000}, // it has only just followed
		{2 * time.Second, 600_000, true, 360_000, 360_000},
		{time.Minute, 200_000, true, capLeast, capLeast},
		{12 * time.Second, 150_000, false, 337_500, 800_000}, // grows
		{8 * time.Second, 600_000, false, 700_000, 1_500_000},
	} {
		if got := after(x.span, x.sent, x.thin); got < x.least || got > x.top {
			t.Errorf("%d: told %d, want %d to %d", i, got, x.least, x.top)
		}
	}
	lifted := false
	for range 30 {
		if after(time.Second, rate, false) == capNone {
			lifted = true
		}
	}
	if got := after(time.Second, rate, false); !lifted || got != 0 {
		t.Errorf("the bound was lifted: %v, and is now %d", lifted, got)
	}
	takes = 400_000
	if got := after(5*time.Second, rate, true); got != 360_000 {
		t.Errorf("told %d where the widest link takes %d", got, takes)
	}
}

// TestAPublisherIsToldWhatItsPlayersTake: with one player that loses much the
// publisher is told of a bound; not so while another player takes all.
func TestAPublisherIsToldWhatItsPlayersTake(t *testing.T) {
	s := newSFU(t)
	src := NewSource("live/thin")
	defer src.Close()
	pub := newPublisherClient(t, s, src, clientOptions{})
	n := 0
	thin := &lossy{seen: map[uint8]int{}, lose: func(h *rtp.Header, _ []byte) bool {
		n++

		return h.PayloadType == 102 && n%3 == 0
	}}
	newPlayer(t, s, src, clientOptions{filter: thin, interceptors: true})
	healthy := newPlayer(t, s, src, clientOptions{interceptors: true})
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for i := uint32(0); !stop.Load(); i++ {
			<-tick.C
			pub.send(t, Video, i*900, makeFrame(Video, i, i%100 == 0, 3, 900))
		}
	}()
	defer func() {
		stop.Store(true)
		<-done
	}()
	eventually(t, "the thin link to be noticed", func() bool { return allButOneThin(src) })
	if b := pub.bound.Load(); b != 0 {
		t.Errorf("told %d bit/s while a player takes all", b)
	}
	mustDo(t, healthy.sub.Close())
	eventually(t, "the publisher to be told", func() bool { return pub.bound.Load() > 0 })
	// 3 packets of 900 bytes every 10 ms, or what a busy machine makes of that.
	if b := pub.bound.Load(); b < capLeast || b > 2_000_000 {
		t.Errorf("told %d bit/s", b)
	}
}

func allButOneThin(src *Source) bool {
	thin, all := 0, 0
	if list := src.outlets.Load(); list != nil {
		for _, o := range *list {
			o.mu.Lock()
			for _, sub := range o.subs {
				all++
				if sub.link.quality.thinShare(0) < 1 {
					thin++
				}
			}
			o.mu.Unlock()
		}
	}

	return all == 2 && thin == 1
}
