package e2e

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"hutong/bridge/testmedia"
)

// layersSent are the layers of a page's camera from which pictures go out.
func (g *guest) layersSent() map[string]int {
	var sent map[string]int
	g.page.Eval(`(async () => {
		const found = {};
		for (const pc of e2eRoom.peers) for (const s of (await pc.getStats()).values())
			if (s.type === 'outbound-rtp' && s.kind === 'video' && s.framesSent > 0 && s.rid) found[s.rid] = s.frameWidth;
		return found;
	})()`, &sent)
	return sent
}

// pictureWidth is how wide the pictures of a member arrive, 0 for none.
func (g *guest) pictureWidth(userID string) (width int) {
	g.page.Eval(fmt.Sprintf(`document.querySelector('[data-testid="tile"][data-user=%q] video')?.videoWidth ?? 0`, userID), &width)
	return width
}

// resize gives the page's window another size.
func (g *guest) resize(width, height int) {
	g.page.Run(chromedp.EmulateViewport(int64(width), int64(height)))
}

// A camera is sent in three sizes, and who watches gets the one that the tile
// shows; a phone gets the best one, and it stays.
func TestRoomLayers(t *testing.T) {
	gw := start(t, "")
	large := face{hz: 600, spec: testmedia.Spec{Width: 1280, Height: 720, FPS: 15, Duration: 20 * time.Second, GOP: 60,
		VideoBitrate: 1_500_000, ToneHz: 600, FirstCounter: 100}}
	small := faceOf(1)
	ann := join(t, large.browser(t, testmedia.BrowserOptions{}), large, gw.roomPage("layers", "Ann"), "Ann")
	ben := join(t, small.browser(t, testmedia.BrowserOptions{}), small, gw.roomPage("layers", "Ben"), "Ben")
	testmedia.Eventually(t, waitLong, "all layers to be sent", func() bool {
		sent := ann.layersSent()
		return sent["l"] == 320 && sent["m"] == 640 && sent["h"] == 1280
	})
	for _, x := range []struct{ width, height, want int }{
		{1300, 900, 1280},
		{430, 900, 640}, // upright, with bars above and below
		{330, 900, 320},
		{1300, 900, 1280},
	} {
		ben.resize(x.width, x.height)
		testmedia.Eventually(t, waitLong, fmt.Sprintf("a picture %d wide in a window of %dx%d", x.want, x.width, x.height), func() bool {
			return ben.pictureWidth(ann.userID) == x.want
		})
	}
	ben.sees(t, ann.userID, large)

	process, path := testmedia.Play(t, testmedia.FFmpeg, gw.people("layers")[ann.userID].Play.RTMP)
	testmedia.WaitLength(t, process, path, 8*time.Second)
	process.Stop()
	media := testmedia.Decode(t, path)
	requireAdvance(t, pictureStrips(media.Pictures), large.spec, large.spec.Frames()-1)
	tone := testmedia.MeasureTone(media.Sound.Slice(0, time.Second, 3*time.Second), media.Sound.Rate)
	if math.Abs(tone.Hz-float64(large.hz)) > 2 || strings.Contains(media.Errors, "error") {
		t.Errorf("the phone hears %+v, and its decoder says %.300s", tone, media.Errors)
	}
	for i, p := range media.Pictures {
		if p.Width != 1280 {
			t.Fatalf("picture %d of %d is %dx%d at the phone", i, len(media.Pictures), p.Width, p.Height)
		}
	}
}
