package e2e

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"hutong/bridge/testmedia"
)

func quote(s string) string { return strconv.Quote(s) }

func (s *suite) audioOnly(t *testing.T) {
	spec := testmedia.Spec{NoVideo: true, ToneHz: 440, Duration: time.Minute}
	s.gw.push(t, "audio-phone", spec)
	p := watch(t, browserPage(t, s.watcher, s.gw), "audio-phone", nil)
	requireTone(t, p.listen(2*time.Second, "a tone of 440 Hz", hears(440)).left, 48000, 440)

	publish(t, browserPage(t, s.publisher, s.gw), "audio-chrome", options{"video": false})
	for _, play := range []struct {
		tool testmedia.Tool
		url  string
	}{
		{testmedia.FFmpeg, s.gw.rtmpURL("audio-chrome")},
		{testmedia.RTMPDump, s.gw.rtmpURL("audio-phone")},
		{testmedia.Curl, s.gw.flvURL("audio-chrome")},
	} {
		path := testmedia.Record(t, play.tool, play.url, 4*time.Second)
		if info := testmedia.Probe(t, path); len(info.Streams) != 1 {
			t.Errorf("%s has streams %+v", play.url, info.Streams)
		}
		if media := testmedia.Decode(t, path); play.url == s.gw.rtmpURL("audio-phone") {
			requireSound(t, media, 440)
		} else {
			requireMicrophone(t, media, 880)
		}
	}
}

func (s *suite) videoOnly(t *testing.T) {
	spec := testmedia.Spec{NoAudio: true}
	s.gw.push(t, "video-phone", spec)
	p := watch(t, browserPage(t, s.watcher, s.gw), "video-phone", nil)
	requireAdvance(t, sampleStrips(p.next(60)), spec, maxStep)

	publish(t, browserPage(t, s.publisher, s.gw), "video-chrome", options{"audio": false})
	for _, url := range []string{s.gw.rtmpURL("video-chrome"), s.gw.flvURL("video-chrome")} {
		media := testmedia.Decode(t, testmedia.Record(t, testmedia.FFmpeg, url, 3*time.Second))
		requireAdvance(t, pictureStrips(media.Pictures), camera, maxStep)
		if media.Sound != nil {
			t.Errorf("%s has sound", url)
		}
	}
	media := testmedia.Decode(t, testmedia.Record(t, testmedia.FFmpeg, s.gw.rtmpURL("video-phone"), 2*time.Second))
	requireAdvance(t, pictureStrips(media.Pictures), spec, 1)
}

// Each rate and channel count of AAC arrives as the same tone in both ears, or
// the two that were sent.
func (s *suite) aacRates(t *testing.T) {
	page := browserPage(t, s.watcher, s.gw)
	for _, rate := range []int{8000, 16000, 32000, 44100, 48000} {
		for _, channels := range []int{1, 2} {
			t.Run(fmt.Sprintf("%d Hz in %d", rate, channels), func(t *testing.T) {
				name := fmt.Sprintf("aac-%d-%d", rate, channels)
				s.gw.push(t, name, testmedia.Spec{NoVideo: true, AudioRate: rate, Channels: channels, ToneHz: 500, Duration: time.Minute})
				p := watch(t, page, name, options{"video": false})
				right := map[int]float64{1: 500, 2: 750}[channels]
				h := p.listen(time.Second, "its tones", hears(500, right))
				requireTone(t, h.left, 48000, 500)
				requireTone(t, h.right, 48000, right)
				page.Eval("e2e.players["+quote(name)+"].pc.close()", nil)
			})
		}
	}
}

// RTMP players get every B-frame; a browser gets a stream that plays.
func (s *suite) bFrames(t *testing.T) {
	for name, spec := range map[string]testmedia.Spec{
		"plain":   {BFrames: 2, Profile: "main"},
		"pyramid": {BFrames: 3, BPyramid: true, Profile: "high"},
	} {
		t.Run(name, func(t *testing.T) {
			s.gw.push(t, "bframes-"+name, spec)
			p := watch(t, browserPage(t, s.watcher, s.gw), "bframes-"+name, nil)
			got := p.next(30)
			requireAdvance(t, sampleStrips(got), spec, maxStep)
			media := testmedia.Decode(t, testmedia.Record(t, testmedia.RTMPDump, s.gw.rtmpURL("bframes-"+name), 3*time.Second))
			whole := media.Pictures[:len(media.Pictures)-5] // the end may lack what comes later in the stream
			requireAdvance(t, pictureStrips(whole), spec, 1)
			requireWhole(t, sampleStrips(p.next(20)))
		})
	}
}

// The second part of the clip has another size and other codec headers.
func (s *suite) resolutionChangeFromPhone(t *testing.T) {
	big := testmedia.Spec{Duration: 4 * time.Second, ToneHz: 440}
	small := testmedia.Spec{Duration: 4 * time.Second, ToneHz: 440, Width: 360, Height: 640, FirstCounter: 10000, Profile: "main"}
	clip := testmedia.Splice(t, testmedia.Clip(t, big, testmedia.FLV), testmedia.Clip(t, small, testmedia.FLV))
	testmedia.Push(t, clip, s.gw.rtmpURL("resize"))
	testmedia.Eventually(t, 30*time.Second, "resize to be live", func() bool { return s.gw.live("resize") })
	rtmp, path := testmedia.Play(t, testmedia.RTMPDump, s.gw.rtmpURL("resize"))
	p := watch(t, browserPage(t, s.watcher, s.gw), "resize", nil)
	got := p.pictures("both sizes, twice", func(got []testmedia.Sample) bool {
		changes := 0
		for i := 1; i < len(got); i++ {
			if got[i].Width != got[i-1].Width {
				changes++
			}
		}
		return changes >= 3
	})
	requireWhole(t, sampleStrips(got))
	for _, g := range got {
		if (g.Counter >= 10000) != (g.Width == 360) {
			t.Errorf("counter %d at %dx%d", g.Counter, g.Width, g.Height)
		}
	}
	testmedia.WaitLength(t, rtmp, path, 9*time.Second)
	rtmp.Stop()
	requireSizes(t, testmedia.Decode(t, path), 640, 360)
}

func (s *suite) resolutionChangeFromChrome(t *testing.T) {
	page := browserPage(t, s.publisher, s.gw)
	publish(t, page, "rescale", nil)
	rtmp, path := testmedia.Play(t, testmedia.RTMPDump, s.gw.rtmpURL("rescale"))
	testmedia.WaitLength(t, rtmp, path, 3*time.Second)
	page.Eval(`e2e.scale("rescale", 2)`, nil)
	testmedia.WaitLength(t, rtmp, path, 6*time.Second)
	rtmp.Stop()
	requireSizes(t, testmedia.Decode(t, path), 640, 320)
}

// requireSizes checks that every picture is whole and both widths occur.
func requireSizes(t *testing.T, media *testmedia.Media, widths ...int) {
	t.Helper()
	requireWhole(t, pictureStrips(media.Pictures))
	seen := map[int]int{}
	for _, p := range media.Pictures {
		seen[p.Width]++
	}
	for _, w := range widths {
		if seen[w] < 15 {
			t.Errorf("pictures by width are %v, want both %v", seen, widths)
		}
	}
}
