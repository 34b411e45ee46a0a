package crossing

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

const ms = time.Millisecond

func TestClockFollowsRTPAndWraps(t *testing.T) {
	c := rtpClock{rate: 90000}
	start := uint32(0xffffffff - 4500)
	if got := c.media(start, 100*ms); got != 100*ms {
		t.Errorf("the first packet is at %v, want its arrival", got)
	}
	for i := range 10 {
		// Arrival jitters; RTP does not, and wraps on the way.
		got := c.media(start+uint32(i+1)*3000, time.Hour)
		if want := 100*ms + time.Duration(i+1)*time.Second/30; got < want-ms || got > want+ms {
			t.Errorf("frame %d is at %v, want %v", i+1, got, want)
		}
	}
	if got := c.media(start+3000, 0); got > 134*ms || got < 133*ms {
		t.Errorf("a late frame is at %v, want its own time", got)
	}
}

// A sender report must bring video to the audio's time without a step: time
// between two frames stays within a tenth of what it was.
func TestLipSyncBendsTime(t *testing.T) {
	for _, skew := range []time.Duration{-120 * ms, -15 * ms, 0, 35 * ms, 300 * ms} {
		audio, video := rtpClock{rate: 48000}, rtpClock{rate: 90000}
		audio.media(5000, 50*ms)
		video.media(777, 50*ms+skew) // captured with the audio, arrived later
		ntp := time.Unix(1000, 0)
		var last time.Duration
		for i := range 200 {
			ts := 777 + uint32(i)*3000
			if i == 10 {
				video.follow(&audio, ntp, 777, ntp, 5000)
			}
			got := video.media(ts, 0)
			if step := got - last; i > 0 && (step < 29*ms || step > 37*ms) {
				t.Fatalf("skew %v, frame %d: a step of %v at 30 frames per second", skew, i, step)
			}
			last = got
		}
		want := 50*ms + 199*time.Second/30
		if d := last - want; d < -ms || d > ms {
			t.Errorf("skew %v: in the end video is %v off the audio", skew, d)
		}
	}
}

// When reports are there before the first picture, it is in sync from the start.
func TestLipSyncFromTheFirstPicture(t *testing.T) {
	audio, video := rtpClock{rate: 48000}, rtpClock{rate: 90000}
	audio.media(5000, 50*ms)
	video.anchor(777, 130*ms)
	ntp := time.Unix(1000, 0)
	video.follow(&audio, ntp, 777, ntp, 5000)
	if got := video.media(777, 130*ms); got != 50*ms {
		t.Errorf("the first picture is at %v, its sound at 50ms", got)
	}
}

func TestImplausibleReportsAreIgnored(t *testing.T) {
	audio, video := rtpClock{rate: 48000}, rtpClock{rate: 90000}
	audio.media(0, 0)
	video.media(0, 10*ms)
	video.follow(&audio, time.Unix(5000, 0), 0, time.Unix(1000, 0), 0)
	if video.target != video.offset {
		t.Errorf("reports an hour apart moved the video to %v", video.target)
	}
}

func TestClockAnyStamps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := rtpClock{rate: 90000}
		c.media(rapid.Uint32().Draw(t, "first"), 0)
		for range 50 {
			c.target = time.Duration(rapid.Int64Range(-int64(maxSkew), int64(maxSkew)).Draw(t, "target"))
			before := c.offset
			c.media(c.last+uint32(rapid.IntRange(0, 90000).Draw(t, "step")), 0)
			if d := c.offset - before; d > 100*ms || d < -100*ms {
				t.Fatalf("one frame moved the offset by %v", d)
			}
		}
	})
}
