package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"hutong/bridge/stream"
	"hutong/gateway/auth"
	"hutong/gateway/config"
	"hutong/gateway/metrics"
	"hutong/gateway/room"
	"hutong/gateway/rooms"
	"hutong/gateway/store"
)

// serveRooms runs a server with rooms and without media.
func serveRooms(t testing.TB, change func(*config.Config)) (*Server, string) {
	t.Helper()
	cfg := config.Default()
	cfg.HTTP.Address = "127.0.0.1:0"
	cfg.RTMP.Address = "127.0.0.1:19350"
	cfg.WebRTC.ICEServers = []config.ICEServer{{URLs: []string{"turn:turn.example.net"}, Username: "u", Credential: "p"}}
	if change != nil {
		change(cfg)
	}
	st, err := store.Open(store.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.Close)
	reg := stream.NewRegistry(stream.Options{})
	t.Cleanup(reg.Close)
	service, err := rooms.New(rooms.Options{Store: st, Streams: reg, Node: "n1", MaxRooms: cfg.Rooms.MaxRooms})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(service.Close)
	authority, err := auth.New(cfg.Auth, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(authority.Close)
	authority.Voids = service.Voids
	authority.RoomOf = func(name string) string { id, _, _ := service.RoomOf(name); return id }
	srv, err := Listen(Options{Config: cfg, Streams: reg, Rooms: service, Auth: authority, Metrics: metrics.New("test"),
		Log: slog.New(slog.DiscardHandler), Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := contextFor(10 * time.Second)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	return srv, "http://" + srv.Addr().String()
}

// want makes a call that is to answer with a status, and reads the answer.
func want[T any](t *testing.T, status int, method, url, body string, header ...string) (into T) {
	t.Helper()
	got, answer, _ := call(t, method, url, body, header...)
	if got != status {
		t.Fatalf("%s %s %s: %d %s; want %d", method, url, body, got, answer, status)
	}
	if answer != "" {
		if err := json.Unmarshal([]byte(answer), &into); err != nil {
			t.Fatal(err)
		}
	}
	return into
}

func TestARoomByREST(t *testing.T) {
	_, base := serveRooms(t, nil)
	api, host := base+"/api/v1/rooms", strings.TrimPrefix(base, "http://")
	made := want[roomJSON](t, 201, "POST", api, `{"roomID":"court","name":"Case 7","capacity":3,"newer":{"field":1}}`)
	if made.RoomID != "court" || made.Name != "Case 7" || made.Capacity != 3 || len(made.Members) != 0 {
		t.Errorf("made %+v", made)
	}
	li := want[joinJSON](t, 201, "POST", api+"/court/members", `{"userID":"li","nickName":"李","client":"rtmp"}`)
	if li.Stream != "live/court_li" || li.Push.RTMP != "rtmp://127.0.0.1:19350/live/court_li" || li.Push.WHIP != base+"/whip/live/court_li" ||
		li.WS != "ws://"+host+"/api/v1/ws?token="+li.Token || len(li.ICE) != 1 || li.ICE[0].Credential != "p" || len(li.Members) != 1 {
		t.Errorf("joined: %+v", li)
	}
	judge := want[joinJSON](t, 201, "POST", api+"/court/members", `{"userID":"judge","role":"host","client":"webrtc"}`)
	if len(judge.Members) != 2 {
		t.Errorf("the judge sees %+v", judge.Members)
	}
	again := want[joinJSON](t, 201, "POST", api+"/court/members", `{"userID":"li","client":"rtmp"}`)
	if again.Stream != li.Stream || len(again.Members) != 2 || again.Members[0].NickName != "李" {
		t.Errorf("coming back: %+v", again)
	}
	now := want[roomJSON](t, 200, "GET", api+"/court", "")
	m := now.Members[0]
	if m.Play != (playJSON{"rtmp://127.0.0.1:19350/live/court_li", base + "/live/court_li.flv", base + "/whep/live/court_li"}) ||
		m.UserID != "li" || m.Role != room.Guest || m.Client != room.RTMP || m.Publishing || now.Members[1].Role != room.Host {
		t.Errorf("the room is %+v", now)
	}
	want[any](t, 204, "POST", api+"/court/members/li/heartbeat", "")
	for i, body := range []string{`{"type":"text","text":"hello"}`, `{"from":"judge","to":"li","type":"custom","data":{"a":[1]}}`, `{"from":"","to":"","type":"text","text":"<b>&"}`} {
		if got := want[struct{ Seq int }](t, 201, "POST", api+"/court/messages", body); got.Seq != i+1 {
			t.Errorf("message %d has the number %d", i+1, got.Seq)
		}
	}
	for range 2 {
		want[any](t, 204, "DELETE", api+"/court/members/li", "")
	}
	for range 2 {
		want[any](t, 204, "DELETE", api+"/court", "")
	}
	want[any](t, 204, "DELETE", api+"/court/members/judge", "")
	want[any](t, 404, "GET", api+"/court", "")
}

func TestARoomWithoutAName(t *testing.T) {
	_, base := serveRooms(t, nil)
	for _, body := range []string{"", "{}"} {
		status, answer, head := call(t, "POST", base+"/api/v1/rooms", body)
		var v roomJSON
		if err := json.Unmarshal([]byte(answer), &v); err != nil || status != 201 || room.CheckRoomID(v.RoomID) != nil || v.Name != v.RoomID ||
			v.Capacity != room.DefaultCapacity || head.Get("Location") != "/api/v1/rooms/"+v.RoomID {
			t.Errorf("%s: %d %s", body, status, answer)
		}
	}
}

func TestPages(t *testing.T) {
	_, base := serveRooms(t, nil)
	type page struct {
		Rooms []roomJSON
		Next  string
	}
	if p := want[page](t, 200, "GET", base+"/api/v1/rooms", ""); len(p.Rooms) != 0 || p.Next != "" || p.Rooms == nil {
		t.Errorf("no rooms: %+v", p)
	}
	for i := range 7 {
		want[any](t, 201, "POST", base+"/api/v1/rooms", fmt.Sprintf(`{"roomID":"r%d"}`, i))
	}
	var got []string
	cursor := ""
	for {
		p := want[page](t, 200, "GET", base+"/api/v1/rooms?limit=3&cursor="+cursor, "")
		for _, r := range p.Rooms {
			got = append(got, r.RoomID)
		}
		if cursor = p.Next; cursor == "" {
			break
		}
	}
	if fmt.Sprint(got) != "[r0 r1 r2 r3 r4 r5 r6]" {
		t.Errorf("the pages have %s", got)
	}
}

// TestRefusals has every error that a caller can make.
func TestRefusals(t *testing.T) {
	srv, base := serveRooms(t, func(c *config.Config) { c.Rooms.MaxRooms = 3 })
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
	srv.Drain()
	status, body, head := call(t, "POST", api, ``)
	refused(t, status, body, 503, "draining", "shutting down")
	if head.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
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

func TestFiftyAtTheDoor(t *testing.T) {
	_, base := serveRooms(t, nil)
	api := base + "/api/v1/rooms"
	want[any](t, 201, "POST", api, `{"roomID":"r","capacity":10}`)
	var mu sync.Mutex
	statuses := map[int]int{}
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			resp, err := http.Post(api+"/r/members", "application/json", strings.NewReader(fmt.Sprintf(`{"userID":"u%d","client":"webrtc"}`, i)))
			if err != nil {
				t.Error(err)
				return
			}
			resp.Body.Close()
			mu.Lock()
			defer mu.Unlock()
			statuses[resp.StatusCode]++
		})
	}
	wg.Wait()
	now := want[roomJSON](t, 200, "GET", api+"/r", "")
	if statuses[201] != 10 || statuses[409] != 40 || len(now.Members) != 10 {
		t.Errorf("answers %v, %d members", statuses, len(now.Members))
	}
}

func TestTheOtherCallsAreAsDescribed(t *testing.T) {
	srv, base := serveRooms(t, nil)
	want[any](t, 200, "GET", base+"/api/v1/settings", "")
	for _, origin := range []stream.Origin{stream.FromFrames, stream.FromWebRTC} {
		p, err := srv.Streams.Publish(fmt.Sprint("live/s", origin), stream.PublisherInfo{Protocol: "rtmp", Remote: "192.0.2.1:1", Origin: origin})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close(true)
	}
	got := want[struct{ Streams []streamJSON }](t, 200, "GET", base+"/api/v1/streams", "")
	if len(got.Streams) != 2 {
		t.Errorf("%+v", got)
	}
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

func TestDocs(t *testing.T) {
	_, base := serveRooms(t, nil)
	for path, words := range map[string]string{
		"/api/openapi.yaml": "openapi: 3.1.0", "/api/openapi.json": `"openapi": "3.1.0"`, "/api/docs": "hutong API",
	} {
		resp, body := request(t, http.MethodGet, base+path, "")
		if resp.StatusCode != http.StatusOK || !strings.Contains(body, words) {
			t.Errorf("%s: %s %.100s", path, resp.Status, body)
		}
		if strings.Contains(body, "//cdn") || strings.Contains(body, `src="http`) {
			t.Errorf("%s needs the Internet", path)
		}
	}
}

// TestDocsInABrowser sees the viewer show what the description has.
func TestDocsInABrowser(t *testing.T) {
	_, base := serveRooms(t, nil)
	ctx, cancel := contextFor(time.Minute)
	defer cancel()
	page, err := exec.CommandContext(ctx, "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000",
		"--user-data-dir="+t.TempDir(), "--dump-dom", base+"/api/docs").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, words := range []string{`id="createRoom"`, `id="connect"`, `id="webhook"`, "publish_started", "not_a_member", "Try it", "audioMuted", "李娜"} {
		if !strings.Contains(string(page), words) {
			t.Errorf("the page lacks %s", words)
		}
	}
}
