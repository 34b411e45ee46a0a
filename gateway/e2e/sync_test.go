package e2e

import (
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

func (s *suite) lipSyncFromPhone(t *testing.T) {
	spec := testmedia.Spec{FlashBeep: true, ToneHz: 1000, Duration: 20 * time.Second}
	s.gw.push(t, "sync-out", spec)
	p := watch(t, browserPage(t, s.watcher, s.gw), "sync-out", nil)
	var flashes []time.Duration
	p.pictures("seven flashes", func(got []testmedia.Sample) bool {
		flashes = nil
		for i := 1; i < len(got); i++ {
			// Only a flash whose first picture was seen counts.
			if got[i].Flash && !got[i-1].Flash && got[i].Counter == got[i-1].Counter+1 {
				flashes = append(flashes, seconds(got[i].Shown/1000))
			}
		}
		return len(flashes) >= 7
	})
	h := p.listen(6*time.Second, "sound", func(heard) bool { return true })
	var beeps []time.Duration
	for _, n := range testmedia.Onsets(h.left, 48000) {
		beeps = append(beeps, seconds(h.at/1000+float64(n)/48000))
	}
	requireSync(t, testmedia.Offsets(flashes, beeps), 4)
}

func (s *suite) lipSyncFromChrome(t *testing.T) {
	page := browserPage(t, s.publisher, s.gw)
	requireCreated(t, call(t, page, "publishDrawn", "sync-in", "/whip/live/sync-in", nil))
	media := testmedia.Decode(t, testmedia.Record(t, testmedia.FFmpeg, s.gw.rtmpURL("sync-in"), 10*time.Second))
	requireWhole(t, pictureStrips(media.Pictures))
	requireSync(t, media.LipSync(), 6)
}
