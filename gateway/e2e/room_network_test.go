package e2e

import (
	"testing"

	"hutong/bridge/testmedia"
)

// TestRoomNetwork has the browsers of a room in networks of their own. One's is
// cut, and then changes its address: the call comes back by ICE restarts on the
// same connections, and nobody else notices.
func TestRoomNetwork(t *testing.T) {
	office, home := newNetwork(t), newNetwork(t)
	gw := &gateway{}
	gw.run(t, writeConfigAt(t, gw, office.host, "", ""))
	gw.post(t, "/api/v1/rooms", `{"roomID":"network"}`, &struct{}{})
	phone := faceOf(3)
	gw.phoneJoins(t, "network", "phone", phone)
	enter := func(n int, net *network, name string) *guest {
		b := faceOf(n).browser(t, testmedia.BrowserOptions{Namespace: net.name,
			Flags: []string{"unsafely-treat-insecure-origin-as-secure=http://" + gw.http}})
		return join(t, b, faceOf(n), gw.roomPage("network", name), name)
	}
	ann, ben := enter(0, home, "Ann"), enter(1, office, "Ben")
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
	var all string
	t.Log(all)
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
