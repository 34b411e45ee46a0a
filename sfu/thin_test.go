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
			q.report(100, percent, now)
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
