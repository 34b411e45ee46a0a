package sfu

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"
)

func TestQualityStepsDownAndUp(t *testing.T) {
	q := &quality{}
	now := int64(time.Hour)
	// run reports a loss ratio every half second and says after what time the
	// step became want, -1 if it did not.
	run := func(percent int64, span time.Duration, want int) time.Duration {
		for past := time.Duration(0); past <= span; past += 500 * time.Millisecond {
			if q.stepsDown() == want {
				return past
			}
			now += int64(500 * time.Millisecond)
			q.report(reception{expected: 100, lost: percent, sent: 100, bits: 800_000}, now)
		}

		return -1
	}
	for i, x := range []struct {
		percent  int64
		want     int
		from, to time.Duration
	}{
		{20, 1, 2 * time.Second, 3 * time.Second},
		{20, 2, 2 * time.Second, 3 * time.Second},
		{0, 1, 10 * time.Second, 11 * time.Second},
		{20, 2, 2 * time.Second, 3 * time.Second},   // it did not last,
		{0, 1, 20 * time.Second, 21 * time.Second},  // so more patience is needed
		{0, 0, 20 * time.Second, 21 * time.Second},  // for every step
		{20, 1, 2 * time.Second, 3 * time.Second},   // again
		{1, 0, 40 * time.Second, 41 * time.Second},  // a little loss is clean
		{0, -1, 41 * time.Second, 41 * time.Second}, // the best lasts: all is forgotten
		{20, 1, 2 * time.Second, 3 * time.Second},
		{0, 0, 10 * time.Second, 11 * time.Second},
	} {
		span := x.to
		if x.want < 0 {
			run(x.percent, span, -1)

			continue
		}
		if after := run(x.percent, span, x.want); after < x.from || after > x.to {
			t.Fatalf("%d: at %d %% loss step %d after %v, want %v to %v", i, x.percent, x.want, after, x.from, x.to)
		}
	}
	if run(5, 30*time.Second, 1) >= 0 {
		t.Error("5 % loss lowers the layer")
	}
	if run(20, time.Second, 1) >= 0 {
		t.Error("a second of loss lowers the layer")
	}
	q.report(reception{expected: -5, lost: 3}, now)
	q.report(reception{expected: 1 << 40, lost: 1}, now)
	q.report(reception{expected: 100, lost: -100}, now)
	for range 10 {
		now += int64(3 * time.Second)
		q.refused(now)
	}
	if got := q.stepsDown(); got != maxLayers-1 {
		t.Errorf("a connection that takes nothing stands %d steps down", got)
	}
}

// TestThinLinkGetsALowerLayer: a client that loses a fifth of its packets gets
// less, without being asked.
func TestThinLinkGetsALowerLayer(t *testing.T) {
	s := newSFU(t)
	src := NewSource("live/thin")
	defer src.Close()
	newSimulcastClient(t, s, src, 0, 1, 2)
	var losing atomic.Bool
	losing.Store(true)
	n := 0
	thin := &lossy{seen: map[uint8]int{}, lose: func(h *rtp.Header, _ []byte) bool {
		n++

		return losing.Load() && h.PayloadType == 102 && n%5 == 0
	}}
	v := newViewerClient(t, s, clientOptions{filter: thin, interceptors: true})
	mustDo(t, v.v.Add("u", src, ViewOptions{Video: true}))
	eventually(t, "the high layer", func() bool { return lastLayer(v.got("u", Video)) == 2 })
	eventually(t, "a lower layer", func() bool { return lastLayer(v.got("u", Video)) < 2 })
	if st := v.v.KeyStats()["u"].Video; st.FractionLost == 0 {
		t.Errorf("stats %+v", st)
	}
}
