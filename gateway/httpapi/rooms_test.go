package httpapi

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
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
	return srv, run(t, srv)
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
