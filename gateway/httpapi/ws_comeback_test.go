package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/pion/webrtc/v4"

	"hutong/gateway/room"
)

// expire takes out of a room whoever nothing holds.
func expire(t *testing.T, srv *Server, roomID string) {
	t.Helper()
	_, err := srv.Rooms.Alter(context.Background(), roomID, func(r room.Room, now time.Time) (room.Room, []room.Event, error) {
		return r.Expire(now.Add(time.Hour), time.Second)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func memberIn(t *testing.T, srv *Server, roomID, userID string) (room.Member, bool) {
	t.Helper()
	v, err := srv.Rooms.Get(context.Background(), roomID)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range v.Members {
		if m.UserID == userID {
			return m, true
		}
	}
	return room.Member{}, false
}

// invite makes a member by REST, and gives what it gets.
func invite(t *testing.T, base, roomID, userID, role string) joinJSON {
	t.Helper()
	body := fmt.Sprintf(`{"userID":%q,"nickName":"N %s","client":"webrtc","role":%q}`, userID, userID, role)
	return want[joinJSON](t, http.StatusCreated, "POST", base+"/api/v1/rooms/"+roomID+"/members", body)
}

// dialRefused dials a WebSocket that must be refused.
func dialRefused(t *testing.T, url string, status int, code string) {
	t.Helper()
	c, resp, err := websocket.DefaultDialer.Dial(url, nil)
	if err == nil {
		c.Close()
		t.Fatal("was let in")
	}
	var e struct{ Error struct{ Code string } }
	if resp == nil || resp.StatusCode != status || json.NewDecoder(resp.Body).Decode(&e) != nil || e.Error.Code != code {
		t.Errorf("%v %+v, want %d %s", resp, e, status, code)
	}
}

func TestComeBackOverWebSocket(t *testing.T) {
	srv, base := serve(t, nil)
	want[any](t, http.StatusCreated, "POST", base+"/api/v1/rooms", `{"roomID":"r","capacity":2}`)
	alice, _ := join(t, base, "r", "alice", "webrtc")
	alice.has("type", "welcome")
	bob := invite(t, base, "r", "bob", "agent")
	expire(t, srv, "r")
	alice.has("type", "event", "event", "member_left", "userID", "bob", "reason", "expired")

	back := connect(t, bob.WS, "bob")
	me := back.has("type", "welcome")["me"].(map[string]any)
	if me["stream"] != bob.Stream || me["role"] != "agent" {
		t.Errorf("came back as %v, was %s", me, bob.Stream)
	}
	if m, there := memberIn(t, srv, "r", "bob"); !there || m.NickName != "N bob" || m.Role != room.Agent {
		t.Errorf("in the room as %+v", m)
	}
	back.say(map[string]any{"type": "leave"})
	alice.has("type", "event", "event", "member_left", "userID", "bob", "reason", "left")

	invite(t, base, "r", "carol", "guest") // takes the last place
	late := connect(t, bob.WS, "bob")
	late.has("type", "error", "code", "room_full")

	want[any](t, http.StatusNoContent, "DELETE", base+"/api/v1/rooms/r/members/carol", "")
	want[any](t, http.StatusNoContent, "DELETE", base+"/api/v1/rooms/r/members/bob", "")
	dialRefused(t, bob.WS, http.StatusForbidden, "removed")
	again := invite(t, base, "r", "bob", "agent")
	if again.Stream != bob.Stream {
		t.Errorf("invited again with %s, had %s", again.Stream, bob.Stream)
	}
	connect(t, bob.WS, "bob").has("type", "welcome")

	want[any](t, http.StatusNoContent, "DELETE", base+"/api/v1/rooms/r", "")
	connect(t, bob.WS, "bob").has("type", "error", "code", "room_not_found")
}

func TestComeBackByWHIP(t *testing.T) {
	srv, base := serve(t, nil)
	want[any](t, http.StatusCreated, "POST", base+"/api/v1/rooms", `{"roomID":"r","capacity":1}`)
	bob := invite(t, base, "r", "bob", "guest")
	publish := func(status int) {
		t.Helper()
		_, offer := client(t, webrtc.RTPTransceiverDirectionSendonly)
		resp, body := request(t, "POST", bob.Push.WHIP, offer, "Content-Type", "application/sdp", "Authorization", "Bearer "+bob.Token)
		if resp.StatusCode != status {
			t.Errorf("%s %s, want %d", resp.Status, body, status)
		}
	}
	expire(t, srv, "r")
	other := invite(t, base, "r", "other", "guest")
	publish(http.StatusConflict)
	want[any](t, http.StatusNoContent, "DELETE", base+"/api/v1/rooms/r/members/other", "", "Authorization", "Bearer "+other.Token)
	publish(http.StatusCreated)
	waitFor(t, "bob does not publish in the room", func() bool {
		m, there := memberIn(t, srv, "r", "bob")
		return there && m.Publishing && m.Stream == bob.Stream
	})
	// Whoever is removed is off the air.
	want[any](t, http.StatusNoContent, "DELETE", base+"/api/v1/rooms/r/members/bob", "")
	waitFor(t, "the stream of who was removed goes on", func() bool { return srv.Streams.Get(bob.Stream) == nil })
}

func TestModerateOverWebSocket(t *testing.T) {
	srv, base := serve(t, nil)
	createRoom(t, base, "r")
	seats := map[string]*member{}
	for user, role := range map[string]string{"host": "host", "agent": "agent", "guest": "guest", "bob": "guest", "eve": "audience"} {
		seats[user] = connect(t, invite(t, base, "r", user, role).WS, user)
		seats[user].has("type", "welcome")
	}
	for i, user := range []string{"guest", "eve"} {
		seats[user].say(map[string]any{"type": "remove", "id": 10 + i, "userID": "bob"})
		seats[user].has("type", "error", "id", 10+i, "code", "no_right")
		seats[user].say(map[string]any{"type": "close", "id": 20 + i})
		seats[user].has("type", "error", "id", 20+i, "code", "no_right")
	}
	seats["host"].say(map[string]any{"type": "remove", "id": 1, "userID": "a b"})
	seats["host"].has("type", "error", "id", 1, "code", "bad_user_id")
	seats["host"].say(map[string]any{"type": "remove", "id": 2, "userID": "bob"})
	seats["host"].has("type", "ack", "id", 2)
	seats["bob"].has("type", "closed", "reason", "removed")
	seats["guest"].has("type", "event", "event", "member_left", "userID", "bob", "reason", "removed")
	seats["agent"].say(map[string]any{"type": "close", "id": 3})
	for _, user := range []string{"host", "agent", "guest", "eve"} {
		seats[user].has("type", "closed", "reason", "room_closed")
	}
	if _, err := srv.Rooms.Get(context.Background(), "r"); err == nil {
		t.Error("the room is still there")
	}
}

func TestModerateByREST(t *testing.T) {
	_, base := serveRooms(t, closed)
	api := base + "/api/v1/rooms"
	key := []string{"Authorization", "Bearer back-end-key-1234567890"}
	enter := func(roomID, user, role string) []string {
		t.Helper()
		got := want[joinJSON](t, 201, "POST", api+"/"+roomID+"/members", fmt.Sprintf(`{"userID":%q,"client":"webrtc","role":%q}`, user, role), key...)
		return []string{"Authorization", "Bearer " + got.Token}
	}
	for _, id := range []string{"r", "other"} {
		want[any](t, 201, "POST", api, `{"roomID":"`+id+`"}`, key...)
	}
	host, agent, guest, eve := enter("r", "host", "host"), enter("r", "agent", "agent"), enter("r", "guest", "guest"), enter("r", "eve", "audience")
	stranger := enter("other", "stranger", "host")
	enter("r", "a", "guest")
	enter("r", "b", "guest")
	for name, who := range map[string][]string{"a guest": guest, "the audience": eve, "the host of another room": stranger} {
		for _, path := range []string{"/r/members/a", "/r/members/nobody", "/r"} {
			status, body, _ := call(t, "DELETE", api+path, "", who...)
			refused(t, status, body, 403, "no_right", "")
			if status != 403 {
				t.Errorf("%s deletes %s", name, path)
			}
		}
	}
	for range 2 {
		want[any](t, 204, "DELETE", api+"/r/members/a", "", host...)
	}
	want[any](t, 204, "DELETE", api+"/r/members/b", "", agent...)
	want[any](t, 204, "DELETE", api+"/r/members/host", "", agent...)
	status, body, _ := call(t, "DELETE", api+"/r", "", host...)
	refused(t, status, body, 403, "removed", "removed")
	status, body, _ = call(t, "POST", api+"/r/members/host/heartbeat", "", host...)
	refused(t, status, body, 403, "removed", "")
	want[any](t, 204, "DELETE", api+"/r", "", agent...)
	want[any](t, 404, "GET", api+"/r", "", key...)
	if strings.Contains(body, "Bearer") {
		t.Error("an error quotes the token")
	}
}
