package weapp_test

import (
	"strings"
	"testing"
	"time"

	"hutong/gateway/room"
)

// TestBeingRecorded has phones of both kinds of components told that their room
// is recorded: those in it, and who comes later.
func TestBeingRecorded(t *testing.T) {
	g := open(t, nil)
	made := g.webrtcRoom("alice", "")
	roomID := made.text("roomID")
	watch := func() (*talk, object) {
		w := g.dial()
		return w, w.do(object{"cmd": "watch", "sdkAppID": appID, "userID": "alice", "userSig": g.sig("alice"), "roomID": roomID,
			"privateMapKey": made.text("privateMapKey")})
	}
	alice, first := watch()
	bob := g.login("bob", "multi_room")
	bob.enter("multi_room", roomID)
	talk := g.talker("bob", roomID)
	alice.event("members")
	if _, told := first["recording"]; told || bob.do("multi_room/get_pushers", object{"roomID": roomID})["recording"] != nil {
		t.Error("recorded before anything is")
	}
	for _, state := range []string{room.RecordingOn, room.RecordingPaused, room.RecordingOff} {
		// Notices of what was before come before this.
		talk.do(object{"cmd": "send", "group": roomID, "elems": []object{textElem("mark " + state)}})
		for m := talk.message("message"); !strings.HasSuffix(elems(m), "text:mark "+state); m = talk.message("message") {
		}
		_, err := g.rooms.Alter(t.Context(), roomID, func(r room.Room, _ time.Time) (room.Room, []room.Event, error) { return r.Record(state) })
		check(t, err)
		for e := alice.event("members"); e.text("recording") != state; e = alice.event("members") {
		}
		for n := talk.event("system"); n["type"] != float64(255); n = talk.event("system") {
		}
		if got := bob.do("multi_room/get_pushers", object{"roomID": roomID}); got.text("recording") != state {
			t.Errorf("in a room whose recording is %q get_pushers tells %v", state, got)
		}
		if _, again := watch(); again.text("recording") != state {
			t.Errorf("who comes to a room whose recording is %q is told %v", state, again)
		}
	}
}
