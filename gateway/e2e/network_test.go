package e2e

import (
	"testing"
	"time"

	"hutong/bridge/testmedia"
)

// One packet in ten of the browser's is lost on the way in: an RTMP player never
// sees a damaged picture.
func (s *suite) lossFromChrome(t *testing.T) {
	relay := testmedia.NewRelay(t, s.gw.udp, testmedia.Loss{ToServer: 0.1, Delay: 10 * time.Millisecond, Seed: 1})
	publish(t, browserPage(t, s.publisher, s.gw), "loss-in", options{"relayPort": relay.Port()})
	media := testmedia.Decode(t, testmedia.Record(t, testmedia.FFmpeg, s.gw.rtmpURL("loss-in"), 10*time.Second))
	requireAdvance(t, pictureStrips(media.Pictures), camera, camera.Frames()-1)
	if len(media.Pictures) < 100 {
		t.Errorf("%d pictures in 10 s", len(media.Pictures))
	}
	if media.Errors != "" {
		t.Errorf("the decoder complains:\n%.1000s", media.Errors)
	}
	if jumps := media.Sound.Jumps(40 * time.Millisecond); len(jumps) > 0 {
		t.Errorf("the sound's time jumps at %v", jumps)
	}
	tone := testmedia.MeasureTone(media.Sound.Slice(0, 2*time.Second, 8*time.Second), media.Sound.Rate)
	if tone.Hz < 879 || tone.Hz > 881 {
		t.Errorf("heard %+v, want 880 Hz", tone)
	}
	requireLoss(t, relay)
}

func (s *suite) lossToChrome(t *testing.T) {
	relay := testmedia.NewRelay(t, s.gw.udp, testmedia.Loss{ToClient: 0.1, Delay: 10 * time.Millisecond, Seed: 2})
	s.gw.push(t, "loss-out", phone)
	p := watch(t, browserPage(t, s.watcher, s.gw), "loss-out", options{"relayPort": relay.Port()})
	p.next(30)
	requireAdvance(t, sampleStrips(p.next(150)), phone, phone.Frames()-1)
	p.listen(time.Second, "a tone of 440 Hz", func(h heard) bool {
		tone := testmedia.MeasureTone(h.left, 48000)
		return tone.Hz > 439 && tone.Hz < 441
	})
	requireLoss(t, relay)
}

// requireLoss checks that the relay has in fact been used.
func requireLoss(t *testing.T, relay *testmedia.Relay) {
	t.Helper()
	dropped, passed := relay.Counts()
	t.Logf("the relay dropped %d and passed %d packets", dropped, passed)
	if share := float64(dropped) / float64(dropped+passed+1); passed < 200 || share < 0.06 || share > 0.14 {
		t.Errorf("the relay dropped %d and passed %d packets, want a tenth lost", dropped, passed)
	}
}

// bothWays has a browser publish to a phone and watch another, and returns its page.
func bothWays(t *testing.T, gw *gateway, flags ...string) *testmedia.Page {
	t.Helper()
	browser := testmedia.NewBrowser(t, testmedia.BrowserOptions{
		Video: testmedia.Clip(t, camera, testmedia.Y4M),
		Audio: testmedia.Clip(t, microphone, testmedia.WAV),
		Flags: flags,
	})
	gw.push(t, "out", phone)
	page := browserPage(t, browser, gw)
	publish(t, page, "in", nil)
	p := watch(t, page, "out", nil)
	requireAdvance(t, sampleStrips(p.next(60)), phone, maxStep)
	(&suite{gw: gw}).requireCamera(t, testmedia.FFmpeg, gw.rtmpURL("in"))
	return page
}

// A network without UDP: ICE over TCP, both directions.
func TestICEOverTCP(t *testing.T) {
	page := bothWays(t, start(t, ""),
		"webrtc-ip-handling-policy=disable_non_proxied_udp", "force-webrtc-ip-handling-policy=disable_non_proxied_udp")
	for _, who := range []string{`e2e.playerStats("out")`, `e2e.publisherStats("in")`} {
		var stats struct{ Protocol string }
		page.Eval(who, &stats)
		if stats.Protocol != "tcp" {
			t.Errorf("%s says %q, want tcp", who, stats.Protocol)
		}
	}
}

// A gateway that has IPv6 alone, for RTMP, HTTP and WebRTC.
func TestIPv6(t *testing.T) {
	gw := &gateway{}
	gw.run(t, writeConfigAt(t, gw, "::1", "", ""))
	bothWays(t, gw)
}
