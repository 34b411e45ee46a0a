package e2e

import (
	"math"
	"testing"
	"time"

	"hutong/bridge/testmedia"
)

// syncLimit is how far apart a flash and its beep may be at the far end.
const syncLimit = 40 * time.Millisecond

// requireSync checks the median of the offsets, so that one picture shown late on
// a busy machine does not decide.
func requireSync(t *testing.T, offsets []time.Duration, want int) {
	t.Helper()
	t.Logf("the beeps are %v after the flashes", offsets)
	if len(offsets) < want {
		t.Fatalf("%d flashes with beeps, want %d", len(offsets), want)
	}
	if m := testmedia.Median(offsets); m.Abs() > syncLimit {
		t.Errorf("the beeps are %v after the flashes (median of %v), want within %v", m, offsets, syncLimit)
	}
}

// What the gateway tells a browser: the capture times of flash and beep by RTP
// timestamps and sender reports, to the millisecond; and what the browser makes
// of it: the capture times of the picture and the sound it plays at one moment.
func (s *suite) lipSyncFromPhone(t *testing.T) {
	spec := testmedia.Spec{FlashBeep: true, ToneHz: 1000, Duration: 20 * time.Second}
	s.gw.push(t, "sync-out", spec)
	r := receive(t, s.gw, "sync-out")
	page := browserPage(t, s.watcher, s.gw)
	p := watch(t, page, "sync-out", nil)
	r.wait(t, 10*time.Second)
	r.mu.Lock()
	flashes, beeps := r.flashes(t), r.beeps(t)
	r.mu.Unlock()
	requireSync(t, testmedia.Offsets(flashes[2:], beeps), 5) // the first come while catching up

	var offset float64
	testmedia.Eventually(t, waitLong, "the browser to play picture and sound together", func() bool {
		page.Eval(`e2e.playoutOffset("`+p.name+`")`, &offset)
		return offset != 0 && math.Abs(offset) < 40
	})
	t.Logf("Chromium plays the sound %v ms off", offset)
}

func (s *suite) lipSyncFromChrome(t *testing.T) {
	page := browserPage(t, s.publisher, s.gw)
	requireCreated(t, call(t, page, "publishDrawn", "sync-in", "/whip/live/sync-in", nil))
	media := testmedia.Decode(t, testmedia.Record(t, testmedia.FFmpeg, s.gw.rtmpURL("sync-in"), 10*time.Second))
	requireWhole(t, pictureStrips(media.Pictures))
	requireSync(t, media.LipSync(), 6)
}
