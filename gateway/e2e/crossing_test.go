package e2e

import (
	"testing"
	"time"

	"hutong/bridge/testmedia"
)

// waitLong is for conditions that only a broken gateway lets us wait for.
const waitLong = time.Minute

// maxStep is how many pictures a busy machine's page may miss in a row.
const maxStep = 30

func (s *suite) phoneToChrome(t *testing.T) {
	s.gw.push(t, "p2c", phone)
	p := watch(t, browserPage(t, s.watcher, s.gw), "p2c", nil)
	got := p.next(90)
	requireAdvance(t, sampleStrips(got), phone, maxStep)
	if got[0].Width != 640 || got[0].Height != 480 {
		t.Errorf("the picture is %dx%d", got[0].Width, got[0].Height)
	}
	h := p.listen(2*time.Second, "a tone of 440 Hz", hears(440))
	requireTone(t, h.left, 48000, 440)
}

func (s *suite) chromeToPhone(t *testing.T) {
	publish(t, browserPage(t, s.publisher, s.gw), "c2p", nil)
	s.requireCamera(t, testmedia.FFmpeg, s.gw.rtmpURL("c2p"))
}

// requireCamera records the browser's stream and checks it from its first picture.
func (s *suite) requireCamera(t *testing.T, tool testmedia.Tool, url string) {
	t.Helper()
	requireMicrophone(t, s.requireCameraPictures(t, tool, url), 880)
}

func (s *suite) requireCameraPictures(t *testing.T, tool testmedia.Tool, url string) *testmedia.Media {
	t.Helper()
	media := testmedia.Decode(t, testmedia.Record(t, tool, url, 6*time.Second))
	if media.Errors != "" {
		t.Errorf("the decoder complains:\n%.1000s", media.Errors)
	}
	requireAdvance(t, pictureStrips(media.Pictures), camera, maxStep)
	requireForward(t, media)
	if len(media.Pictures) < 60 {
		t.Errorf("%d pictures in 6 s", len(media.Pictures))
	}
	return media
}

func (s *suite) bothAtOnce(t *testing.T) {
	s.gw.push(t, "both-phone", phone)
	publish(t, browserPage(t, s.publisher, s.gw), "both-chrome", nil)
	p := watch(t, browserPage(t, s.watcher, s.gw), "both-phone", nil)
	p.next(10)
	s.requireCamera(t, testmedia.FFmpeg, s.gw.rtmpURL("both-chrome"))
	requireAdvance(t, sampleStrips(p.next(60)), phone, maxStep)
	requireTone(t, p.listen(2*time.Second, "a tone of 440 Hz", hears(440)).left, 48000, 440)
}

func (s *suite) chromeToChrome(t *testing.T) {
	publish(t, browserPage(t, s.publisher, s.gw), "c2c", nil)
	p := watch(t, browserPage(t, s.watcher, s.gw), "c2c", nil)
	requireAdvance(t, sampleStrips(p.next(60)), camera, maxStep)
	requireTone(t, p.listen(2*time.Second, "a tone of 880 Hz", hears(880)).left, 48000, 880)
}

func (s *suite) whipToFLV(t *testing.T) {
	publish(t, browserPage(t, s.publisher, s.gw), "c2flv", nil)
	s.requireCamera(t, testmedia.Curl, s.gw.flvURL("c2flv"))
	s.requireCamera(t, testmedia.FFmpeg, s.gw.flvURL("c2flv"))
}
