package e2e

import (
	"strings"
	"testing"

	"hutong/bridge/testmedia"
)

// TestRoomRestart kills the gateway in the middle of a call, and later ends it in
// order: each time two browsers and a phone that pushes again when it is cut off
// are back in the call by themselves, as who they were.
func TestRoomRestart(t *testing.T) {
	gw := &gateway{}
	config := writeConfigAt(t, gw, "127.0.0.1", "", "")
	gw.serve(t, config)
	phone := faceOf(3)
	gw.post(t, "/api/v1/rooms", `{"roomID":"restart"}`, &struct{}{})
	gw.phonePersists(t, "restart", "phone", phone)
	var guests []*guest
	for i, name := range []string{"Ann", "Ben"} {
		b := faceOf(i).browser(t, testmedia.BrowserOptions{})
		guests = append(guests, join(t, b, faceOf(i), gw.roomPage("restart", name), name))
	}
	ann, ben := guests[0], guests[1]
	meet := func() {
		t.Helper()
		ann.meets(t, map[string]face{ben.userID: ben.face, "phone": phone})
		ben.meets(t, map[string]face{ann.userID: ann.face, "phone": phone})
	}
	meet()
	before := gw.people("restart")

	for _, how := range []string{"SIGKILL", "SIGTERM"} {
		if how == "SIGKILL" {
			gw.process.Kill()
		} else {
			gw.stop(t)
		}
		for _, g := range guests {
			testmedia.Eventually(t, waitLong, how+": "+g.name+" to see that the gateway is gone", func() bool { return g.state() == "reconnecting" })
		}
		gw.serve(t, config)
		for _, g := range guests {
			was := g.userID
			g.arrive(t)
			if g.userID != was {
				t.Errorf("%s: %s comes back as %s, was %s", how, g.name, g.userID, was)
			}
		}
		meet()
		testmedia.Eventually(t, waitLong, how+": everybody to be a member again", func() bool {
			after := gw.people("restart")
			for id, was := range before {
				if after[id] != was {
					return false
				}
			}
			return len(after) == len(before)
		})
	}
	gw.stop(t)
}

// phonePersists is phoneJoins for a phone that pushes again whenever it is cut off.
func (gw *gateway) phonePersists(t *testing.T, roomID, userID string, f face) {
	t.Helper()
	var joined struct{ Stream string }
	gw.post(t, "/api/v1/rooms/"+roomID+"/members", `{"userID":"`+userID+`","client":"rtmp"}`, &joined)
	testmedia.Start(t, "sh", "-c", `while :; do ffmpeg -hide_banner -nostdin -nostats -loglevel error -re -stream_loop -1 -i "$0" -c copy -f flv "$1"; sleep 0.5; done`,
		testmedia.Clip(t, f.spec, testmedia.FLV), gw.rtmpURL(strings.TrimPrefix(joined.Stream, "live/")))
}
