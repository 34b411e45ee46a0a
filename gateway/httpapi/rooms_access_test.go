package httpapi

import (
	"context"
	"strings"
	"testing"
	"time"

	"hutong/gateway/auth"
	"hutong/gateway/room"
	"hutong/gateway/rooms"
)

func TestWhoMayCall(t *testing.T) {
	srv, base := serveRooms(t, closed)
	api := base + "/api/v1/rooms"
	key := []string{"Authorization", "Bearer back-end-key-1234567890"}
	want[any](t, 201, "POST", api, `{"roomID":"r"}`, key...)
	a := want[joinJSON](t, 201, "POST", api+"/r/members", `{"userID":"a","client":"rtmp"}`, key...)
	b := want[joinJSON](t, 201, "POST", api+"/r/members", `{"userID":"b","client":"rtmp"}`, key...)
	if !strings.HasSuffix(a.Push.RTMP, "/live/r_a?token="+a.Token) || !strings.HasSuffix(b.Members[0].Play.FLV, "/live/r_a.flv?token="+b.Token) {
		t.Errorf("a phone could not open %s and %s", a.Push.RTMP, b.Members[0].Play.FLV)
	}
	if g, err := srv.Auth.Allow(context.Background(), auth.Request{Action: auth.Publish, Stream: "live/r_a", Bearer: a.Token}); err != nil || g.UserID != "a" {
		t.Errorf("the token opens %+v, %v", g, err)
	}
	watcher := want[joinJSON](t, 201, "POST", api+"/r/members", `{"userID":"w","client":"webrtc","role":"audience"}`, key...)
	for action, opens := range map[auth.Action]bool{auth.Publish: false, auth.Play: true} {
		_, err := srv.Auth.Allow(context.Background(), auth.Request{Action: action, Stream: watcher.Stream, Bearer: watcher.Token})
		if (err == nil) != opens {
			t.Errorf("%s by the audience: %v", action, err)
		}
	}
	token := func(token string) []string { return []string{"Authorization", "Bearer " + token} }
	for _, tc := range []struct {
		name, method, path, body string
		header                   []string
		status                   int
		code                     string
	}{
		{"nothing", "GET", "", "", nil, 401, "missing"},
		{"a wrong key", "GET", "", "", token("wrong-key-1234567890"), 401, "wrong"},
		{"a member", "GET", "", "", token(a.Token), 403, "no_right"},
		{"a member making a room", "POST", "", `{}`, token(a.Token), 403, "no_right"},
		{"a member seeing the room", "GET", "/r", "", token(a.Token), 403, "no_right"},
		{"a member closing the room", "DELETE", "/r", "", token(a.Token), 403, "no_right"},
		{"a member letting others in", "POST", "/r/members", `{"userID":"c","client":"rtmp"}`, token(a.Token), 403, "no_right"},
		{"nobody", "POST", "/r/members", `{"userID":"c","client":"rtmp"}`, nil, 401, "missing"},
		{"another's heartbeat", "POST", "/r/members/a/heartbeat", "", token(b.Token), 403, "no_right"},
		{"another's words", "POST", "/r/messages", `{"from":"a","type":"text","text":"x"}`, token(b.Token), 403, "no_right"},
		{"words of the back end", "POST", "/r/messages", `{"type":"text","text":"x"}`, token(b.Token), 403, "no_right"},
		{"nobody's bad words", "POST", "/r/messages", `{"type":1}`, nil, 401, "missing"},
		{"taking another out", "DELETE", "/r/members/a", "", token(b.Token), 403, "no_right"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			status, body, head := call(t, tc.method, api+tc.path, tc.body, tc.header...)
			refused(t, status, body, tc.status, tc.code, "")
			if (status == 401) != (head.Get("WWW-Authenticate") == "Bearer") {
				t.Errorf("WWW-Authenticate %q", head.Get("WWW-Authenticate"))
			}
		})
	}
	status, body, _ := call(t, "GET", base+"/api/v1/streams", "")
	refused(t, status, body, 401, "missing", "")
	status, body, _ = call(t, "GET", base+"/api/v1/streams", "", token(a.Token)...)
	refused(t, status, body, 403, "no_right", "")
	want[any](t, 200, "GET", base+"/api/v1/streams", "", key...)
	reasons := make(chan string, 2)
	stop, err := srv.Rooms.Subscribe("r", func(u rooms.Update) {
		if u.Event != nil && u.Event.Type == room.MemberLeft {
			reasons <- u.Event.Reason
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	want[any](t, 204, "POST", api+"/r/members/a/heartbeat", "", token(a.Token)...)
	want[any](t, 201, "POST", api+"/r/messages", `{"from":"a","type":"text","text":"x"}`, token(a.Token)...)
	want[any](t, 204, "DELETE", api+"/r/members/a", "", token(a.Token)...)
	want[any](t, 204, "DELETE", api+"/r/members/b", "", key...)
	for _, reason := range []string{room.ReasonLeft, room.ReasonRemoved} {
		select {
		case got := <-reasons:
			if got != reason {
				t.Errorf("left: %s, want %s", got, reason)
			}
		case <-time.After(15 * time.Second):
			t.Fatal("nobody left")
		}
	}
}
