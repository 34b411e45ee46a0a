package e2e

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"hutong/bridge/testmedia"
)

// meeting is what the tests of rooms share: a gateway, and three browsers with
// faces of their own.
type meeting struct {
	gw       *gateway
	faces    [3]face
	browsers [3]*testmedia.Browser
}

// TestRoom runs the tests of rooms that need nothing special of the gateway. Each
// uses a room of its own.
func TestRoom(t *testing.T) {
	m := &meeting{gw: start(t, "")}
	for i := range m.browsers {
		m.faces[i] = faceOf(i)
		m.browsers[i] = m.faces[i].browser(t, testmedia.BrowserOptions{
			Prompts: i == 0, Flags: []string{"auto-select-tab-capture-source-by-title=" + screenTitle},
		})
	}
	m.browsers[0].Permit("granted")
	for _, test := range []struct {
		name string
		run  func(*meeting, *testing.T)
	}{
		{"People", (*meeting).people},
		{"SocketCut", (*meeting).socketCut},
		{"ScreenShare", (*meeting).screenShare},
		{"WithoutH264", (*meeting).withoutH264},
		{"Keyboard", (*meeting).keyboard},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(m, t) })
	}
}

func (m *meeting) join(t *testing.T, n int, roomID, name string) *guest {
	t.Helper()
	return join(t, m.browsers[n], m.faces[n], m.gw.roomPage(roomID, name), name)
}

// Three browsers and two phones in one room: each meets all others, whoever comes
// late meets them at once, who leaves is gone for all, and a page that is loaded
// again is the same person.
func (m *meeting) people(t *testing.T) {
	m.gw.post(t, "/api/v1/rooms", `{"roomID":"people","capacity":5}`, &struct{}{})
	phones := map[string]face{"p1": faceOf(3), "p2": faceOf(4)}
	for id, f := range phones {
		m.gw.phoneJoins(t, "people", id, f)
	}
	all := func(guests ...*guest) map[string]face {
		out := map[string]face{"p1": phones["p1"], "p2": phones["p2"]}
		for _, g := range guests {
			out[g.userID] = g.face
		}
		return out
	}
	ann, ben := m.join(t, 0, "people", "Ann"), m.join(t, 1, "people", "Ben")
	ann.meets(t, all(ben))
	ben.meets(t, all(ann))

	cora := m.join(t, 2, "people", "Cora")
	cora.meets(t, all(ann, ben))
	ann.meets(t, all(ben, cora))
	ben.meets(t, all(ann, cora))
	m.phonesMeet(t, "people", ann, ben, cora)

	ben.press(t, "room-leave")
	present(t, ben.page, "room-end")
	ann.shows(t, all(cora))
	cora.shows(t, all(ann))
	people := m.gw.people("people")
	if _, there := people[ben.userID]; there || len(people) != 4 {
		t.Errorf("after leaving, the members are %v", people)
	}
	testmedia.Eventually(t, waitLong, "the stream of who left to end", func() bool {
		return !m.gw.live("people_" + ben.userID)
	})

	was := people[ann.userID]
	cora.forgetEvents()
	ann.page.Run(chromedp.Reload())
	ann.arrive(t)
	if ann.userID != was.UserID {
		t.Fatalf("the page that was loaded again is %s, was %s", ann.userID, was.UserID)
	}
	ann.meets(t, all(cora))
	cora.meets(t, all(ann))
	if is := m.gw.people("people")[ann.userID]; is != was || len(m.gw.people("people")) != 4 {
		t.Errorf("the page that was loaded again is %+v, was %+v", is, was)
	}
	cora.undisturbed(t)
}

// phonesMeet plays what phones do of the browsers, by RTMP and by FLV.
func (m *meeting) phonesMeet(t *testing.T, roomID string, guests ...*guest) {
	t.Helper()
	people := m.gw.people(roomID)
	type playing struct {
		process *testmedia.Process
		path    string
	}
	plays := map[string]playing{}
	for i, g := range guests {
		url := people[g.userID].Play.RTMP
		if i%2 == 1 {
			url = people[g.userID].Play.FLV
		}
		process, path := testmedia.Play(t, testmedia.FFmpeg, url)
		plays[g.userID] = playing{process, path}
	}
	for _, g := range guests {
		p := plays[g.userID]
		testmedia.WaitLength(t, p.process, p.path, 3*time.Second)
		p.process.Stop()
		media := testmedia.Decode(t, p.path)
		requireAdvance(t, pictureStrips(media.Pictures), g.spec, g.spec.Frames()-1)
		tone := testmedia.MeasureTone(media.Sound.Slice(0, time.Second, 3*time.Second), media.Sound.Rate)
		if math.Abs(tone.Hz-float64(g.hz)) > 2 || tone.Level < 0.002 {
			t.Errorf("the phone hears %+v of %s, want %d Hz", tone, g.name, g.hz)
		}
		if strings.Contains(media.Errors, "error") {
			t.Errorf("the phone's decoder complains of %s:\n%.500s", g.name, media.Errors)
		}
	}
}
