package rooms

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hutong/gateway/room"
	"hutong/gateway/store"
)

// unannounced changes a room behind the back of every service, as a node does
// whose announcement is lost.
func unannounced(t *testing.T, s *Service, roomID string, op func(room.Room) (room.Room, error)) {
	t.Helper()
	ok(t, store.Change(t.Context(), s.rooms, roomID, func(old []byte) ([]byte, error) {
		r, err := room.Decode(old)
		if err != nil {
			return nil, err
		}
		if r, err = op(r); err != nil || r.Closed {
			return nil, err
		}
		return r.Encode()
	}))
}

func TestTwoNodes(t *testing.T) {
	st := openStore(t, store.Options{Dir: t.TempDir()})
	a, b := start(t, Options{Store: st, Node: "a"}), start(t, Options{Store: st, Node: "b"})
	create(t, a, "r", 0)
	atA, atB := listen(t, a, "r"), listen(t, b, "r")
	m := join(t, a, "r", "alice")
	join(t, b, "r", "bob")
	_, err := b.Say(t.Context(), "r", room.Saying{From: "bob", Kind: room.Text, Text: "hi"})
	ok(t, err)
	ok(t, a.Leave(t.Context(), "r", "bob"))
	want := []string{"member_joined alice", "member_joined bob", "member_left bob"}
	for _, l := range []*listener{atA, atB} {
		l.hears(want...)
		eventually(t, "the message", func() bool { return l.check(func() bool { return slices.Equal(l.messages, []string{"1 hi"}) }) })
	}
	eventually(t, "the other node's knowing whose the stream is", func() bool {
		roomID, userID, ok := b.RoomOf(m.Stream)
		return ok && roomID == "r" && userID == "alice"
	})
	ok(t, b.CloseRoom(t.Context(), "r", "over"))
	for _, l := range []*listener{atA, atB} {
		l.hears(append(want, "room_closed ")...)
		if l.views != 0 {
			t.Error("a view was sent although nothing was lost")
		}
	}
}

// TestEveryViewIsTheSame has two nodes change a room as fast as they can, while
// one client at each follows by events alone.
func TestEveryViewIsTheSame(t *testing.T) {
	st := openStore(t, store.Options{Dir: t.TempDir()})
	nodes := []*Service{start(t, Options{Store: st, Node: "a"}), start(t, Options{Store: st, Node: "b"})}
	create(t, nodes[0], "r", 100)
	listeners := []*listener{listen(t, nodes[0], "r"), listen(t, nodes[1], "r")}
	done := make(chan error, len(nodes))
	for n, s := range nodes {
		go func() {
			var err error
			for i := range 60 {
				user := fmt.Sprintf("u%d-%d", n, i%7)
				_, _, joined := s.Join(context.Background(), "r", room.Joining{UserID: user, Client: room.WebRTC})
				muted := i%2 == 0
				_, mute := s.Mute(context.Background(), "r", user, &muted, nil)
				err = errors.Join(err, joined, mute)
				if i%3 == 0 {
					err = errors.Join(err, s.Leave(context.Background(), "r", user))
				}
			}
			done <- err
		}()
	}
	for range nodes {
		ok(t, <-done)
	}
	want, err := nodes[0].Get(t.Context(), "r")
	ok(t, err)
	for _, l := range listeners {
		eventually(t, "the last event", func() bool { return l.check(func() bool { return l.view.Revision == want.Revision }) })
		if !slices.Equal(l.view.Members, want.Members) {
			t.Errorf("a client sees %v\nwant %v", l.view.Members, want.Members)
		}
	}
}

func TestLostAnnouncements(t *testing.T) {
	var gaps atomic.Int64
	s := start(t, Options{Store: openStore(t, store.Options{Dir: t.TempDir()}), Node: "n1", Observer: Observer{Gap: func() { gaps.Add(1) }}})
	create(t, s, "r", 0)
	l := listen(t, s, "r")
	join(t, s, "r", "a")
	l.hears("member_joined a")
	unannounced(t, s, "r", func(r room.Room) (room.Room, error) {
		r, _, err := r.Join(room.Joining{UserID: "b", Client: room.RTMP}, time.Now())
		return r, err
	})
	l.sees("a", "b")
	if l.views != 1 || gaps.Load() != 1 {
		t.Errorf("%d views, %d gaps; want one", l.views, gaps.Load())
	}
	// Events that overtake a lost one wait for it, and come after the view.
	unannounced(t, s, "r", func(r room.Room) (room.Room, error) {
		r, _, err := r.Leave("a", room.ReasonLeft, time.Now())
		return r, err
	})
	join(t, s, "r", "c")
	l.sees("b", "c")
	unannounced(t, s, "r", func(r room.Room) (room.Room, error) {
		r, _, err := r.Message(room.Saying{Kind: room.Text, Text: "lost"}, time.Now())
		return r, err
	})
	_, err := s.Say(t.Context(), "r", room.Saying{Kind: room.Text, Text: "heard"})
	ok(t, err)
	eventually(t, "both messages", func() bool {
		return l.check(func() bool { return slices.Equal(l.messages, []string{"1 lost", "2 heard"}) })
	})
	unannounced(t, s, "r", func(r room.Room) (room.Room, error) {
		r, _, err := r.Close("lost", time.Now())
		return r, err
	})
	eventually(t, "the end", func() bool { return l.check(func() bool { return l.view.Closed }) })
	if _, err := s.Subscribe("r", func(Update) {}); !errors.Is(err, ErrRoomNotFound) {
		t.Errorf("subscribing to a room that is gone: %v", err)
	}
}

func TestSlowSubscriber(t *testing.T) {
	s, _ := service(t)
	create(t, s, "r", 0)
	slow := &listener{t: t, pause: make(chan struct{})}
	resume := sync.OnceFunc(func() { close(slow.pause) })
	t.Cleanup(resume) // the service cannot close while a subscriber is being told
	var err error
	slow.view, err = s.Get(t.Context(), "r")
	ok(t, err)
	stop, err := s.Subscribe("r", slow.take)
	ok(t, err)
	defer stop()
	quick := listen(t, s, "r")
	join(t, s, "r", "a")
	for i := range maxQueue + 20 {
		muted := i%2 == 0
		_, err := s.Mute(t.Context(), "r", "a", &muted, nil)
		ok(t, err)
	}
	_, err = s.Say(t.Context(), "r", room.Saying{Kind: room.Text, Text: "hello"})
	ok(t, err)
	want, err := s.Get(t.Context(), "r")
	ok(t, err)
	eventually(t, "the quick one's events", func() bool { return quick.check(func() bool { return quick.view.Revision == want.Revision }) })
	if quick.views != 0 {
		t.Error("the quick one suffers from the slow one")
	}
	resume()
	eventually(t, "the slow one's state", func() bool {
		return slow.check(func() bool { return slow.view.Revision == want.Revision && len(slow.messages) == 1 })
	})
	if slow.views != 1 {
		t.Errorf("the slow one got %d views", slow.views)
	}
	join(t, s, "r", "b")
	slow.sees("a", "b")
}

func TestUnsubscribe(t *testing.T) {
	s, _ := service(t)
	create(t, s, "r", 0)
	var calls atomic.Int64
	stop, err := s.Subscribe("r", func(Update) { calls.Add(1) })
	ok(t, err)
	stop()
	stop()
	l := listen(t, s, "r")
	join(t, s, "r", "a")
	l.hears("member_joined a")
	if calls.Load() != 0 {
		t.Error("called after unsubscribe")
	}
}

func TestRoomIDUsedAgain(t *testing.T) {
	s, c := service(t)
	create(t, s, "r", 0)
	join(t, s, "r", "a")
	first := listen(t, s, "r")
	ok(t, s.CloseRoom(t.Context(), "r", "over"))
	c.pass(time.Second)
	create(t, s, "r", 0)
	second := listen(t, s, "r")
	join(t, s, "r", "b")
	first.hears("room_closed ")
	second.hears("member_joined b")
	second.sees("b")
}

func TestLostNode(t *testing.T) {
	st, c := openStore(t, store.Options{Dir: t.TempDir()}), newClock()
	open := func(node string) *Service {
		s, err := New(Options{Store: st, Node: node, Now: c.now, beat: 50 * time.Millisecond})
		ok(t, err)
		return s
	}
	a, b := open("a"), open("b")
	defer a.Close()
	create(t, a, "r", 0)
	c.pass(time.Hour)
	join(t, a, "r", "alice")
	join(t, b, "r", "bob")
	ok(t, a.Connect(t.Context(), "r", "alice", "s1"))
	ok(t, b.Connect(t.Context(), "r", "bob", "s2"))
	left, err := b.load(t.Context(), "r")
	ok(t, err)
	b.Close()
	// As if it had been killed: what it holds stays.
	unannounced(t, a, "r", func(room.Room) (room.Room, error) { return left, nil })
	held := func(user string) bool {
		r, err := a.load(t.Context(), "r")
		ok(t, err)
		p, _ := r.Place(user)
		return p.Held()
	}
	if !held("bob") {
		t.Fatal("bob is not held")
	}
	eventually(t, "the end of what the lost node held", func() bool { return !held("bob") })
	if !held("alice") {
		t.Error("the living node has lost its own")
	}
	c.pass(20 * time.Second)
	eventually(t, "bob's leaving", func() bool { return fmt.Sprint(members(t, a, "r")) == "[alice]" })
}
