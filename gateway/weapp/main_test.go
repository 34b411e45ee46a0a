package weapp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"hutong/bridge/stream"
	"hutong/bridge/testmedia"
	"hutong/gateway/auth"
	"hutong/gateway/config"
	"hutong/gateway/httpapi"
	"hutong/gateway/metrics"
	"hutong/gateway/room"
	"hutong/gateway/rooms"
	"hutong/gateway/store"
	"hutong/gateway/weapp"
)

const (
	patience = 20 * time.Second
	appID    = 1400000001
	key      = "hutong-test-key-for-userSigs"
)

// TestMain looks for goroutines that were left, but not for two of fasthttp that
// end by themselves some seconds after a server.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}

// clock is a clock that tests set.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// gate is a gateway with rooms and without media.
type gate struct {
	t       testing.TB
	base    string // of the API
	web     string
	clock   *clock
	store   *store.Store
	rooms   *rooms.Service
	api     *weapp.Service
	streams *stream.Registry
	mixer   *mixer
	cfg     *config.Config
}

// nobody makes crossings.
type nobody struct{}

func (nobody) Ingress(*stream.Stream) stream.Crossing              { return nil }
func (nobody) Egress(*stream.Stream, *stream.Turn) stream.Crossing { return nil }

// mixer notes what it is asked for.
type mixer struct {
	mu     sync.Mutex
	asked  map[string][]weapp.MixInput
	ended  []string
	answer weapp.MixResult
}

func (m *mixer) Mix(_ context.Context, output string, inputs []weapp.MixInput) (weapp.MixResult, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked[output] = inputs
	return m.answer, nil
}

func (m *mixer) Unmix(output string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ended = append(m.ended, output)
}

func (m *mixer) of(output string) []weapp.MixInput {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.asked[output]
}

func (m *mixer) unmixed() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.ended...)
}

func testConfig() *config.Config {
	cfg := config.Default()
	cfg.HTTP.Address, cfg.RTMP.Address = "127.0.0.1:0", "127.0.0.1:19350"
	w := &cfg.Weapp
	w.Enabled, w.SDKAppID, w.Key, w.AnyUser, w.BizID = true, appID, key, true, "8888"
	w.Calls.PerSecond, w.Messages.PerSecond = 0, 0
	return cfg
}

// open starts a gateway.
func open(t testing.TB, change func(*config.Config)) *gate {
	t.Helper()
	return openAt(t, t.TempDir(), change)
}

func openAt(t testing.TB, dir string, change func(*config.Config)) *gate {
	t.Helper()
	cfg := testConfig()
	if change != nil {
		change(cfg)
	}
	g := &gate{t: t, cfg: cfg, clock: &clock{at: time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)}, mixer: &mixer{asked: map[string][]weapp.MixInput{}}}
	st, err := store.Open(store.Options{Dir: dir})
	check(t, err)
	t.Cleanup(st.Close)
	g.serve(st, "n1")
	return g
}

// beside is another node of the same store.
func (g *gate) beside(node string) *gate {
	g.t.Helper()
	other := &gate{t: g.t, cfg: g.cfg, clock: g.clock, mixer: g.mixer}
	other.serve(g.store, node)
	return other
}

// serve starts a node.
func (g *gate) serve(st *store.Store, node string) {
	t, cfg := g.t, g.cfg
	t.Helper()
	g.store = st
	var err error
	g.streams = stream.NewRegistry(stream.Options{Grace: time.Hour, Linger: time.Millisecond, MaxLag: time.Second, GOPMaxBytes: 1 << 20,
		GOPMaxSpan: time.Second, Crossings: nobody{}, OnChange: func(name string) {
			if g.rooms != nil {
				g.rooms.StreamChanged(name)
			}
		}})
	t.Cleanup(g.streams.Close)
	g.rooms, err = rooms.New(rooms.Options{Store: st, Streams: g.streams, Node: node, Now: g.clock.now, MaxRooms: 20_000})
	check(t, err)
	t.Cleanup(g.rooms.Close)
	authority, err := auth.New(cfg.Auth, g.clock.now)
	check(t, err)
	t.Cleanup(authority.Close)
	g.api, err = weapp.New(weapp.Options{Config: cfg, Rooms: g.rooms, Store: st, Signer: authority, Mixer: g.mixer, Now: g.clock.now})
	check(t, err)
	t.Cleanup(g.api.Close)
	authority.Public = g.api.Mixed
	srv, err := httpapi.Listen(httpapi.Options{Config: cfg, Streams: g.streams, Rooms: g.rooms, Auth: authority, Weapp: g.api,
		Metrics: metrics.New("test"), Log: slog.New(slog.DiscardHandler), Version: "test"})
	check(t, err)
	done := make(chan error, 1)
	go func() { done <- srv.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		check(t, srv.Shutdown(ctx))
		check(t, <-done)
		http.DefaultClient.CloseIdleConnections()
	})
	g.web = "http://" + srv.Addr().String()
	g.base = g.web + cfg.Weapp.Path
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	testmedia.Eventually(t, patience, what, holds)
}

// object is a JSON object as a client has it.
type object map[string]any

// code reads an answer's code the way clients do: it must be a number.
func (o object) code(t testing.TB) int {
	t.Helper()
	n, ok := o["code"].(float64)
	if !ok {
		t.Fatalf("the code of %v is no number", o)
	}
	if _, text := o["message"].(string); !text {
		t.Fatalf("the message of %v is no text", o)
	}
	return int(n)
}

func (o object) text(field string) string {
	s, _ := o[field].(string)
	return s
}

func (o object) list(field string) []object {
	raw, _ := o[field].([]any)
	list := []object{}
	for _, x := range raw {
		m, _ := x.(map[string]any)
		list = append(list, m)
	}
	return list
}

// raw makes a request as it is.
func (g *gate) raw(method, path, contentType, body string) (status int, answer object, header http.Header) {
	g.t.Helper()
	req, err := http.NewRequestWithContext(g.t.Context(), method, path, bytes.NewReader([]byte(body)))
	check(g.t, err)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := http.DefaultClient.Do(req)
	check(g.t, err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	check(g.t, err)
	if err := json.Unmarshal(data, &answer); err != nil {
		g.t.Fatalf("%s %s: %d and no JSON: %.200s", method, path, resp.StatusCode, data)
	}
	return resp.StatusCode, answer, resp.Header
}

// post makes a call of the API.
func (g *gate) post(path string, body any) object {
	g.t.Helper()
	text, isText := body.(string)
	if !isText {
		data, err := json.Marshal(body)
		check(g.t, err)
		text = string(data)
	}
	_, answer, _ := g.raw("POST", g.base+"/"+path, "application/json", text)
	return answer
}

// user is somebody who is logged in.
type user struct {
	g                  *gate
	id, token, userSig string
}

// login goes the way of a mini-program: get_login_info, login.
func (g *gate) login(userID, service string) *user {
	g.t.Helper()
	_, info, _ := g.raw("GET", g.base+"/utils/get_login_info?userIDPrefix=weixin&code=c&userID="+userID, "", "")
	if info.code(g.t) != 0 {
		g.t.Fatalf("get_login_info of %s: %v", userID, info)
	}
	u := &user{g: g, id: info.text("userID"), userSig: info.text("userSig")}
	in := g.post(service+"/login?accountType=36862&sdkAppID=1400000001&userSig="+u.userSig+"&userID="+u.id, "{}")
	if in.code(g.t) != 0 || in.text("userID") != userID {
		g.t.Fatalf("login of %s: %v", userID, in)
	}
	u.token = in.text("token")
	return u
}

// call makes a call as the user.
func (u *user) call(path string, body any) object {
	u.g.t.Helper()
	return u.g.post(path+"?userID="+u.id+"&token="+u.token, body)
}

// do is call where it must succeed.
func (u *user) do(path string, body any) object {
	u.g.t.Helper()
	a := u.call(path, body)
	if a.code(u.g.t) != 0 {
		u.g.t.Fatalf("%s %v of %s: %v", path, body, u.id, a)
	}
	return a
}

// enter is tryToEnter where it must succeed.
func (u *user) enter(service, roomID string) object {
	u.g.t.Helper()
	a := u.tryToEnter(service, roomID)
	if a.code(u.g.t) != 0 {
		u.g.t.Fatalf("%s enters %s: %v", u.id, roomID, a)
	}
	return a
}

// tryToEnter gets a push address and enters, as clients do.
func (u *user) tryToEnter(service, roomID string) object {
	u.g.t.Helper()
	push := u.do(service+"/get_push_url", object{"userID": u.id, "roomID": roomID}).text("pushURL")
	return u.call(service+"/add_pusher", object{"roomID": roomID, "userID": u.id, "userName": "N" + u.id, "userAvatar": "http://a/" + u.id, "pushURL": push})
}

// users are those in a room, in order, as the user reads them.
func (u *user) users(service, roomID string) []string {
	u.g.t.Helper()
	ids := []string{}
	for _, p := range u.call(service+"/get_pushers", object{"roomID": roomID}).list("pushers") {
		ids = append(ids, p.text("userID"))
	}
	return ids
}

// browser lets a user in by REST.
func (g *gate) browser(roomID, userID string) room.Member {
	g.t.Helper()
	_, m, err := g.rooms.Join(g.t.Context(), roomID, room.Joining{UserID: userID, Client: room.WebRTC})
	check(g.t, err)
	return m
}

// options makes a preflight.
func (g *gate) options(url, origin, method string) (int, http.Header) {
	g.t.Helper()
	req, err := http.NewRequestWithContext(g.t.Context(), "OPTIONS", url, nil)
	check(g.t, err)
	req.Header.Set("Origin", origin)
	req.Header.Set("Access-Control-Request-Method", method)
	req.Header.Set("Access-Control-Request-Headers", "content-type")
	resp, err := http.DefaultClient.Do(req)
	check(g.t, err)
	resp.Body.Close()
	return resp.StatusCode, resp.Header
}
