package e2e

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"hutong/bridge/testmedia"
)

// view opens the gateway's own page at a route and watches a video of it.
func (s *suite) view(t *testing.T, b *testmedia.Browser, route, videoID string) *testmedia.Page {
	t.Helper()
	page := b.Open(t, "http://"+s.gw.http+"/#"+route)
	page.Eval(testmedia.StripScript, nil)
	if videoID != "" {
		present(t, page, videoID)
		page.Eval(fmt.Sprintf(`window.e2eWatch = hutongStrip.watch(document.querySelector('[data-testid="%s"]')); null`, videoID), nil)
	}
	return page
}

func present(t *testing.T, page *testmedia.Page, id string) {
	t.Helper()
	testmedia.Eventually(t, waitLong, id+" on the page", func() (there bool) {
		page.Eval(fmt.Sprintf(`!!document.querySelector('[data-testid="%s"]')`, id), &there)
		return there
	})
}

func seen(t *testing.T, page *testmedia.Page, n int) (got []testmedia.Sample) {
	t.Helper()
	testmedia.Eventually(t, waitLong, "pictures on the page", func() bool {
		page.Eval(`e2eWatch.samples`, &got)
		return len(got) >= n
	})
	return got
}

// The page plays FLV with mpegts.js, whoever publishes.
func (s *suite) mpegtsJS(t *testing.T) {
	s.gw.push(t, "flv-phone", phone)
	page := s.view(t, s.watcher, "/watch/live/flv-phone?via=flv", "watch-video")
	requireAdvance(t, sampleStrips(seen(t, page, 60)), phone, phone.Frames()-1)

	publish(t, browserPage(t, s.publisher, s.gw), "flv-chrome", nil)
	page = s.view(t, s.watcher, "/watch/live/flv-chrome?via=flv", "watch-video")
	requireAdvance(t, sampleStrips(seen(t, page, 60)), camera, camera.Frames()-1)
}

// A person publishes on the page and watches a phone on it.
func (s *suite) page(t *testing.T) {
	page := s.view(t, s.publisher, "/publish/live/page-user", "")
	present(t, page, "publish-start")
	page.Run(chromedp.Click(chromedp.CSS(`[data-testid="publish-start"]`)))
	testmedia.Eventually(t, waitLong, "page-user to be live", func() bool { return s.gw.live("page-user") })
	s.requireVoice(t, "page-user")

	s.gw.push(t, "page-phone", phone)
	watching := s.view(t, s.watcher, "/watch/live/page-phone", "watch-video")
	requireAdvance(t, sampleStrips(seen(t, watching, 60)), phone, maxStep)
	page.Run(chromedp.Click(chromedp.CSS(`[data-testid="publish-stop"]`)))
	testmedia.Eventually(t, waitLong, "page-user to end", func() bool { return !s.gw.live("page-user") })
}

// A phone and the call view see each other.
func (s *suite) callView(t *testing.T) {
	s.gw.push(t, "call-phone", phone)
	page := s.view(t, s.publisher, "/call?me=call-me&peer=call-phone", "")
	present(t, page, "call-start")
	page.Run(chromedp.Click(chromedp.CSS(`[data-testid="call-start"]`)))
	present(t, page, "call-remote")
	page.Eval(`window.e2eWatch = hutongStrip.watch(document.querySelector('[data-testid="call-remote"]')); null`, nil)
	requireAdvance(t, sampleStrips(seen(t, page, 60)), phone, maxStep)
	s.requireVoice(t, "call-me")
}

// requireVoice is requireCamera for a browser that treats its microphone as a
// voice: it takes a lasting tone for noise and turns it down.
func (s *suite) requireVoice(t *testing.T, name string) {
	t.Helper()
	media := s.requireCameraPictures(t, testmedia.FFmpeg, s.gw.rtmpURL(name))
	if media.Sound.Len() == 0 {
		t.Fatal("no sound")
	}
	tone := testmedia.MeasureTone(media.Sound.Slice(0, time.Second, 5*time.Second), media.Sound.Rate)
	if math.Abs(tone.Hz-880) > 1 || tone.Level < 0.005 {
		t.Errorf("heard %+v, want 880 Hz", tone)
	}
}
