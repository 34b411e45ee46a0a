package e2e

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"hutong/bridge/testmedia"
)

//go:embed room.js
var roomScript string

// face is what a member shows and says, so that nobody is taken for another.
type face struct {
	spec testmedia.Spec
	hz   int
}

// faceOf gives the n-th face: counters and a tone of its own. Pictures are small,
// for a machine with two cores carries a whole meeting.
func faceOf(n int) face {
	return face{hz: 500 + 130*n, spec: testmedia.Spec{
		Width: 320, Height: 240, FPS: 15, Duration: 20 * time.Second, GOP: 60, VideoBitrate: 300_000,
		ToneHz: 500 + 130*n, FirstCounter: 2000 * n,
	}}
}

// browser starts a Chromium whose camera, unless there is another, and microphone
// are of a face.
func (f face) browser(t *testing.T, o testmedia.BrowserOptions) *testmedia.Browser {
	t.Helper()
	if o.Video == "" {
		o.Video = testmedia.Clip(t, testmedia.Spec{Width: f.spec.Width, Height: f.spec.Height, FPS: f.spec.FPS,
			Duration: 4 * time.Second, FirstCounter: f.spec.FirstCounter}, testmedia.Y4M)
	}
	o.Audio = testmedia.Clip(t, testmedia.Spec{Duration: time.Minute, ToneHz: f.hz}, testmedia.WAV)
	o.Init = testmedia.StripScript + pageScript + roomScript + o.Init
	return testmedia.NewBrowser(t, o)
}

// guest is somebody on the call page.
type guest struct {
	face
	page         *testmedia.Page
	name, userID string
}

// join opens the call page at an address and enters the room, once the camera can
// be seen: before that, black is sent.
func join(t *testing.T, b *testmedia.Browser, f face, address, name string) *guest {
	t.Helper()
	g := &guest{face: f, name: name, page: b.Open(t, address)}
	present(t, g.page, "room-join")
	testmedia.Eventually(t, waitLong, name+" to see the own camera", func() (there bool) {
		g.page.Eval(`(document.querySelector('[data-testid="room-preview"]')?.videoWidth ?? 0) > 0`, &there)
		return there
	})
	g.press(t, "room-join")
	g.arrive(t)
	return g
}

// press clicks what has a test id, once it can be.
func (g *guest) press(t *testing.T, id string) {
	t.Helper()
	present(t, g.page, id)
	g.page.Run(chromedp.Click(chromedp.CSS(`[data-testid="` + id + `"]`)))
}

// arrive waits until the page is in the call.
func (g *guest) arrive(t *testing.T) {
	t.Helper()
	testmedia.Eventually(t, waitLong, g.name+" to be in the call", func() bool {
		return g.state() == "live" && g.page.Try(`e2eRoom.me()`, &g.userID) == nil && g.userID != ""
	})
}

func (g *guest) state() (state string) {
	_ = g.page.Try(`e2eRoom.state()`, &state) // a page that is being loaded cannot say
	return state
}

// sees waits for pictures of a member and requires that they are of the face.
func (g *guest) sees(t *testing.T, userID string, f face) {
	t.Helper()
	g.page.Eval(fmt.Sprintf(`e2eRoom.forget(%q)`, userID), nil)
	requireAdvance(t, sampleStrips(g.shown(t, userID, 20)), f.spec, f.spec.Frames()-1)
}

// shown waits until a member's tile has shown n pictures since sees or forget.
func (g *guest) shown(t *testing.T, userID string, n int) (got []testmedia.Sample) {
	t.Helper()
	testmedia.Eventually(t, waitLong, fmt.Sprintf("%s to see %s", g.name, userID), func() bool {
		g.page.Eval(fmt.Sprintf(`e2eRoom.samples(%q)`, userID), &got)
		return len(got) >= n
	})
	return got
}

// hears waits for the tone of a member. Browsers take a lasting tone for noise
// and turn it down, so its level is free.
func (g *guest) hears(t *testing.T, userID string, f face) {
	t.Helper()
	var tone testmedia.Tone
	testmedia.Eventually(t, waitLong, fmt.Sprintf("%s to hear %d Hz of %s", g.name, f.hz, userID), func() bool {
		var raw string
		g.page.Eval(fmt.Sprintf(`e2eRoom.pcm(%q, 0.5) ?? ''`, userID), &raw)
		tone = testmedia.MeasureTone(floats(raw), 48000)
		return math.Abs(tone.Hz-float64(f.hz)) < 2 && tone.Level > 0.002
	})
}

// meets requires that the others, and nobody else, are in the call and can be seen
// and heard.
func (g *guest) meets(t *testing.T, others map[string]face) {
	t.Helper()
	ids := g.shows(t, others)
	for _, id := range ids {
		g.page.Eval(fmt.Sprintf(`e2eRoom.forget(%q)`, id), nil) // all are watched at once
	}
	for _, id := range ids {
		requireAdvance(t, sampleStrips(g.shown(t, id, 20)), others[id].spec, others[id].spec.Frames()-1)
		g.hears(t, id, others[id])
	}
	var voices []string
	g.page.Eval(`e2eRoom.voices()`, &voices)
	if !slices.Equal(voices, ids) {
		t.Errorf("%s hears %v, want %v", g.name, voices, ids)
	}
}

// shows waits until there are tiles of the others and oneself, and no more.
func (g *guest) shows(t *testing.T, others map[string]face) (ids []string) {
	t.Helper()
	for id := range others {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	want := append(slices.Clone(ids), g.userID)
	slices.Sort(want)
	var got []string
	testmedia.Eventually(t, waitLong, fmt.Sprintf("%s to have tiles of %v", g.name, want), func() bool {
		g.page.Eval(`e2eRoom.members()`, &got)
		return slices.Equal(got, want)
	})
	return ids
}

// told is what the gateway has said over the WebSocket.
type told struct {
	Type, Event, UserID, Reason, Session, Code string
	Resumed                                    bool
}

func (g *guest) told() (all []told) {
	g.page.Eval(`e2eRoom.told`, &all)
	return all
}

// undisturbed requires that the guest was never told of somebody's leaving, and
// neither missed a tile nor was reconnecting, since forgetEvents.
func (g *guest) undisturbed(t *testing.T) {
	t.Helper()
	for _, m := range g.told() {
		if m.Event == "member_left" || m.Event == "member_joined" {
			t.Errorf("%s was told %s of %s", g.name, m.Event, m.UserID)
		}
	}
	var seen []struct{ State, Members string }
	g.page.Eval(`e2eRoom.history`, &seen)
	for _, s := range seen {
		if s.State != "live" || s.Members != seen[0].Members {
			t.Errorf("%s saw %+v, want nothing but %+v", g.name, s, seen[0])
		}
	}
}

// connections is how many peer connections the page has made so far: an ICE
// restart makes none.
func (g *guest) connections() (n int) {
	g.page.Eval(`e2eRoom.peers.length`, &n)
	return n
}

func (g *guest) forgetEvents() { g.page.Eval(`e2eRoom.forgetEvents()`, nil) }

// person is a member as REST tells it.
type person struct {
	UserID, NickName, Client, Stream string
	Publishing                       bool
	Play                             struct{ RTMP, FLV, WHEP string }
}

// people are the members of a room by userID; nil where there is no room.
func (gw *gateway) people(roomID string) map[string]person {
	status, _, body := gw.get("/api/v1/rooms/" + roomID)
	var room struct{ Members []person }
	if status != http.StatusOK || json.Unmarshal(body, &room) != nil {
		return nil
	}
	found := map[string]person{}
	for _, p := range room.Members {
		found[p.UserID] = p
	}
	return found
}

// phoneJoins takes a place for a phone and pushes its face, round and round.
func (gw *gateway) phoneJoins(t *testing.T, roomID, userID string, f face) *testmedia.Process {
	t.Helper()
	var joined struct {
		Push struct{ RTMP string }
	}
	gw.post(t, "/api/v1/rooms/"+roomID+"/members", fmt.Sprintf(`{"userID":%q,"nickName":%q,"client":"rtmp"}`, userID, "Phone "+userID), &joined)
	return testmedia.Push(t, testmedia.Clip(t, f.spec, testmedia.FLV), joined.Push.RTMP)
}

// roomPage is the address at which somebody enters a room.
func (gw *gateway) roomPage(roomID, name string) string {
	return "http://" + gw.http + "/#/room/" + roomID + "?name=" + strings.ReplaceAll(name, " ", "%20")
}
