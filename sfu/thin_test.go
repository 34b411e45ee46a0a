package sfu

import (
	"testing"
	"time"

	"github.com/pion/rtp"
)

// TestAThinLinkGetsThePartOfEachGroupThatItTakes: what it gets begins with a
// keyframe and has no gap, and the others get everything.
func TestAThinLinkGetsThePartOfEachGroupThatItTakes(t *testing.T) {
	for _, tc := range []struct {
		level int
		want  int // frames of each group of 30, once the group's length is known
	}{{0, 30}, {1, 15}, {2, 8}, {3, 1}, {9, 1}} {
		src, o, others := fanout(2)
		f := src.Attach(FeedOptions{HasVideo: true})
		g := &gate{verdict: func(*rtp.Header) (bool, error) { return true, nil }}
		sub := o.subs[1]
		thin := sub.tracks[Video]
		thin.w = g
		frames(f, o, 0, 60, 30)
		g.headers, g.numbers = nil, nil
		sub.link.quality.mu.Lock()
		sub.link.quality.thin = tc.level
		sub.link.quality.mu.Unlock()
		sub.nextChoice = 0
		frames(f, o, 60, 180, 30)
		if others.packets != 180*3 {
			t.Errorf("level %d: the other player got %d packets, want all %d", tc.level, others.packets, 180*3)
		}
		got := map[uint32]int{} // packets by group
		for i, n := range g.numbers {
			got[n/30]++
			if int(n%30) >= tc.want {
				t.Fatalf("level %d: frame %d of a group was sent", tc.level, n%30)
			}
			if i > 0 && g.headers[i].SequenceNumber != g.headers[i-1].SequenceNumber+1 {
				t.Fatalf("level %d: a gap before frame %d", tc.level, n)
			}
		}
		for group := uint32(2); group < 6; group++ {
			if got[group] != 3*tc.want {
				t.Errorf("level %d: %d packets of group %d, want %d", tc.level, got[group], group, 3*tc.want)
			}
		}
		if left := thin.snapshot().Dropped.Thin; int(left) != 4*3*(30-tc.want) {
			t.Errorf("level %d: %d packets count as left out, want %d", tc.level, left, 4*3*(30-tc.want))
		}
		src.Close()
	}
}

// TestAPublisherThatCanBeAskedEndsAGroupThatWasCut: otherwise a browser's only
// keyframe would be the first.
func TestAPublisherThatCanBeAskedEndsAGroupThatWasCut(t *testing.T) {
	th := &thinning{key: true, keyAt: 1, cut: true, asking: true}
	if th.due(int64(gopAsked)) || !th.due(int64(gopAsked)+2) {
		t.Error("a cut group of a publisher that can be asked does not end when it should")
	}
	th.asking = false
	if th.due(int64(time.Hour)) {
		t.Error("a publisher that cannot be asked is asked")
	}
	th.asking, th.cut = true, false
	if th.due(int64(time.Hour)) {
		t.Error("a group that is whole is ended")
	}
}

// TestQualityThins: heavy loss thins, light loss does not, and it passes.
func TestQualityThins(t *testing.T) {
	q := &quality{}
	now := int64(time.Hour)
	run := func(percent int64, span time.Duration) float64 {
		for past := time.Duration(0); past < span; past += 500 * time.Millisecond {
			now += int64(500 * time.Millisecond)
			q.report(reception{expected: 100, lost: percent, sent: 100, bits: 800_000}, now)
		}

		return q.thinShare(0)
	}
	for i, x := range []struct {
		percent int64
		span    time.Duration
		want    float64
	}{
		{15, 10 * time.Second, 1},
		{5, time.Second, 1},
		{100, 500 * time.Millisecond, 1}, // an outage
		{0, time.Second, 1},
		{40, 3 * time.Second, 0.5},
		{5, time.Second, 0.5},
		{40, 3 * time.Second, 0.25},
		{40, 30 * time.Second, 0},
		{0, 5 * time.Minute, 1},
	} {
		if got := run(x.percent, x.span); got != x.want {
			t.Errorf("%d: %d %% of loss for %v gives %v of each group, want %v", i, x.percent, x.span, got, x.want)
		}
	}
	run(40, 3*time.Second)
	if got := q.thinShare(2); got != 1 {
		t.Errorf("with two lower layers to go to, %v of each group is sent", got)
	}
}

// a phone's way through a network, as its reports tell it.
type way struct {
	q   *quality
	now int64
}

// go on for a while with reports twice a second of a stream of 1 Mbit/s.
func (w *way) on(span time.Duration, taken float64, rtt time.Duration) {
	for past := time.Duration(0); past < span; past += 500 * time.Millisecond {
		w.now += int64(500 * time.Millisecond)
		w.q.roundTrip(int64(rtt))
		w.q.report(reception{expected: int64(50 * taken), sent: 50, bits: 500_000}, w.now)
	}
}

// TestAQueueThatGrowsThins: a network that loses nothing makes packets wait.
func TestAQueueThatGrowsThins(t *testing.T) {
	w := &way{q: &quality{}, now: int64(time.Hour)}
	w.on(10*time.Second, 1, 40*time.Millisecond)
	w.on(4*time.Second, 1, 200*time.Millisecond)
	if w.q.thinShare(0) != 1 || w.q.bandwidth() != 0 {
		t.Error("a queue that nobody notices thins")
	}
	w.on(time.Second, 1, time.Second)
	w.on(5*time.Second, 1, 40*time.Millisecond)
	if w.q.thinShare(0) != 1 {
		t.Error("a queue that goes away by itself thins")
	}
	for queue := 300 * time.Millisecond; w.q.thinShare(0) == 1 && queue < 5*time.Second; queue += 200 * time.Millisecond {
		w.on(500*time.Millisecond, 0.6, queue)
	}
	if got := w.q.thinShare(0); got != 0.5 {
		t.Fatalf("%v of each group is sent to a link that takes 0.6 of it, want 0.5", got)
	}
	if b := w.q.bandwidth(); b < 550_000 || b > 650_000 {
		t.Errorf("600 kbit/s get through, %d is the estimate", b)
	}
	// The queue becomes shorter, if slowly.
	for queue := 1300 * time.Millisecond; queue > 0; queue -= 150 * time.Millisecond {
		w.on(500*time.Millisecond, 1, 40*time.Millisecond+queue)
	}
	if got := w.q.thinShare(0); got != 0.5 {
		t.Errorf("while the queue drains %v of each group is sent, want 0.5", got)
	}
	w.on(8*time.Second, 1, 40*time.Millisecond)
	if got := w.q.thinShare(0); got != 0.5 {
		t.Errorf("soon after the queue has gone %v is sent, want 0.5", got)
	}
	w.on(time.Minute, 1, 40*time.Millisecond)
	if w.q.thinShare(0) != 1 || w.q.bandwidth() != 0 {
		t.Error("a link that has become wide is thin for ever")
	}
}

// TestALinkThatTakesLittleGoesTwoDown: at once, and further when that is not
// enough.
func TestALinkThatTakesLittleGoesTwoDown(t *testing.T) {
	w := &way{q: &quality{}, now: int64(time.Hour)}
	w.on(10*time.Second, 1, 40*time.Millisecond)
	queue := 300 * time.Millisecond
	grow := func() {
		for before := w.q.thinShare(0); w.q.thinShare(0) == before && queue < time.Minute; queue += 300 * time.Millisecond {
			w.on(500*time.Millisecond, 0.3, queue)
		}
	}
	if grow(); w.q.thinShare(0) != 0.25 || w.q.stepsDown() != 2 {
		t.Errorf("%v of each group, %d layers down", w.q.thinShare(0), w.q.stepsDown())
	}
	if grow(); w.q.thinShare(0) != 0 {
		t.Errorf("%v of each group while the queue grows on", w.q.thinShare(0))
	}
}

// TestALongerWayIsNotAQueue: a call that moves to another network may have a
// longer round trip from then on.
func TestALongerWayIsNotAQueue(t *testing.T) {
	w := &way{q: &quality{}, now: int64(time.Hour)}
	w.on(10*time.Second, 1, 40*time.Millisecond)
	w.on(time.Minute, 1, 400*time.Millisecond)
	if w.q.thinShare(0) != 1 {
		t.Errorf("%v of each group after a minute", w.q.thinShare(0))
	}
	w.q.moved()
	w.on(20*time.Second, 1, 900*time.Millisecond)
	if w.q.thinShare(0) != 1 || w.q.bandwidth() != 0 {
		t.Error("a connection that has moved is taken for a queue")
	}
}
