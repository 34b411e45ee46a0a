package recording

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"hutong/bridge/rtmp"
	"hutong/bridge/stream"
	"hutong/bridge/testmedia"
	"hutong/gateway/config"
	"hutong/gateway/room"
	"hutong/gateway/rooms"
	"hutong/gateway/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type nobody struct{}

func (nobody) Ingress(*stream.Stream) stream.Crossing              { return nothing{} }
func (nobody) Egress(*stream.Stream, *stream.Turn) stream.Crossing { return nothing{} }

type nothing struct{}

func (nothing) Close() {}

// node is a gateway as far as recording sees it.
type node struct {
	t       *testing.T
	dir     string
	store   *store.Store
	streams *stream.Registry
	rooms   *rooms.Service
	s       *Service
	url     string
	calls   map[string]Call
	service sync.Mutex // of s
}

func newNode(t *testing.T, change func(*config.Recording)) *node {
	t.Helper()
	n := &node{t: t, dir: t.TempDir(), calls: map[string]Call{}}
	var err error
	if n.store, err = store.Open(store.Options{Dir: filepath.Join(n.dir, "state")}); err != nil {
		t.Fatal(err)
	}
	n.streams = stream.NewRegistry(stream.Options{Crossings: nobody{}, GOPMaxBytes: 16 << 20, GOPMaxSpan: 15 * time.Second, MaxLag: 3 * time.Second,
		Grace: 500 * time.Millisecond, OnChange: func(name string) {
			if n.rooms != nil {
				n.rooms.StreamChanged(name)
			}
		}})
	if n.rooms, err = rooms.New(rooms.Options{Store: n.store, Streams: n.streams, Node: "n1"}); err != nil {
		t.Fatal(err)
	}
	server, err := rtmp.Listen(rtmp.Config{Address: "127.0.0.1:0", MaxConnections: 100, MaxConnectionsPerIP: 100,
		ReadTimeout: 30 * time.Second, WriteTimeout: 10 * time.Second, MaxMessage: 4 << 20, Registry: n.streams,
		Authorize: func(context.Context, rtmp.Request) (string, error) { return "", nil }})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() { defer close(served); server.Serve() }()
	n.url = "rtmp://" + server.Addr().String() + "/"
	n.start(change)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		n.streams.Close()
		server.Shutdown(ctx)
		<-served
		n.s.Close()
		n.rooms.Close()
		n.store.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return n
}

// start begins a life of the service; change alters its configuration.
func (n *node) start(change func(*config.Recording)) {
	n.t.Helper()
	c := config.Default().Recording
	c.Linger = config.Duration(2 * time.Second)
	c.Disk = config.RecordingDisk{AlarmFree: config.MiB, MinFree: config.MiB, WhenFull: config.DiskRefuse}
	c.Store.Timeout = config.Duration(2 * time.Second)
	if change != nil {
		change(&c)
	}
	level := slog.LevelError
	if testing.Verbose() {
		level = slog.LevelInfo
	}
	s, err := New(Options{Config: c, DataDir: n.dir, Store: n.store, Streams: n.streams, Rooms: n.rooms, Node: "n1", look: 100 * time.Millisecond,
		webhookRetry: 50 * time.Millisecond, Log: slog.New(slog.NewTextHandler(n.t.Output(), &slog.HandlerOptions{Level: level})),
		CallOf: func(roomID string) (Call, bool) { c, ok := n.calls[roomID]; return c, ok }})
	if err != nil {
		n.t.Fatal(err)
	}
	n.s = s
}

func (n *node) push(name string, spec testmedia.Spec) *testmedia.Process {
	n.t.Helper()
	p := testmedia.Push(n.t, testmedia.Clip(n.t, spec, testmedia.FLV), n.url+name)
	testmedia.Eventually(n.t, 30*time.Second, name+" to be live", func() bool { return n.streams.Get(name) != nil })
	return p
}

// room makes a room with members and returns their streams.
func (n *node) room(roomID string, users ...string) []string {
	n.t.Helper()
	if _, err := n.rooms.Create(n.t.Context(), room.Options{RoomID: roomID}); err != nil {
		n.t.Fatal(err)
	}
	var names []string
	for _, u := range users {
		u, nick, ok := strings.Cut(u, "=")
		if !ok {
			nick = "昵称 " + u
		}
		_, m, err := n.rooms.Join(n.t.Context(), roomID, room.Joining{UserID: u, NickName: nick, Client: room.RTMP})
		if err != nil {
			n.t.Fatal(err)
		}
		names = append(names, m.Stream)
	}
	return names
}

// only waits for the one recording there is to be as wanted.
func (n *node) only(what string, ok func(Item) bool) Item {
	n.t.Helper()
	var found Item
	testmedia.Eventually(n.t, 90*time.Second, what, func() bool {
		page, _, total, err := n.s.List(Filter{}, "", 10)
		if err != nil || total == 0 {
			return false
		}
		found = page[0]
		return total == 1 && ok(found)
	})
	return found
}

// recorded waits until a stream is being recorded for so long.
func (n *node) recorded(id, stream string, length time.Duration) {
	n.t.Helper()
	testmedia.Eventually(n.t, time.Minute, stream+" to be recorded", func() bool {
		n.s.mu.Lock()
		a := n.s.active[id]
		n.s.mu.Unlock()
		return a != nil && slices.Contains(a.rec.Streams(), stream)
	})
	s := n.streams.Get(stream)
	before, sound := s.Stats().Frames[0], s.Stats().Frames[1]
	testmedia.Eventually(n.t, time.Minute, stream+" to go on", func() bool {
		f := s.Stats().Frames
		return f[0]-before > int64(length.Seconds()*25) || f[0] == 0 && f[1]-sound > int64(length.Seconds()*40)
	})
}

// hooks collects webhooks.
type hooks struct {
	mu     sync.Mutex
	events []map[string]any
	url    string
}

func newHooks(t *testing.T) *hooks {
	h := &hooks{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		var e map[string]any
		json.Unmarshal(b, &e)
		h.mu.Lock()
		h.events = append(h.events, e)
		h.mu.Unlock()
	}))
	t.Cleanup(server.Close)
	h.url = server.URL
	return h
}

func (h *hooks) count(event string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, e := range h.events {
		if e["event"] == event {
			n++
		}
	}
	return n
}

func exist(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
