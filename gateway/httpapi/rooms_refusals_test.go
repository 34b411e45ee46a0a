package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"hutong/gateway/auth"
	"hutong/gateway/config"
	"hutong/gateway/room"
	"hutong/gateway/store"
)

// TestRefusals has every error that a caller can make.
func TestRefusals(t *testing.T) {
	_, base := serveRooms(t, func(c *config.Config) { c.Rooms.MaxRooms = 3 })
	api := base + "/api/v1/rooms"
	want[any](t, 201, "POST", api, `{"roomID":"r","capacity":1}`)
	want[any](t, 201, "POST", api+"/r/members", `{"userID":"a","client":"rtmp"}`)
	long := strings.Repeat("x", 49)
	for _, tc := range []struct {
		name, method, path, body string
		status                   int
		code, words              string
	}{
		{"roomID with a dot", "POST", "", `{"roomID":"a.b"}`, 400, "bad_room_id", "'.'"},
		{"roomID too long", "POST", "", `{"roomID":"` + long + `"}`, 400, "bad_room_id", "49"},
		{"empty roomID", "POST", "", `{"roomID":""}`, 400, "bad_room_id", "empty"},
		{"roomID is a number", "POST", "", `{"roomID":42}`, 400, "bad_json", "roomID is a JSON number; send a string"},
		{"name too long", "POST", "", `{"name":"` + strings.Repeat("名", 65) + `"}`, 400, "bad_name", "65"},
		{"name with a line break", "POST", "", `{"name":"a\nb"}`, 400, "bad_name", "control"},
		{"no capacity", "POST", "", `{"capacity":0}`, 400, "bad_capacity", "1 to 1000"},
		{"negative capacity", "POST", "", `{"capacity":-1}`, 400, "bad_capacity", "-1"},
		{"huge capacity", "POST", "", `{"capacity":1001}`, 400, "bad_capacity", "1001"},
		{"capacity is text", "POST", "", `{"capacity":"16"}`, 400, "bad_json", "capacity is a JSON string; send a whole number"},
		{"capacity is broken", "POST", "", `{"capacity":1.5}`, 400, "bad_json", "capacity"},
		{"not JSON", "POST", "", `roomID=a`, 400, "bad_json", "object"},
		{"broken JSON", "POST", "", `{"roomID":`, 400, "bad_json", "not JSON"},
		{"a list", "POST", "", `[]`, 400, "bad_json", "object"},
		{"null", "POST", "", `null`, 400, "bad_json", "object"},
		{"two objects", "POST", "", `{} {}`, 400, "bad_json", "follows"},
		{"the room exists", "POST", "", `{"roomID":"r"}`, 409, "room_exists", "r"},
		{"a huge body", "POST", "", `{"name":"` + strings.Repeat("x", maxCall) + `"}`, 413, "too_large", "49152"},
		{"limit 0", "GET", "?limit=0", "", 400, "bad_limit", "500"},
		{"limit is text", "GET", "?limit=ten", "", 400, "bad_limit", "ten"},
		{"limit too large", "GET", "?limit=501", "", 400, "bad_limit", "501"},
		{"a made-up cursor", "GET", "?cursor=%2e%2e", "", 400, "bad_cursor", "begin without"},
		{"no room", "GET", "/none", "", 404, "room_not_found", "none"},
		{"a bad roomID", "GET", "/a.b", "", 400, "bad_room_id", "a.b"},
		{"an escaped bad roomID", "GET", "/a%2Fb", "", 400, "bad_room_id", ""},
		{"deleting a bad roomID", "DELETE", "/a.b", "", 400, "bad_room_id", ""},
		{"joining no room", "POST", "/none/members", `{"userID":"a","client":"rtmp"}`, 404, "room_not_found", "none"},
		{"joining without a userID", "POST", "/r/members", `{"client":"rtmp"}`, 400, "bad_user_id", "empty"},
		{"joining with a bad userID", "POST", "/r/members", `{"userID":"李","client":"rtmp"}`, 400, "bad_user_id", "李"},
		{"joining without a client", "POST", "/r/members", `{"userID":"b"}`, 400, "bad_client", "webrtc or rtmp"},
		{"joining with a bad client", "POST", "/r/members", `{"userID":"b","client":"sip"}`, 400, "bad_client", "sip"},
		{"joining with a bad role", "POST", "/r/members", `{"userID":"b","client":"rtmp","role":"king"}`, 400, "bad_role", "king"},
		{"joining with a bad nickName", "POST", "/r/members", `{"userID":"b","client":"rtmp","nickName":"\u0007"}`, 400, "bad_name", "nickName"},
		{"role is a list", "POST", "/r/members", `{"userID":"b","client":"rtmp","role":[]}`, 400, "bad_json", "role is a JSON array"},
		{"joining without a body", "POST", "/r/members", ``, 415, "unsupported_media_type", "application/json"},
		{"a full room", "POST", "/r/members", `{"userID":"b","client":"rtmp"}`, 409, "room_full", "1 of 1"},
		{"leaving with a bad userID", "DELETE", "/r/members/a.b", "", 400, "bad_user_id", "a.b"},
		{"leaving a bad room", "DELETE", "/r.r/members/a", "", 400, "bad_room_id", "r.r"},
		{"heartbeat of nobody", "POST", "/r/members/b/heartbeat", "", 404, "not_a_member", "join"},
		{"heartbeat in no room", "POST", "/none/members/b/heartbeat", "", 404, "room_not_found", "none"},
		{"heartbeat of a bad userID", "POST", "/r/members/a.b/heartbeat", "", 400, "bad_user_id", "a.b"},
		{"a message without a type", "POST", "/r/messages", `{"text":"x"}`, 400, "bad_message", "text or custom"},
		{"a message of a bad type", "POST", "/r/messages", `{"type":"image"}`, 400, "bad_message", "image"},
		{"a text without text", "POST", "/r/messages", `{"type":"text"}`, 400, "bad_message", "without text"},
		{"a custom message without data", "POST", "/r/messages", `{"type":"custom"}`, 400, "bad_message", "without data"},
		{"text is an object", "POST", "/r/messages", `{"type":"text","text":{}}`, 400, "bad_json", "text is a JSON object"},
		{"a long text", "POST", "/r/messages", `{"type":"text","text":"` + strings.Repeat("x", room.MaxText+1) + `"}`, 413, "message_too_long", "4097"},
		{"much data", "POST", "/r/messages", `{"type":"custom","data":"` + strings.Repeat("x", room.MaxData) + `"}`, 413, "message_too_long", "data"},
		{"a message from nobody", "POST", "/r/messages", `{"from":"b","type":"text","text":"x"}`, 404, "not_a_member", "b"},
		{"a message to nobody", "POST", "/r/messages", `{"to":"b","type":"text","text":"x"}`, 404, "not_a_member", "b"},
		{"a message in no room", "POST", "/none/messages", `{"type":"text","text":"x"}`, 404, "room_not_found", "none"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			status, body, _ := call(t, tc.method, api+tc.path, tc.body)
			refused(t, status, body, tc.status, tc.code, tc.words)
		})
	}
	status, body, _ := call(t, "POST", api, `{}`, "Content-Type", "text/plain")
	refused(t, status, body, 415, "unsupported_media_type", "text/plain")
	want[any](t, 201, "POST", api, ``)
	want[any](t, 201, "POST", api, `{}`, "Content-Type", "application/json; charset=utf-8")
	status, body, _ = call(t, "POST", api, ``)
	refused(t, status, body, 503, "too_many_rooms", "3")
}

// TestDraining has what a gateway still does while calls finish, and while
// everybody has to go.
func TestDraining(t *testing.T) {
	srv, base := serveRooms(t, nil)
	api := base + "/api/v1/rooms"
	want[any](t, 201, "POST", api, `{"roomID":"r"}`)
	want[any](t, 201, "POST", api+"/r/members", `{"userID":"a","client":"rtmp"}`)
	drained := func(method, path, body string) {
		t.Helper()
		status, answer, head := call(t, method, api+path, body)
		refused(t, status, answer, 503, "draining", "shutting down")
		if head.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
	srv.Finish()
	drained("POST", "", `{}`)
	want[any](t, 201, "POST", api+"/r/members", `{"userID":"a","client":"rtmp"}`)
	want[any](t, 204, "POST", api+"/r/members/a/heartbeat", "")
	srv.Drain()
	drained("POST", "", `{}`)
	drained("POST", "/r/members", `{"userID":"a","client":"rtmp"}`)
	want[any](t, 200, "GET", api+"/r", "")
	want[any](t, 204, "DELETE", api+"/r", "")
}

func refused(t *testing.T, status int, body string, want int, code, words string) {
	t.Helper()
	var e struct {
		Error struct{ Code, Message string }
	}
	err := json.Unmarshal([]byte(body), &e)
	if err != nil || status != want || e.Error.Code != code || !strings.Contains(e.Error.Message, words) {
		t.Errorf("got %d %s; want %d %s and %q", status, body, want, code, words)
	}
}

// TestMethods has what a path does not do, and preflights of other pages.
func TestMethods(t *testing.T) {
	_, base := serveRooms(t, nil)
	for _, tc := range []struct{ method, path, allow string }{
		{"PUT", "/rooms", "OPTIONS, GET, POST"},
		{"POST", "/rooms/r", "OPTIONS, GET, DELETE"},
		{"GET", "/rooms/r/members", "OPTIONS, POST"},
		{"PATCH", "/rooms/r/members/a", "OPTIONS, DELETE"},
		{"GET", "/rooms/r/members/a/heartbeat", "OPTIONS, POST"},
		{"DELETE", "/rooms/r/messages", "OPTIONS, POST"},
	} {
		resp, body := request(t, tc.method, base+"/api/v1"+tc.path, "")
		if resp.Header.Get("Allow") != tc.allow {
			t.Errorf("%s %s allows %q", tc.method, tc.path, resp.Header.Get("Allow"))
		}
		refused(t, resp.StatusCode, body, 405, "method_not_allowed", tc.allow)
		resp, _ = request(t, "OPTIONS", base+"/api/v1"+tc.path, "", "Origin", "https://bank.example", "Access-Control-Request-Method", "POST")
		if resp.StatusCode != 204 || resp.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("preflight of %s: %s %v", tc.path, resp.Status, resp.Header)
		}
	}
	resp, body := request(t, "GET", base+"/api/v1/rooms/r/nothing", "")
	refused(t, resp.StatusCode, body, 404, "not_found", "nothing")
}

// TestFaultsOfTheGateway has the errors that no caller can make.
func TestFaultsOfTheGateway(t *testing.T) {
	for _, tc := range []struct {
		err    error
		status int
		code   string
	}{
		{fmt.Errorf("rooms r: %w: no answer", store.ErrUnavailable), 503, "unavailable"},
		{fmt.Errorf("rooms r: %w", store.ErrConflict), 503, "unavailable"},
		{fmt.Errorf("rooms r: %w", context.DeadlineExceeded), 503, "unavailable"},
		{fmt.Errorf("rooms r: %w: 2 MB", store.ErrTooLarge), 503, "too_large"},
		{fmt.Errorf("%w: r", room.ErrClosed), 404, "room_not_found"},
		{fmt.Errorf("%w: live/x", room.ErrStreamTaken), 409, "stream_taken"},
		{fmt.Errorf("%w: ask again", auth.ErrCallout), 503, "callout_failed"},
		{fmt.Errorf("%w of 3 bytes", room.ErrCorrupt), 500, "internal"},
	} {
		if e := callErrorOf(tc.err); e.status != tc.status || e.code != tc.code {
			t.Errorf("%v: %d %s, want %d %s", tc.err, e.status, e.code, tc.status, tc.code)
		}
	}
	if e := callErrorOf(fmt.Errorf("secret")); strings.Contains(e.message, "secret") {
		t.Errorf("an internal error is told as it is: %s", e.message)
	}
}

func TestTooManyCalls(t *testing.T) {
	_, base := serveRooms(t, func(c *config.Config) { c.Auth.Rate = config.Rate{PerSecond: 1, Burst: 2} })
	for range 20 {
		status, body, head := call(t, "GET", base+"/api/v1/rooms", "")
		if status == 200 {
			continue
		}
		refused(t, status, body, 429, "too_many", "")
		if head.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		return
	}
	t.Error("twenty calls at once were let through")
}

// TestEachKeyHasItsRate has one back end call too often, which is nothing to
// another, nor to members.
func TestEachKeyHasItsRate(t *testing.T) {
	_, base := serveRooms(t, func(c *config.Config) {
		closed(c)
		c.Auth.APIKeys = append(c.Auth.APIKeys, config.APIKey{Name: "other", Key: "other-back-end-key-123456789"})
		c.Auth.Rate = config.Rate{PerSecond: 1, Burst: 10}
	})
	api := base + "/api/v1/rooms"
	one := []string{"Authorization", "Bearer back-end-key-1234567890"}
	other := []string{"Authorization", "Bearer other-back-end-key-123456789"}
	want[any](t, 201, "POST", api, `{"roomID":"r"}`, one...)
	a := want[joinJSON](t, 201, "POST", api+"/r/members", `{"userID":"a","client":"rtmp"}`, one...)
	// tooMany calls until it is too often, and wants the answers before to be others.
	tooMany := func(before int, header ...string) {
		t.Helper()
		for range 200 {
			status, body, _ := call(t, "GET", api, "", header...)
			if status == 429 {
				refused(t, status, body, 429, "too_many", "")
				return
			}
			if status != before {
				t.Fatalf("%d %s, want %d or 429", status, body, before)
			}
		}
		t.Errorf("200 calls at once got %d", before)
	}
	tooMany(200, one...)
	want[any](t, 200, "GET", api, "", other...)
	want[any](t, 204, "POST", api+"/r/members/a/heartbeat", "", "Authorization", "Bearer "+a.Token)
	// Wrong keys are counted by the address they come from.
	tooMany(401, "Authorization", "Bearer wrong-key-1234567890123")
	want[any](t, 200, "GET", api, "", other...)
}

// FuzzRoomCalls sends whatever to every call that reads a body: the answer is
// one of those that are described, and never the gateway's own fault.
func FuzzRoomCalls(f *testing.F) {
	for _, body := range []string{`{}`, `null`, `[]`, `{"roomID":"r","capacity":1}`, `{"userID":"a","client":"rtmp","role":"host","nickName":"李"}`,
		`{"type":"text","text":"x","from":"a","to":"a"}`, `{"type":"custom","data":{"a":[1,2]}}`, `{"roomID":1}`, `{"capacity":1e99}`, `{"data":`, "\xff"} {
		f.Add(byte(0), []byte(body))
		f.Add(byte(1), []byte(body))
		f.Add(byte(2), []byte(body))
	}
	srv, base := serveRooms(f, nil)
	if _, err := srv.Rooms.Create(f.Context(), room.Options{RoomID: "r", Capacity: room.MaxCapacity}); err != nil {
		f.Fatal(err)
	}
	paths := []string{"", "/r/members", "/r/messages"}
	f.Fuzz(func(t *testing.T, which byte, body []byte) {
		req, err := http.NewRequest("POST", base+"/api/v1/rooms"+paths[int(which)%len(paths)], bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		resp, err := srv.app.Test(req, -1)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		answer, err := io.ReadAll(resp.Body)
		if err != nil || !json.Valid(answer) || resp.StatusCode >= 500 && !strings.Contains(string(answer), "too_many_rooms") {
			t.Errorf("%q: %d %s %v", body, resp.StatusCode, answer, err)
		}
	})
}
