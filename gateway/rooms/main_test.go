package rooms

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"hutong/bridge/stream"
	"hutong/bridge/testmedia"
	"hutong/gateway/room"
	"hutong/gateway/store"
)

const patience = 20 * time.Second

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		joinUntilKilled(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

// clock is a clock that tests set.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)} }

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

func openStore(t testing.TB, o store.Options) *store.Store {
	t.Helper()
	s, err := store.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func start(t testing.TB, o Options) *Service {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// service is one node with a store of its own.
func service(t testing.TB) (*Service, *clock) {
	t.Helper()
	c := newClock()
	return start(t, Options{Store: openStore(t, store.Options{Dir: t.TempDir()}), Node: "n1", Now: c.now}), c
}

// nobody makes crossings.
type nobody struct{}

func (nobody) Ingress(*stream.Stream) stream.Crossing              { return nil }
func (nobody) Egress(*stream.Stream, *stream.Turn) stream.Crossing { return nil }

// registry is a real registry that tells a service what changes.
func registry(t testing.TB, grace time.Duration, s func() *Service) *stream.Registry {
	t.Helper()
	r := stream.NewRegistry(stream.Options{Grace: grace, Linger: time.Millisecond, MaxLag: time.Second, GOPMaxBytes: 1 << 20,
		GOPMaxSpan: time.Second, Crossings: nobody{}, OnChange: func(name string) {
			if s := s(); s != nil {
				s.StreamChanged(name)
			}
		}})
	t.Cleanup(r.Close)
	return r
}

func publish(t testing.TB, r *stream.Registry, name string) *stream.Publication {
	t.Helper()
	p, err := r.Publish(name, stream.PublisherInfo{Protocol: "rtmp", Remote: "192.0.2.1:1", Origin: stream.FromFrames})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close(true) })
	return p
}

func create(t testing.TB, s *Service, roomID string, capacity int) {
	t.Helper()
	if _, err := s.Create(t.Context(), room.Options{RoomID: roomID, Capacity: capacity}); err != nil {
		t.Fatal(err)
	}
}

func join(t testing.TB, s *Service, roomID, userID string) room.Member {
	t.Helper()
	_, m, err := s.Join(t.Context(), roomID, room.Joining{UserID: userID, Client: room.RTMP})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	testmedia.Eventually(t, patience, what, holds)
}

func members(t testing.TB, s *Service, roomID string) []string {
	t.Helper()
	v, err := s.Get(t.Context(), roomID)
	if err != nil {
		t.Fatal(err)
	}
	ids := []string{}
	for _, m := range v.Members {
		ids = append(ids, m.UserID)
	}
	return ids
}

func memberOf(t testing.TB, s *Service, roomID, userID string) room.Member {
	t.Helper()
	v, err := s.Get(t.Context(), roomID)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(v.Members, func(m room.Member) bool { return m.UserID == userID })
	if i < 0 {
		return room.Member{}
	}
	return v.Members[i]
}

// listener is a client of a room: it follows by events, as a browser does.
type listener struct {
	t testing.TB

	mu       sync.Mutex
	view     room.View
	views    int
	events   []string
	messages []string
	bad      error
	pause    chan struct{} // when set, each update waits for it
}

func listen(t testing.TB, s *Service, roomID string) *listener {
	t.Helper()
	l := &listener{t: t}
	l.view.RoomID = roomID
	l.mu.Lock()
	defer l.mu.Unlock()
	stop, err := s.Subscribe(roomID, l.take)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	if l.view, err = s.Get(context.Background(), roomID); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *listener) take(u Update) {
	if l.pause != nil {
		<-l.pause
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case u.Event != nil:
		next, err := room.Apply(l.view, *u.Event)
		if err != nil && l.bad == nil {
			l.bad = err
		}
		l.view = next
		l.events = append(l.events, string(u.Event.Type)+" "+u.Event.UserID)
	case u.Message != nil:
		l.messages = append(l.messages, fmt.Sprintf("%d %s", u.Message.Seq, u.Message.Text))
	case u.View != nil:
		l.view = *u.View
		l.views++
	}
}

func (l *listener) check(f func() bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.bad != nil {
		l.t.Fatal(l.bad)
	}
	return f()
}

// hears waits for the events that l has got in all.
func (l *listener) hears(want ...string) {
	l.t.Helper()
	var got []string
	eventually(l.t, fmt.Sprintf("hearing %q", want), func() bool {
		return l.check(func() bool { got = slices.Clone(l.events); return slices.Equal(got, want) || len(got) > len(want) })
	})
	if !slices.Equal(got, want) {
		l.t.Fatalf("heard %q, want %q", got, want)
	}
}

// sees waits for the view to have these members.
func (l *listener) sees(want ...string) {
	l.t.Helper()
	eventually(l.t, fmt.Sprintf("seeing %q", want), func() bool {
		return l.check(func() bool {
			ids := []string{}
			for _, m := range l.view.Members {
				ids = append(ids, m.UserID)
			}
			return slices.Equal(ids, want)
		})
	})
}
