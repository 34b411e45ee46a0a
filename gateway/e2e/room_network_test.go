package e2e

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"hutong/bridge/testmedia"
)

// apart is a gateway and two networks of their own, from which browsers reach it.
type apart struct {
	gw           *gateway
	home, office *network
}

// TestRoomNetwork has the browsers of a room in networks that are cut, change, and
// become thin.
func TestRoomNetwork(t *testing.T) {
	a := &apart{home: newNetwork(t), office: newNetwork(t), gw: &gateway{}}
	a.gw.run(t, writeConfigAt(t, a.gw, a.office.host, "", ""))
	t.Run("Cut", a.cut)
	t.Run("Thin", a.thin)
	t.Run("ThinPhone", a.thinPhone)
}

// enter joins a room from a network, with a camera's clip or the face's.
func (a *apart) enter(t *testing.T, net *network, f face, roomID, name, video string) *guest {
	t.Helper()
	b := f.browser(t, testmedia.BrowserOptions{Video: video, Namespace: net.name, Flags: []string{
		"unsafely-treat-insecure-origin-as-secure=http://" + a.gw.http, "window-size=1500,1000"}})
	return join(t, b, f, a.gw.roomPage(roomID, name), name)
}

// One's network is cut, and then changes its address: the call comes back by ICE
// restarts on the same connections, and nobody else notices.
func (a *apart) cut(t *testing.T) {
	gw, home := a.gw, a.home
	gw.post(t, "/api/v1/rooms", `{"roomID":"network"}`, &struct{}{})
	phone := faceOf(3)
	gw.phoneJoins(t, "network", "phone", phone)
	ann, ben := a.enter(t, home, faceOf(0), "network", "Ann", ""), a.enter(t, a.office, faceOf(1), "network", "Ben", "")
	meet := func() {
		t.Helper()
		ann.meets(t, map[string]face{ben.userID: ben.face, "phone": phone})
		ben.meets(t, map[string]face{ann.userID: ann.face, "phone": phone})
	}
	meet()
	connections, first := ann.connections(), ann.welcome(t)
	ben.forgetEvents()

	home.pull()
	testmedia.Eventually(t, waitLong, "Ann to see that the network is gone", func() bool { return ann.state() == "reconnecting" })
	ann.stalls(t, ben.userID)
	home.plug()
	ann.arrive(t)
	meet()

	home.move()
	meet()
	ann.arrive(t)
	if last := ann.welcome(t); last.Session != first.Session {
		t.Errorf("Ann's session was %s and is %s", first.Session, last.Session)
	}
	if n := ann.connections(); n != connections {
		t.Errorf("Ann's page has made %d connections, %d before the network was cut; an ICE restart makes none", n, connections)
	}
	ben.undisturbed(t)
}

// A link becomes thin: who is behind it gets a smaller picture, and the large one
// again when it is wide; who watches beside them has the large one meanwhile.
func (a *apart) thin(t *testing.T) {
	a.gw.post(t, "/api/v1/rooms", `{"roomID":"thin"}`, &struct{}{})
	ann := a.enter(t, a.office, faceOf(0), "thin", "Ann", grain(t))
	ben, cora := a.enter(t, a.home, faceOf(1), "thin", "Ben", ""), a.enter(t, a.office, faceOf(2), "thin", "Cora", "")
	for _, g := range []*guest{ben, cora} {
		g.press(t, "camera-toggle")
		g.getsHeight(t, ann, func(height int) bool { return height > 0 && height <= 360 }) // one tile of three
		g.page.Run(chromedp.Click(chromedp.CSS(`[data-user="` + ann.userID + `"] [data-testid="tile-pin"]`)))
		g.getsHeight(t, ann, func(height int) bool { return height == 720 })
	}
	cora.forgetEvents()
	a.home.thin(400, 200*time.Millisecond)
	ben.getsHeight(t, ann, func(height int) bool { return height > 0 && height <= 360 })
	cora.getsHeight(t, ann, func(height int) bool { return height == 720 })
	a.home.wide()
	ben.getsHeight(t, ann, func(height int) bool { return height == 720 })
	cora.undisturbed(t)
}

// A link is too thin for a phone, whose picture comes in one size only, and loses
// nothing: packets queue in front of it. Pictures are left out before they queue
// for long, none that is shown is damaged, and all of the sound comes; who watches
// beside them gets everything.
func (a *apart) thinPhone(t *testing.T) {
	a.gw.post(t, "/api/v1/rooms", `{"roomID":"thin-phone"}`, &struct{}{})
	phone := face{hz: 1020, spec: testmedia.Spec{Duration: 20 * time.Second, ToneHz: 1020, FirstCounter: 9000}} // 530 kb/s of pictures
	a.gw.phoneJoins(t, "thin-phone", "phone", phone)
	ben, cora := a.enter(t, a.home, faceOf(1), "thin-phone", "Ben", ""), a.enter(t, a.office, faceOf(2), "thin-phone", "Cora", "")
	for _, g := range []*guest{ben, cora} {
		g.press(t, "camera-toggle")
		g.sees(t, "phone", phone)
		g.hears(t, "phone", phone)
	}
	cora.forgetEvents()
	metric := func(name string) (n float64) {
		_, _, metrics := a.gw.get("/metrics")
		for line := range strings.Lines(string(metrics)) {
			if value, ok := strings.CutPrefix(line, name+" "); ok {
				n, _ = strconv.ParseFloat(strings.TrimSpace(value), 64)
			}
		}
		return n
	}
	leftOut := func() float64 { return metric(`hutong_webrtc_packets_dropped_total{reason="thin_link"}`) }
	before := leftOut()
	a.home.thin(330, 10*time.Second)
	testmedia.Eventually(t, 3*waitLong, "pictures to be left out", func() bool { return leftOut() > before })
	before = leftOut()
	if n := metric("hutong_webrtc_thin_players"); n != 1 {
		t.Errorf("%v players count as thin, want Ben", n)
	}
	for range 3 {
		ben.sees(t, "phone", phone)
		ben.hears(t, "phone", phone)
	}
	testmedia.Eventually(t, waitLong, "more pictures to be left out", func() bool { return leftOut() > before })
	testmedia.Eventually(t, waitLong, "the queue to become short", func() bool { return a.home.queued(330) < 500*time.Millisecond })
	cora.sees(t, "phone", phone)
	cora.undisturbed(t)
	a.home.wide()
	ben.sees(t, "phone", phone)
}

// grain is a camera of 1280x720 that fills the bitrate of each size it is sent in,
// also on a busy machine, which sends fewer pictures.
func grain(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "grain.y4m")
	if err := testmedia.Start(t, "ffmpeg", "-hide_banner", "-loglevel", "error", "-f", "lavfi", "-i",
		"testsrc2=s=1280x720:r=8:d=3,noise=alls=20:allf=t", "-pix_fmt", "yuv420p", path).Wait(time.Minute); err != nil {
		t.Fatal(err)
	}
	return path
}

// getsHeight waits until the other's pictures have a height for a second.
func (g *guest) getsHeight(t *testing.T, other *guest, ok func(int) bool) {
	t.Helper()
	testmedia.Eventually(t, 3*waitLong, g.name+" to get "+other.name+" in another size", func() bool {
		got := g.shown(t, other.userID, 1)
		last := got[max(0, len(got)-15):]
		for _, s := range last {
			if !ok(s.Height) {
				return false
			}
		}
		return len(last) == 15
	})
}

// stalls waits until a tile shows nothing new any more.
func (g *guest) stalls(t *testing.T, userID string) {
	t.Helper()
	testmedia.Eventually(t, waitLong, "the pictures of "+userID+" to stop", func() (still bool) {
		g.page.Eval(`(async () => {
			e2eRoom.forget("`+userID+`");
			await new Promise(r => setTimeout(r, 1000));
			return e2eRoom.samples("`+userID+`").length === 0;
		})()`, &still)
		return still
	})
}
