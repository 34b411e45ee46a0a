package e2e

import (
	"fmt"
	"testing"
	"time"

	"hutong/bridge/testmedia"
)

// With a keyframe every ten seconds, whoever joins in between has a picture
// before the next one.
func (s *suite) lateJoiner(t *testing.T) {
	spec := phone
	spec.GOP, spec.Duration = 300, 10*time.Second
	s.gw.push(t, "late", spec)
	first := watch(t, browserPage(t, s.watcher, s.gw), "late", nil)
	first.pictures("the middle of a group", func(got []testmedia.Sample) bool {
		return len(got) > 0 && got[len(got)-1].Counter >= 60 && got[len(got)-1].Counter < 200
	})

	join := browserPage(t, s.publisher, s.gw)
	second := watch(t, join, "late", nil)
	got := second.pictures("the first picture", func(got []testmedia.Sample) bool { return len(got) > 0 })
	if got[0].Counter > 280 {
		t.Errorf("the first picture at the WHEP player is %d: it waited for the next keyframe at 300", got[0].Counter)
	}
	// It catches up with the live edge and stays there.
	testmedia.Eventually(t, time.Minute, "the newcomer to reach the live edge", func() bool {
		live, late := lastCounter(first), lastCounter(second)
		lag := (live - late + 300) % 300
		return lag < 12 || lag > 288
	})
	requireWhole(t, sampleStrips(second.next(30)))

	for _, url := range []string{s.gw.rtmpURL("late"), s.gw.flvURL("late")} {
		first.pictures("the middle of a group", func(got []testmedia.Sample) bool {
			return got[len(got)-1].Counter >= 60 && got[len(got)-1].Counter < 200
		})
		media := testmedia.Decode(t, testmedia.Record(t, testmedia.FFmpeg, url, time.Second))
		requireWhole(t, pictureStrips(media.Pictures))
		if first := media.Pictures[0]; !first.Key || first.Counter != 0 {
			t.Errorf("%s begins with picture %+v, want the group's keyframe", url, first)
		}
	}
}

func lastCounter(p *player) (counter int) {
	p.page.Eval(fmt.Sprintf("(() => { const s = e2e.players[%q].watch.samples; return s.length ? s[s.length-1].counter : -1 })()", p.name), &counter)
	return counter
}

// A player that comes first waits for the stream.
func (s *suite) playerBeforePublisher(t *testing.T) {
	dump, path := testmedia.Play(t, testmedia.FFmpeg, s.gw.rtmpURL("early"))
	flv, flvPath := testmedia.Play(t, testmedia.Curl, s.gw.flvURL("early"))
	s.gw.push(t, "early", phone)
	testmedia.WaitLength(t, dump, path, 2*time.Second)
	testmedia.WaitLength(t, flv, flvPath, 2*time.Second)
	dump.Stop()
	flv.Stop()
	for _, p := range []string{path, flvPath} {
		requireAdvance(t, pictureStrips(testmedia.Decode(t, p).Pictures), phone, 1)
	}
}
