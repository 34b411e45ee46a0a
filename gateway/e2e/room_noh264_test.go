package e2e

import (
	"strings"
	"testing"

	"hutong/bridge/testmedia"
)

// Somebody whose browser lacks H.264 is told so before and in the call, still sees
// and hears a phone and a browser by HTTP-FLV, and is there for the others.
func (m *meeting) withoutH264(t *testing.T) {
	m.gw.post(t, "/api/v1/rooms", `{"roomID":"noh264"}`, &struct{}{})
	phone := faceOf(3)
	m.gw.phoneJoins(t, "noh264", "phone", phone)
	ann := m.join(t, 0, "noh264", "Ann")

	address := strings.Replace(m.gw.roomPage("noh264", "Finn"), "/#", "/?without=h264#", 1)
	finn := &guest{name: "Finn", page: m.browsers[1].Open(t, address)}
	finn.requireTold(t)
	finn.press(t, "room-join")
	finn.arrive(t)
	finn.requireTold(t)
	ann.shows(t, map[string]face{finn.userID: {}, "phone": {}})
	for id, f := range map[string]face{ann.userID: ann.face, "phone": phone} {
		finn.sees(t, id, f)
		finn.hears(t, id, f)
	}
	for _, id := range []string{"mic-toggle", "camera-toggle", "screen-toggle"} {
		var there bool
		if finn.page.Eval(`!!document.querySelector('[data-testid="`+id+`"]')`, &there); there {
			t.Errorf("the page offers %s to somebody who cannot send", id)
		}
	}
	if m.gw.people("noh264")[finn.userID].Publishing {
		t.Error("somebody without H.264 is said to publish")
	}
}

func (g *guest) requireTold(t *testing.T) {
	t.Helper()
	present(t, g.page, "room-fallback")
	var words string
	testmedia.Eventually(t, waitLong, g.name+" to be told of H.264", func() bool {
		_ = g.page.Try(`document.querySelector('[data-testid="room-fallback"]').innerText`, &words)
		return strings.Contains(words, "H.264") && strings.Contains(words, "FLV")
	})
}
