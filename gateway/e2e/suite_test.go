package e2e

import (
	"testing"

	"hutong/bridge/testmedia"
)

// suite is what most tests share: one gateway and two browsers, of which one
// publishes and one plays, for a tab in the background is not shown.
type suite struct {
	gw                 *gateway
	publisher, watcher *testmedia.Browser
}

// TestGateway runs the tests that need nothing special of the gateway or the
// browsers. Each uses streams of its own.
func TestGateway(t *testing.T) {
	s := &suite{gw: start(t, "publisher_grace: 20s, play_wait: 20s")}
	s.publisher = testmedia.NewBrowser(t, testmedia.BrowserOptions{
		Video: testmedia.Clip(t, camera, testmedia.Y4M),
		Audio: testmedia.Clip(t, microphone, testmedia.WAV),
	})
	s.watcher = testmedia.NewBrowser(t, testmedia.BrowserOptions{})
	for _, test := range []struct {
		name string
		run  func(*suite, *testing.T)
	}{
		{"PhoneToChrome", (*suite).phoneToChrome},
		{"ChromeToPhone", (*suite).chromeToPhone},
		{"BothAtOnce", (*suite).bothAtOnce},
		{"ChromeToChrome", (*suite).chromeToChrome},
		{"WHIPToFLV", (*suite).whipToFLV},
		{"RTMPPlayers", (*suite).rtmpPlayers},
		{"AddressForms", (*suite).addressForms},
		{"MpegtsJS", (*suite).mpegtsJS},
		{"LateJoiner", (*suite).lateJoiner},
		{"PlayerBeforePublisher", (*suite).playerBeforePublisher},
		{"Takeover", (*suite).takeover},
		{"TakeoverAcross", (*suite).takeoverAcross},
		{"ChromeBack", (*suite).chromeBack},
		{"PublisherKilledAndBack", (*suite).publisherKilledAndBack},
		{"AudioOnly", (*suite).audioOnly},
		{"VideoOnly", (*suite).videoOnly},
		{"AACRates", (*suite).aacRates},
		{"BFrames", (*suite).bFrames},
		{"ResolutionChangeFromPhone", (*suite).resolutionChangeFromPhone},
		{"ResolutionChangeFromChrome", (*suite).resolutionChangeFromChrome},
		{"LossFromChrome", (*suite).lossFromChrome},
		{"LossToChrome", (*suite).lossToChrome},
		{"LipSyncFromPhone", (*suite).lipSyncFromPhone},
		{"LipSyncFromChrome", (*suite).lipSyncFromChrome},
		{"Page", (*suite).page},
		{"CallView", (*suite).callView},
		{"Room", (*suite).room},
		{"NoH264", (*suite).noH264},
		{"WHIPSession", (*suite).whipSession},
		{"HostileRTMP", (*suite).hostileRTMP},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(s, t) })
	}
}
