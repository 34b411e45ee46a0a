package e2e

import (
	"strings"
	"testing"

	"hutong/bridge/testmedia"
)

// The WebSocket breaks and the gateway cannot be reached for a while: media goes
// on both ways, nobody else notices, and what was said meanwhile is not missed.
func (m *meeting) socketCut(t *testing.T) {
	m.gw.post(t, "/api/v1/rooms", `{"roomID":"socket"}`, &struct{}{})
	way := newGate(t, m.gw.http)
	ann := join(t, m.browsers[0], m.faces[0], strings.Replace(m.gw.roomPage("socket", "Ann"), m.gw.http, way.address, 1), "Ann")
	ben := m.join(t, 1, "socket", "Ben")
	ann.meets(t, map[string]face{ben.userID: ben.face})
	ben.meets(t, map[string]face{ann.userID: ann.face})
	first := ann.welcome(t)

	ann.forgetEvents()
	ben.forgetEvents()
	way.cut()
	testmedia.Eventually(t, waitLong, "Ann to see that the gateway is gone", func() bool { return ann.state() == "reconnecting" })
	present(t, ann.page, "room-reconnecting")
	ann.meets(t, map[string]face{ben.userID: ben.face})
	ben.meets(t, map[string]face{ann.userID: ann.face})
	m.gw.post(t, "/api/v1/rooms/socket/messages", `{"from":"`+ben.userID+`","type":"text","text":"are you there?"}`, &struct{}{})
	if ann.state() != "reconnecting" {
		t.Errorf("Ann's page is %q though the gateway cannot be reached", ann.state())
	}

	way.open()
	ann.arrive(t)
	if back := ann.welcome(t); !back.Resumed || back.Session != first.Session {
		t.Errorf("Ann came back with %+v, want session %s resumed", back, first.Session)
	}
	ann.press(t, "chat-toggle")
	present(t, ann.page, "chat-message")
	ann.meets(t, map[string]face{ben.userID: ben.face})
	ben.meets(t, map[string]face{ann.userID: ann.face})
	ben.undisturbed(t)
}

// welcome is the gateway's newest.
func (g *guest) welcome(t *testing.T) (w told) {
	t.Helper()
	for _, m := range g.told() {
		if m.Type == "welcome" {
			w = m
		}
	}
	if w.Session == "" {
		t.Fatalf("%s was not welcomed: %+v", g.name, g.told())
	}
	return w
}
