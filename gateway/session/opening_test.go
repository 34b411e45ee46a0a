package session

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"go.uber.org/goleak"

	"hutong/bridge/crossing"
	"hutong/bridge/stream"
	"hutong/bridge/testmedia"
	"hutong/gateway/room"
	"hutong/gateway/rooms"
	"hutong/gateway/store"
	"hutong/sfu"
)

const patience = 20 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// plain presents rooms and members as they are.
type plain struct{}

func (plain) Room(v room.View) any     { return v }
func (plain) Member(m room.Member) any { return m }

// house is a hub with a room "r" in which Alice has a place.
type house struct {
	*Hub
	t       *testing.T
	store   *store.Store
	rooms   *rooms.Service
	arrives func() // called when a session has its viewer, and has not greeted
}

func newHouse(t *testing.T) *house {
	t.Helper()
	st, err := store.Open(store.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(st.Close)
	reg := stream.NewRegistry(stream.Options{GOPMaxBytes: 1 << 20, GOPMaxSpan: time.Second, MaxLag: time.Second, Crossings: crossing.New(crossing.Options{})})
	t.Cleanup(reg.Close)
	media, err := sfu.New(sfu.Config{UDPAddress: "127.0.0.1:0", IncludeLoopback: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { media.Close() })
	h := &house{t: t, store: st, arrives: func() {}}
	h.rooms, err = rooms.New(rooms.Options{Store: st, Streams: reg, Node: "n1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.rooms.Close)
	h.Hub = NewHub(Options{Rooms: h.rooms, Streams: reg, SFU: media, Log: slog.New(slog.DiscardHandler),
		Observe: func(bool, func() sfu.Stats) func() { h.arrives(); return func() {} }})
	t.Cleanup(h.Close)
	if _, err := h.rooms.Create(t.Context(), room.Options{RoomID: "r", Capacity: 8}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.rooms.Join(t.Context(), "r", room.Joining{UserID: "alice", Client: room.WebRTC}); err != nil {
		t.Fatal(err)
	}
	return h
}

// enter opens a session of Alice with a WebSocket of its own.
func (h *house) enter() (*Session, *Outbox) {
	h.t.Helper()
	out := NewOutbox()
	s, err := h.Open(h.t.Context(), Who{"r", "alice"}, Ticket{}, plain{}, "", out)
	if err != nil {
		h.t.Fatal(err)
	}
	return s, out
}

// sessionsNow are those that are filed.
func (h *house) sessionsNow() (all []*Session) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.sessions {
		all = append(all, s)
	}
	return all
}

type heard struct {
	Type, SDP, Reason string
	Resumed           bool
}

// next is what is sent next.
func next(t *testing.T, out *Outbox) (m heard) {
	t.Helper()
	select {
	case b, ok := <-out.C:
		if !ok {
			return heard{Type: "end"}
		}
		if err := json.Unmarshal(b, &m); err != nil {
			t.Fatal(err)
		}
		return m
	case <-time.After(patience):
		t.Fatal("nothing is sent")
		return m
	}
}

func offered(s *Session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sendViewer.SDP != ""
}

// A gateway with much to do may have its offer before it has read the room.
func TestTheOfferFollowsTheWelcome(t *testing.T) {
	h := newHouse(t)
	h.arrives = func() {
		s := h.sessionsNow()[0]
		testmedia.Eventually(t, patience, "the offer", func() bool { return offered(s) })
		s.send(said{"message", room.Message{Seq: 7}})
	}
	_, out := h.enter()
	for i, want := range []string{"welcome", "offer"} {
		if m := next(t, out); m.Type != want {
			t.Fatalf("message %d is %s, want %s", i, m.Type, want)
		}
	}
	for m := next(t, out); m.Type != "message"; m = next(t, out) {
		if m.Type == "offer" {
			t.Fatal("the offer came twice")
		}
	}
}

// The same when a WebSocket comes back.
func TestAnOfferOfAResumedSessionFollowsTheWelcome(t *testing.T) {
	h := newHouse(t)
	s, _ := h.enter()
	testmedia.Eventually(t, patience, "the first offer", func() bool { return offered(s) })
	again := NewOutbox()
	h.mu.Lock() // greet waits for it
	resumed := make(chan bool)
	go func() {
		ok, err := s.attach(again, Ticket{})
		if err != nil {
			t.Error(err)
		}
		resumed <- ok
	}()
	testmedia.Eventually(t, patience, "the WebSocket to be the session's", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.out == again
	})
	s.passOffer("later", nil)
	h.mu.Unlock()
	if !<-resumed {
		t.Fatal("not resumed")
	}
	if m := next(t, again); m.Type != "welcome" || !m.Resumed {
		t.Fatalf("the first message is %+v", m)
	}
	if m := next(t, again); m.Type != "offer" || m.SDP != "later" {
		t.Fatalf("the second message is %+v", m)
	}
}

// A WebSocket that comes back while the store does not answer is told so, and may
// come again: the session with its connections is still there.
func TestResumedWithoutTheStore(t *testing.T) {
	h := newHouse(t)
	s, _ := h.enter()
	h.store.Close()
	for range 2 {
		out := NewOutbox()
		if again, err := h.Open(t.Context(), s.who, Ticket{}, plain{}, s.id, out); err == nil {
			t.Fatalf("resumed as %s without a store", again.id)
		}
		out.Send(failure{Type: "error"})
		if m := next(t, out); m.Type != "error" {
			t.Errorf("the client hears %+v, want the error and nothing before", m)
		}
		s.mu.Lock()
		waits := !s.ended && s.out == nil && s.away != nil
		s.mu.Unlock()
		if !waits {
			t.Fatal("the session does not wait for another WebSocket")
		}
	}
	if all := h.sessionsNow(); len(all) != 1 || all[0] != s {
		t.Errorf("sessions: %v, want the first alone", all)
	}
}

// A page that is loaded again while it is coming in ends up in the room once, and
// nothing of its first session stays.
func TestReplacedWhileComingIn(t *testing.T) {
	h := newHouse(t)
	second := make(chan *Session, 1)
	h.arrives = func() {
		h.arrives = func() {}
		go func() {
			s, err := h.Open(context.Background(), Who{"r", "alice"}, Ticket{}, plain{}, "", NewOutbox())
			if err != nil {
				t.Error(err)
			}
			second <- s
		}()
		testmedia.Eventually(t, patience, "the second session", func() bool { return len(h.sessionsNow()) == 2 })
	}
	first, out := h.enter()
	s := <-second
	if s == nil {
		return
	}
	for m := next(t, out); m.Type != "closed"; m = next(t, out) {
		if m.Type == "end" {
			t.Fatal("the first session ended without a word")
		}
	}
	select {
	case <-first.viewer.Done():
	case <-time.After(patience):
		t.Error("the first session's connection stays")
	}
	testmedia.Eventually(t, patience, "Alice's place to be held", func() bool {
		_, held, _ := h.rooms.Presence("r", "alice")
		return held
	})
	s.end("left", true)
	testmedia.Eventually(t, patience, "Alice to have left", func() bool {
		member, _, _ := h.rooms.Presence("r", "alice")
		return !member
	})
}

// A session that has missed its own removal learns of it with the next event.
func TestAMissedRemoval(t *testing.T) {
	h := newHouse(t)
	_, _, err := h.rooms.Join(t.Context(), "r", room.Joining{UserID: "bob", Client: room.WebRTC})
	if err != nil {
		t.Fatal(err)
	}
	s, out := h.enter()
	s.mu.Lock()
	s.view.Revision-- // as if an event had been lost
	s.mu.Unlock()
	if err := h.rooms.Remove(t.Context(), "r", "alice"); err != nil {
		t.Fatal(err)
	}
	m := next(t, out)
	for ; m.Type != "closed" && m.Type != "end"; m = next(t, out) {
	}
	if m.Reason != "removed" {
		t.Errorf("ended with %+v, want removed", m)
	}
}
