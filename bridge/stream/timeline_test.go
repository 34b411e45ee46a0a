package stream

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

const ms = time.Millisecond

// clocked is one frame as a publisher stamps it and when it arrives.
type clocked struct {
	kind Kind
	ts   time.Duration
	at   time.Duration // since the stream's creation
	want time.Duration
}

func TestTimeline(t *testing.T) {
	for _, tc := range []struct {
		name   string
		frames []clocked
		jumps  int
	}{
		{"starts anywhere", []clocked{
			{Video, 71582 * time.Minute, 10 * ms, 10 * ms},
			{Audio, 71582*time.Minute + 5*ms, 15 * ms, 15 * ms},
			{Video, 71582*time.Minute + 33*ms, 50 * ms, 43 * ms},
		}, 0},
		{"jump ahead of both kinds keeps them together", []clocked{
			{Video, 0, 0, 1 * ms},
			{Audio, 10 * ms, 10 * ms, 11 * ms},
			{Video, time.Hour, 40 * ms, 40 * ms},
			{Audio, time.Hour - 7*ms, 45 * ms, 33 * ms},
			{Video, time.Hour + 33*ms, 80 * ms, 73 * ms},
		}, 1},
		{"the other kind has not jumped yet", []clocked{
			{Video, 0, 0, 1 * ms},
			{Audio, 0, 0, 1 * ms},
			{Video, time.Hour, 40 * ms, 40 * ms},
			{Audio, 21 * ms, 42 * ms, 22 * ms},
			{Audio, time.Hour + 3*ms, 45 * ms, 43 * ms},
		}, 1},
		{"jump back", []clocked{
			{Video, time.Hour, 0, 1 * ms},
			{Video, 0, 33 * ms, 33 * ms},
			{Video, 33 * ms, 66 * ms, 66 * ms},
		}, 1},
		{"a stalled publisher that dropped frames is no jump", []clocked{
			{Video, 0, 0, 1 * ms},
			{Video, 8 * time.Second, 8 * time.Second, 8001 * ms},
		}, 0},
		{"jitter never goes back", []clocked{
			{Audio, 100 * ms, 0, 1 * ms},
			{Audio, 121 * ms, 21 * ms, 22 * ms},
			{Audio, 119 * ms, 42 * ms, 22 * ms},
			{Audio, 163 * ms, 63 * ms, 64 * ms},
		}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var tl timeline
			began := time.Now()
			for i, f := range tc.frames {
				if got := tl.convert(f.kind, f.ts, f.at, began.Add(f.at)); got != f.want {
					t.Errorf("frame %d: %v of %v at %v became %v, want %v", i, f.kind, f.ts, f.at, got, f.want)
				}
			}
			if tl.jumps != tc.jumps {
				t.Errorf("%d jumps, want %d", tl.jumps, tc.jumps)
			}
		})
	}
}

func TestTimelineResumes(t *testing.T) {
	var tl timeline
	tl.resume(5 * time.Second)
	now := time.Now()
	if got := tl.convert(Video, time.Second, 3*time.Second, now); got <= 5*time.Second {
		t.Errorf("a second publisher's first frame is at %v, behind the first publisher's last at 5s", got)
	}
	last := 5 * time.Second
	for _, ts := range []time.Duration{960 * ms, 981 * ms, 1002 * ms} {
		got := tl.convert(Audio, ts, 3*time.Second, now)
		if got <= last {
			t.Errorf("sound of before the first picture is at %v, after %v", got, last)
		}
		last = got
	}
}

// Whatever a publisher stamps, players see time that does not go back within a
// kind, and that stays near the wall clock once a jump has been taken.
func TestTimelineAnyStamps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var tl timeline
		var at time.Duration
		last := map[Kind]time.Duration{}
		began := time.Now()
		ahead := ms // a clock that jumps may have run ahead by a gap each time
		ts := time.Duration(rapid.Int64Range(-1<<40, 1<<40).Draw(t, "start"))
		for range rapid.IntRange(1, 80).Draw(t, "n") {
			step := time.Duration(rapid.IntRange(0, 100).Draw(t, "step")) * ms
			at += step
			ts += step
			if rapid.IntRange(0, 9).Draw(t, "jump") == 0 {
				ts = time.Duration(rapid.Int64Range(-1<<42, 1<<42).Draw(t, "to"))
				ahead += maxStep + ms
			}
			k := rapid.SampledFrom([]Kind{Video, Audio}).Draw(t, "kind")
			got := tl.convert(k, ts, at, began.Add(at))
			if got < last[k] {
				t.Fatalf("%v went back from %v to %v", k, last[k], got)
			}
			if got > at+ahead {
				t.Fatalf("%v at %v ran ahead to %v", k, at, got)
			}
			last[k] = got
		}
	})
}
