package rooms

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hutong/gateway/room"
	"hutong/gateway/store"
)

func TestMeeting(t *testing.T) {
	s, _ := service(t)
	v, err := s.Create(t.Context(), room.Options{Name: "Court"})
	ok(t, err)
	if v.RoomID == "" || v.Name != "Court" || v.Capacity != room.DefaultCapacity || v.Revision != 0 {
		t.Errorf("created %+v", v)
	}
	id := v.RoomID
	if _, err := s.Create(t.Context(), room.Options{RoomID: id}); !errors.Is(err, ErrRoomExists) {
		t.Errorf("a second room of one roomID: %v", err)
	}
	l := listen(t, s, id)
	m := join(t, s, id, "judge")
	if room, user, ok := s.RoomOf(m.Stream); !ok || room != id || user != "judge" {
		t.Errorf("%s belongs to %q, %q", m.Stream, room, user)
	}
	join(t, s, id, "clerk")
	yes := true
	if m, err := s.Mute(t.Context(), id, "judge", &yes, nil); err != nil || !m.AudioMuted || m.VideoMuted {
		t.Errorf("muted %+v, %v", m, err)
	}
	host := room.Host
	if m, err := s.Change(t.Context(), id, "judge", room.Changing{Role: &host}); err != nil || m.Role != host {
		t.Errorf("changed %+v, %v", m, err)
	}
	ok(t, s.Leave(t.Context(), id, "clerk"))
	ok(t, s.CloseRoom(t.Context(), id, "over"))
	l.hears("member_joined judge", "member_joined clerk", "muted judge", "member_changed judge", "member_left clerk", "room_closed ")
	if !l.view.Closed {
		t.Error("the view is not closed")
	}
	if _, err := s.Get(t.Context(), id); !errors.Is(err, ErrRoomNotFound) {
		t.Errorf("a closed room: %v", err)
	}
	if _, _, ok := s.RoomOf(m.Stream); ok {
		t.Error("a closed room still has streams")
	}
}

func TestMessages(t *testing.T) {
	s, _ := service(t)
	create(t, s, "r", 0)
	join(t, s, "r", "a")
	join(t, s, "r", "b")
	l := listen(t, s, "r")
	const each = 20
	var wg sync.WaitGroup
	for _, from := range []string{"a", "b", ""} {
		wg.Go(func() {
			for i := range each {
				if _, err := s.Say(t.Context(), "r", room.Saying{From: from, Kind: room.Text, Text: fmt.Sprint(from, i)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	eventually(t, "every message", func() bool { return l.check(func() bool { return len(l.messages) == 3*each }) })
	for i, m := range l.messages {
		var seq int
		var text string
		fmt.Sscan(m, &seq, &text)
		if seq != i+1 {
			t.Fatalf("message %d came as number %d", seq, i+1)
		}
	}
	_, err := s.Say(t.Context(), "r", room.Saying{From: "a", To: "b", Kind: room.Text, Text: "psst"})
	ok(t, err)
	for user, want := range map[string]int{"a": 2, "b": 2, "c": 1} {
		if h, err := s.History(t.Context(), "r", user, 3*each-1); err != nil || len(h) != want {
			t.Errorf("%s may read %d messages, %v; want %d", user, len(h), err, want)
		}
	}
}

func TestCapacityHoldsInARace(t *testing.T) {
	st := openStore(t, store.Options{Dir: t.TempDir()})
	nodes := []*Service{start(t, Options{Store: st, Node: "n1"}), start(t, Options{Store: st, Node: "n2"})}
	const capacity, crowd = 10, 50
	create(t, nodes[0], "r", capacity)
	var joined, full atomic.Int64
	var wg sync.WaitGroup
	for i := range crowd {
		wg.Go(func() {
			_, _, err := nodes[i%2].Join(t.Context(), "r", room.Joining{UserID: fmt.Sprint("u", i), Client: room.WebRTC})
			switch {
			case err == nil:
				joined.Add(1)
			case errors.Is(err, room.ErrFull):
				full.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if joined.Load() != capacity || full.Load() != crowd-capacity || len(members(t, nodes[1], "r")) != capacity {
		t.Errorf("%d joined, %d were refused, %d are in; the room is for %d", joined.Load(), full.Load(), len(members(t, nodes[1], "r")), capacity)
	}
}

func TestExpiry(t *testing.T) {
	s, c := service(t)
	create(t, s, "r", 0)
	c.pass(time.Hour) // the gateway has been up for a while
	for _, user := range []string{"beats", "silent", "connected"} {
		join(t, s, "r", user)
	}
	ok(t, s.Connect(t.Context(), "r", "connected", "s1"))
	c.pass(15 * time.Second)
	ok(t, s.Heartbeat(t.Context(), "r", "beats"))
	c.pass(6 * time.Second)
	eventually(t, "the silent member's leaving", func() bool { return len(members(t, s, "r")) == 2 })
	ok(t, s.Disconnect(t.Context(), "r", "connected", "s1"))
	c.pass(19 * time.Second)
	eventually(t, "the other's leaving", func() bool { return fmt.Sprint(members(t, s, "r")) == "[connected]" })
	c.pass(2 * time.Second)
	eventually(t, "everybody's leaving", func() bool { return len(members(t, s, "r")) == 0 })
	c.pass(5 * time.Minute)
	eventually(t, "the room's end", func() bool {
		_, err := s.Get(t.Context(), "r")
		return errors.Is(err, ErrRoomNotFound)
	})
}
