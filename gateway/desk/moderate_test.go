package desk

import (
	"errors"
	"testing"

	"hutong/gateway/call"
	"hutong/gateway/room"
)

// TestTheDeskRunsItsRooms: an agent's token of the room neither takes a supervisor
// out of it nor the caller, and does not close it.
func TestTheDeskRunsItsRooms(t *testing.T) {
	h := newHouse(t, nil)
	h.ready("anna")
	c := h.place("li")
	h.answers("anna", c.CallID)
	h.ready("sam")
	_, err := h.Supervise(t.Context(), h.account("sam"), c.CallID, call.Listen)
	ok(t, err)
	for _, userID := range []string{"agent-sam", "li"} {
		if err := h.rooms.RemoveBy(t.Context(), c.CallID, "agent-anna", room.Agent, userID); !errors.Is(err, room.ErrNotModerator) {
			t.Errorf("an agent removes %s: %v", userID, err)
		}
	}
	if err := h.rooms.CloseRoomBy(t.Context(), c.CallID, "agent-sam", room.Agent, "closed"); !errors.Is(err, room.ErrNotModerator) {
		t.Errorf("a supervisor closes the room: %v", err)
	}
	if n := len(h.rooms.Members(c.CallID)); n != 3 {
		t.Errorf("%d are in the room, want 3", n)
	}
	// The desk itself does, at whose wish it may.
	if _, err := h.Leave(t.Context(), h.account("sam"), c.CallID); err != nil {
		t.Error(err)
	}
	eventually(t, "the supervisor's leaving", func() bool { return len(h.rooms.Members(c.CallID)) == 2 })
}
