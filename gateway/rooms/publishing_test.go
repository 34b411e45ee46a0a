package rooms

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"hutong/bridge/stream"
	"hutong/gateway/room"
	"hutong/gateway/store"
)

// gateway is a node with streams.
func gateway(t *testing.T, node string, st *store.Store, c *clock, grace time.Duration) (*Service, *stream.Registry) {
	t.Helper()
	var s atomic.Pointer[Service]
	r := registry(t, grace, s.Load)
	s.Store(start(t, Options{Store: st, Streams: r, Node: node, Now: c.now}))
	return s.Load(), r
}

func TestPublishing(t *testing.T) {
	c := newClock()
	s, streams := gateway(t, "n1", openStore(t, store.Options{Dir: t.TempDir()}), c, 0)
	create(t, s, "r", 0)
	c.pass(time.Hour)
	m := join(t, s, "r", "phone")
	l := listen(t, s, "r")
	p := publish(t, streams, m.Stream)
	l.hears("publish_started phone")
	c.pass(time.Minute) // a publisher needs no heartbeat
	again := publish(t, streams, m.Stream)
	p.Close(true) // it has been taken over
	join(t, s, "r", "witness")
	l.hears("publish_started phone", "member_joined witness")
	again.Close(true)
	l.hears("publish_started phone", "member_joined witness", "publish_stopped phone")
	if memberOf(t, s, "r", "phone").Publishing {
		t.Error("still publishing")
	}
	c.pass(19 * time.Second)
	publish(t, streams, m.Stream)
	l.hears("publish_started phone", "member_joined witness", "publish_stopped phone", "publish_started phone")
	c.pass(time.Minute)
	eventually(t, "the witness's leaving", func() bool { return fmt.Sprint(members(t, s, "r")) == "[phone]" })
}

func TestPublishedBeforeJoining(t *testing.T) {
	s, streams := gateway(t, "n1", openStore(t, store.Options{Dir: t.TempDir()}), newClock(), 0)
	create(t, s, "r", 0)
	publish(t, streams, "live/r_early")
	join(t, s, "r", "early")
	eventually(t, "publishing", func() bool { return memberOf(t, s, "r", "early").Publishing })
}

func TestStreamWaitsForItsPublisher(t *testing.T) {
	c := newClock()
	s, streams := gateway(t, "n1", openStore(t, store.Options{Dir: t.TempDir()}), c, time.Hour)
	create(t, s, "r", 0)
	m := join(t, s, "r", "phone")
	l := listen(t, s, "r")
	publish(t, streams, m.Stream).Close(false) // changes its network
	publish(t, streams, m.Stream)
	l.hears("publish_started phone")
	join(t, s, "r", "other")
	l.hears("publish_started phone", "member_joined other")
}

// TestTakeOverOnAnotherNode moves a publisher from node to node.
func TestTakeOverOnAnotherNode(t *testing.T) {
	st, c := openStore(t, store.Options{Dir: t.TempDir()}), newClock()
	a, atA := gateway(t, "a", st, c, 0)
	b, atB := gateway(t, "b", st, c, 0)
	create(t, a, "r", 0)
	m := join(t, a, "r", "phone")
	l := listen(t, b, "r")
	held := func(node string) func() bool {
		return func() bool {
			r, err := a.load(t.Context(), "r")
			ok(t, err)
			p, _ := r.Place("phone")
			return p.Publication.Node == node
		}
	}
	old := publish(t, atA, m.Stream)
	eventually(t, "the hold of a", held("a"))
	moved := publish(t, atB, m.Stream)
	eventually(t, "the hold of b", held("b"))
	old.Close(true)
	join(t, a, "r", "x")
	l.hears("publish_started phone", "member_joined x")
	moved.Close(true)
	l.hears("publish_started phone", "member_joined x", "publish_stopped phone")
}

func TestSessionsAreMadeGood(t *testing.T) {
	s, _ := service(t)
	create(t, s, "r", 0)
	join(t, s, "r", "a")
	ok(t, s.Connect(t.Context(), "r", "a", "s1"))
	held := func() bool {
		r, err := s.load(t.Context(), "r")
		ok(t, err)
		p, _ := r.Place("a")
		return p.Held()
	}
	unannounced(t, s, "r", func(r room.Room) (room.Room, error) {
		r, _, err := r.NodeLost("n1", time.Now())
		return r, err
	})
	eventually(t, "the hold's return", held)
	s.forget(member{"r", "a"}, "s1") // as when the end could not be written
	eventually(t, "the hold's end", func() bool { return !held() })
}
