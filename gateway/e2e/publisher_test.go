package e2e

import (
	"strings"
	"testing"
	"time"

	"hutong/bridge/testmedia"
)

// successor is what the second publisher of a name sends: other counters,
// another tone.
var successor = testmedia.Spec{ToneHz: 660, FirstCounter: 10000, VideoBitrate: 600_000, Duration: 30 * time.Second}

// handover is a stream with players of each kind who must see it go over from the
// phone's clip to the successor's without reconnecting.
type handover struct {
	t         *testing.T
	rtmp, flv *testmedia.Process
	paths     []string
	page      *player
}

func (s *suite) handover(t *testing.T, name string) *handover {
	h := &handover{t: t}
	var rtmpPath, flvPath string
	h.rtmp, rtmpPath = testmedia.Play(t, testmedia.RTMPDump, s.gw.rtmpURL(name))
	h.flv, flvPath = testmedia.Play(t, testmedia.Curl, s.gw.flvURL(name))
	h.paths = []string{rtmpPath, flvPath}
	h.page = watch(t, browserPage(t, s.watcher, s.gw), name, nil)
	requireAdvance(t, sampleStrips(h.page.next(30)), phone, maxStep)
	testmedia.WaitLength(t, h.rtmp, rtmpPath, time.Second)
	testmedia.WaitLength(t, h.flv, flvPath, time.Second)
	return h
}

func fromSuccessor(s testmedia.Strip) bool { return s.OK && s.Counter >= successor.FirstCounter }

func (h *handover) requireSuccessor() {
	t := h.t
	t.Helper()
	h.page.pictures("the successor's pictures", func(got []testmedia.Sample) bool {
		n := 0
		for _, s := range got {
			if fromSuccessor(s.Strip()) {
				n++
			}
		}
		return n >= 60
	})
	var all []testmedia.Sample
	h.page.page.Eval("e2e.players["+quote(h.page.name)+"].watch.samples", &all)
	requireWhole(t, sampleStrips(all))
	requireTone(t, h.page.listen(time.Second, "the successor's tone", hears(660)).left, 48000, 660)

	for i, p := range []*testmedia.Process{h.rtmp, h.flv} {
		var media *testmedia.Media
		testmedia.Eventually(t, time.Minute, "the successor's pictures in the recording", func() bool {
			select {
			case <-p.Done():
				t.Fatalf("the player was cut off:\n%s", p.Log().Tail(2000))
			default:
			}
			media = testmedia.Decode(t, h.paths[i])
			n := len(media.Pictures)
			return n > 30 && fromSuccessor(media.Pictures[n-30].Strip)
		})
		p.Stop()
		strips := pictureStrips(media.Pictures)
		requireWhole(t, strips)
		requireForward(t, media)
		for n := 1; n < len(media.Pictures); n++ {
			was, is := media.Pictures[n-1], media.Pictures[n]
			if fromSuccessor(was.Strip) && !fromSuccessor(is.Strip) {
				t.Errorf("picture %d falls back from the successor's %d to %d", n, was.Counter, is.Counter)
			}
		}
		if fromSuccessor(strips[0]) {
			t.Error("the recording has nothing of the first publisher")
		}
	}
}

func (s *suite) takeover(t *testing.T) {
	first := s.gw.push(t, "takeover", phone)
	h := s.handover(t, "takeover")
	testmedia.Push(t, testmedia.Clip(t, successor, testmedia.FLV), s.gw.rtmpURL("takeover"))
	h.requireSuccessor()
	if err := first.Wait(30 * time.Second); first.Pid() != 0 {
		t.Errorf("the first publisher was not ended: %v", err)
	}
}

func (s *suite) publisherKilledAndBack(t *testing.T) {
	first := s.gw.push(t, "back", phone)
	h := s.handover(t, "back")
	first.Kill()
	testmedia.Push(t, testmedia.Clip(t, successor, testmedia.FLV), s.gw.rtmpURL("back"))
	h.requireSuccessor()
}

// The second publisher comes from the other world: the stream's players stay.
func (s *suite) takeoverAcross(t *testing.T) {
	page := browserPage(t, s.publisher, s.gw)
	for name, steps := range map[string]struct {
		first, second func(name string)
		before, after testmedia.Spec
		hz            float64
	}{
		"across-to-chrome": {
			first:  func(name string) { s.gw.push(t, name, phone) },
			second: func(name string) { publish(t, page, name, nil) },
			before: phone, after: camera, hz: 880,
		},
		"across-to-phone": {
			first: func(name string) { publish(t, page, name, nil) },
			second: func(name string) {
				testmedia.Push(t, testmedia.Clip(t, phone, testmedia.FLV), s.gw.rtmpURL(name))
			},
			before: camera, after: phone, hz: 440,
		},
	} {
		t.Run(name, func(t *testing.T) {
			belongs := func(s testmedia.Strip, spec testmedia.Spec) bool {
				return s.OK && s.Counter >= spec.FirstCounter && s.Counter < spec.FirstCounter+spec.Frames()
			}
			steps.first(name)
			dump, path := testmedia.Play(t, testmedia.RTMPDump, s.gw.rtmpURL(name))
			p := watch(t, browserPage(t, s.watcher, s.gw), name, nil)
			requireAdvance(t, sampleStrips(p.next(30)), steps.before, maxStep)
			testmedia.WaitLength(t, dump, path, time.Second)
			steps.second(name)
			got := p.pictures("the successor's pictures", func(got []testmedia.Sample) bool {
				return len(got) > 30 && belongs(got[len(got)-30].Strip(), steps.after)
			})
			requireWhole(t, sampleStrips(got))
			requireTone(t, p.listen(time.Second, "the successor's tone", hears(steps.hz)).left, 48000, steps.hz)
			var media *testmedia.Media
			testmedia.Eventually(t, waitLong, "the successor's pictures in the recording", func() bool {
				select {
				case <-dump.Done():
					t.Fatalf("the player was cut off:\n%s", dump.Log().Tail(2000))
				default:
				}
				media = testmedia.Decode(t, path)
				n := len(media.Pictures)
				return n > 30 && belongs(media.Pictures[n-30].Strip, steps.after)
			})
			dump.Stop()
			requireWhole(t, pictureStrips(media.Pictures))
			if !belongs(media.Pictures[0].Strip, steps.before) {
				t.Errorf("the recording begins with %+v", media.Pictures[0])
			}
			requireForward(t, media)
		})
	}
}

// A browser's page is closed and opened again within the grace period.
func (s *suite) chromeBack(t *testing.T) {
	page := browserPage(t, s.publisher, s.gw)
	publish(t, page, "chrome-back", nil)
	dump, path := testmedia.Play(t, testmedia.RTMPDump, s.gw.rtmpURL("chrome-back"))
	p := watch(t, browserPage(t, s.watcher, s.gw), "chrome-back", nil)
	p.next(30)
	testmedia.WaitLength(t, dump, path, 2*time.Second)
	page.Eval(`e2e.unpublish("chrome-back")`, nil)
	publish(t, page, "chrome-back", nil)
	testmedia.WaitLength(t, dump, path, 7*time.Second)
	dump.Stop()
	media := testmedia.Decode(t, path)
	requireAdvance(t, pictureStrips(media.Pictures), camera, camera.Frames()-1)
	requireForward(t, media)
	requireAdvance(t, sampleStrips(p.next(60)), camera, camera.Frames()-1)
	requireTone(t, p.listen(time.Second, "a tone of 880 Hz", hears(880)).left, 48000, 880)
}

// With takeover refused, the newcomer is told so and the first goes on.
func TestTakeoverRefused(t *testing.T) {
	gw := start(t, "takeover: refuse")
	gw.push(t, "mine", phone)
	second := testmedia.Push(t, testmedia.Clip(t, successor, testmedia.FLV), gw.rtmpURL("mine"))
	if err := second.Wait(time.Minute); second.Pid() != 0 {
		t.Fatalf("the newcomer was not refused: %v", err)
	}
	media := testmedia.Decode(t, testmedia.Record(t, testmedia.FFmpeg, gw.rtmpURL("mine"), 2*time.Second))
	requireAdvance(t, pictureStrips(media.Pictures), phone, 1)
}

// A stream whose publisher stays away longer than the grace period ends, for
// its players too; one that is asked for in vain ends after the wait.
func TestStreamEnds(t *testing.T) {
	gw := start(t, "publisher_grace: 1s, play_wait: 1s")
	push := gw.push(t, "gone", phone)
	ffmpeg, path := testmedia.Play(t, testmedia.FFmpeg, gw.rtmpURL("gone"))
	curl, flvPath := testmedia.Play(t, testmedia.Curl, gw.flvURL("gone"))
	testmedia.WaitLength(t, ffmpeg, path, time.Second)
	testmedia.WaitLength(t, curl, flvPath, time.Second)
	push.Kill()
	for _, p := range []*testmedia.Process{ffmpeg, curl} {
		if err := p.Wait(time.Minute); p.Pid() != 0 {
			t.Errorf("a player goes on without a stream: %v", err)
		}
	}
	testmedia.Eventually(t, 30*time.Second, "the list to be empty", func() bool { return !gw.live("gone") })

	never, _ := testmedia.Play(t, testmedia.RTMPDump, gw.rtmpURL("never"))
	if err := never.Wait(time.Minute); never.Pid() != 0 {
		t.Errorf("rtmpdump waits for ever: %v", err)
	}
	if status, _, body := gw.get("/live/never.flv"); status != 404 {
		t.Errorf("a missing FLV is answered %d %.200s, want 404", status, body)
	}
	page := browserPage(t, testmedia.NewBrowser(t, testmedia.BrowserOptions{}), gw)
	if a := call(t, page, "play", "never", "/whep/live/never", nil); a.Status != 404 || !strings.HasPrefix(a.Type, "application/problem+json") {
		t.Errorf("a missing stream is answered %d %s %.200s by WHEP, want a problem, 404", a.Status, a.Type, a.Body)
	}
}
