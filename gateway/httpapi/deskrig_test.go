package httpapi

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"golang.org/x/crypto/bcrypt"

	"hutong/bridge/crossing"
	"hutong/bridge/stream"
	"hutong/gateway/auth"
	calling "hutong/gateway/call"
	"hutong/gateway/config"
	"hutong/gateway/desk"
	"hutong/gateway/metrics"
	"hutong/gateway/rooms"
	"hutong/gateway/session"
	"hutong/gateway/store"
	"hutong/sfu"
)

// password is the bcrypt hash of "secret", of the least cost.
var password = sync.OnceValue(func() string {
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	if err != nil {
		panic(err)
	}
	return string(hash)
})

// serveDesk runs a server with media and a desk: the queues support, closed and
// full, and the agents anna, ben and sam, who supervises.
func serveDesk(t *testing.T, change func(*config.Config)) string {
	t.Helper()
	cfg := config.Default()
	cfg.HTTP.Address = "127.0.0.1:0"
	cfg.Desk.QualityEvery = config.Duration(time.Second)
	for name, role := range map[string]string{"anna": config.RoleAgent, "ben": config.RoleAgent, "sam": config.RoleAdmin} {
		cfg.Desk.Agents = append(cfg.Desk.Agents, config.DeskAgent{Name: name, NickName: strings.ToUpper(name), Password: password(), Role: role, Queues: []string{"support"}})
	}
	cfg.Queues = []config.Queue{{ID: "support", Name: "Support", WaitMessage: "One moment.", HoldMessage: "Please hold.", Callback: true},
		{ID: "closed", ClosedDays: []string{time.Now().UTC().Format(time.DateOnly), time.Now().UTC().Add(time.Minute).Format(time.DateOnly)}, ClosedMessage: "We are closed."}}
	if change != nil {
		change(cfg)
	}
	log := slog.New(slog.DiscardHandler)
	media, err := sfu.New(sfu.Config{UDPAddress: "127.0.0.1:0", IncludeLoopback: true})
	ok(t, err)
	st, err := store.Open(store.Options{Dir: t.TempDir()})
	ok(t, err)
	var service *rooms.Service
	var members *session.Hub
	var d *desk.Service
	reg := stream.NewRegistry(stream.Options{OnChange: func(name string) { service.StreamChanged(name); members.Changed(name) }, Grace: time.Second,
		Linger: time.Millisecond, MaxLag: time.Second, GOPMaxBytes: 1 << 20, GOPMaxSpan: 10 * time.Second, Crossings: crossing.New(crossing.Options{})})
	service, err = rooms.New(rooms.Options{Store: st, Streams: reg, Node: "n1"})
	ok(t, err)
	members = session.NewHub(session.Options{Rooms: service, Streams: reg, SFU: media, Log: log, Share: func(roomID, listener, speaker string) calling.Share { return d.Share(roomID, listener, speaker) }})
	d, err = desk.New(desk.Options{Desk: cfg.Desk, Queues: cfg.Queues, Store: st, Rooms: service, Node: "n1", Changed: members.Recheck})
	ok(t, err)
	authority, err := auth.New(cfg.Auth, time.Now)
	ok(t, err)
	authority.Voids = service.Voids
	authority.RoomOf = func(name string) string { id, _, _ := service.RoomOf(name); return id }
	srv, err := Listen(Options{Config: cfg, Streams: reg, SFU: media, Rooms: service, Members: members, Desk: d, Auth: authority, Metrics: metrics.New("test"), Log: log, Version: "test"})
	ok(t, err)
	t.Cleanup(func() {
		media.Close()
		d.Close()
		service.Close()
		st.Close()
		authority.Close()
	})
	base := run(t, srv)
	t.Cleanup(reg.Close)
	return base
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// worker is an agent at a console, without the browser.
type worker struct {
	t            *testing.T
	base, id     string
	cookie, csrf string
	c            *websocket.Conn
	mu           sync.Mutex
	got          []map[string]any
	room         *member
}

func login(t *testing.T, base, id string) *worker {
	t.Helper()
	resp, body := request(t, http.MethodPost, base+"/api/v1/agent/login", fmt.Sprintf(`{"name":%q,"password":"secret"}`, id), "Content-Type", "application/json")
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("log-in of %s: %s %s", id, resp.Status, body)
	}
	set := resp.Header.Get("Set-Cookie")
	for _, want := range []string{"HttpOnly", "SameSite=Strict", "path=/api"} {
		if !strings.Contains(set, want) {
			t.Errorf("the cookie %q has no %s", set, want)
		}
	}
	w := &worker{t: t, base: base, id: id, cookie: strings.SplitN(set, ";", 2)[0]}
	me := want[struct{ CSRF string }](t, 200, "GET", base+"/api/v1/agent/me", "", "Cookie", w.cookie)
	w.csrf = me.CSRF
	return w
}

// do makes a call of the desk that is to answer with a status.
func (w *worker) do(status int, method, path, body string) map[string]any {
	w.t.Helper()
	return want[map[string]any](w.t, status, method, w.base+"/api/v1"+path, body, "Cookie", w.cookie, csrfHeader, w.csrf)
}

// act does something to the worker's call.
func (w *worker) act(status int, callID, action, body string) map[string]any {
	w.t.Helper()
	return w.do(status, "POST", "/calls/"+callID+"/"+action, body)
}

// open connects the console, and makes the agent ready.
func (w *worker) open(state string) {
	w.t.Helper()
	c, resp, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(w.base, "http")+"/api/v1/agent/ws", http.Header{"Cookie": {w.cookie}})
	if err != nil {
		w.t.Fatalf("the console of %s: %v %v", w.id, err, resp)
	}
	w.c = c
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			var v map[string]any
			if err := c.ReadJSON(&v); err != nil {
				return
			}
			w.mu.Lock()
			w.got = append(w.got, v)
			w.mu.Unlock()
		}
	}()
	w.t.Cleanup(func() { c.Close(); <-done })
	w.hears("welcome", func(map[string]any) bool { return true })
	if state != "" {
		w.do(200, "PUT", "/agent/state", `{"state":"`+state+`"}`)
	}
}

// hears waits for a message of a type that fits, and forgets those before it.
func (w *worker) hears(kind string, fits func(map[string]any) bool) map[string]any {
	w.t.Helper()
	var found map[string]any
	waitFor(w.t, w.id+" was not told: "+kind, func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		for i, v := range w.got {
			if v["type"] == kind && fits(v) {
				found = v
				w.got = w.got[i+1:]
				return true
			}
		}
		return false
	})
	return found
}

// sees waits for a call in a state.
func (w *worker) sees(callID, state string) map[string]any {
	w.t.Helper()
	return w.hears("call", func(v map[string]any) bool {
		c := v["call"].(map[string]any)
		return c["callID"] == callID && c["state"] == state
	})["call"].(map[string]any)
}

// enter goes into the room that an answer gave, and publishes.
func (w *worker) enter(answer map[string]any) {
	w.t.Helper()
	r := answer["room"].(map[string]any)
	w.room = connect(w.t, r["ws"].(string), "agent-"+w.id)
	w.room.has("type", "welcome")
	w.room.publish()
}

// caller is a browser that calls.
type caller struct {
	*member
	callID, token string
	line          *worker // the call's WebSocket, read as a console's is
}

func placeCall(t *testing.T, base, userID string) *caller {
	t.Helper()
	p := want[struct {
		Token, WS string
		Room      struct{ WS string }
		Call      struct{ CallID string }
	}](t, 201, "POST", base+"/api/v1/queues/support/calls", fmt.Sprintf(`{"userID":%q,"nickName":"=李娜","client":"webrtc","userData":{"order":4711}}`, userID))
	x := &caller{member: connect(t, p.Room.WS, userID), callID: p.Call.CallID, token: p.Token, line: &worker{t: t, id: userID}}
	c, _, err := websocket.DefaultDialer.Dial(p.WS, nil)
	ok(t, err)
	x.line.c = c
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			var v map[string]any
			if c.ReadJSON(&v) != nil {
				return
			}
			x.line.mu.Lock()
			x.line.got = append(x.line.got, v)
			x.line.mu.Unlock()
		}
	}()
	t.Cleanup(func() { c.Close(); <-done })
	x.has("type", "welcome")
	x.publish()
	return x
}
