package room

import (
	"testing"
	"time"
)

const grace = 30 * time.Second

func TestExpire(t *testing.T) {
	hold := Hold{ID: "x1", Node: "n1"}
	for _, c := range []struct {
		name string
		do   func(t *testing.T, r Room) Room
		now  time.Duration
		want string
	}{
		{"silent, before the grace period ends", nil, grace - 1, ""},
		{"silent", nil, grace, "member_left:alice:expired"},
		{"a heartbeat", func(t *testing.T, r Room) Room { return must(t)(r.Seen("alice", at(20*time.Second))) }, 49 * time.Second, ""},
		{"a heartbeat, then silence", func(t *testing.T, r Room) Room { return must(t)(r.Seen("alice", at(20*time.Second))) },
			50 * time.Second, "member_left:alice:expired"},
		{"connected for long", func(t *testing.T, r Room) Room { return must(t)(r.Connected("alice", hold, t0)) }, time.Hour, ""},
		{"disconnected a moment ago", func(t *testing.T, r Room) Room {
			r = must(t)(r.Connected("alice", hold, t0))
			return must(t)(r.Disconnected("alice", "x1", at(time.Hour)))
		}, time.Hour + grace - 1, ""},
		{"disconnected", func(t *testing.T, r Room) Room {
			r = must(t)(r.Connected("alice", hold, t0))
			return must(t)(r.Disconnected("alice", "x1", at(time.Hour)))
		}, time.Hour + grace, "member_left:alice:expired"},
		{"publishing for long", func(t *testing.T, r Room) Room { return must(t)(r.PublishStarted("alice", hold, t0)) }, time.Hour, ""},
		{"stopped, still connected", func(t *testing.T, r Room) Room {
			r = must(t)(r.PublishStarted("alice", hold, t0))
			r = must(t)(r.Connected("alice", Hold{ID: "x2", Node: "n1"}, t0))
			return must(t)(r.PublishStopped("alice", "x1", at(time.Second)))
		}, time.Hour, ""},
		{"stopped", func(t *testing.T, r Room) Room {
			r = must(t)(r.PublishStarted("alice", hold, t0))
			return must(t)(r.PublishStopped("alice", "x1", at(time.Hour)))
		}, time.Hour + grace, "member_left:alice:expired"},
		{"a clock behind", func(t *testing.T, r Room) Room {
			r = must(t)(r.Seen("alice", at(20*time.Second)))
			return must(t)(r.Seen("alice", at(-time.Hour)))
		}, 49 * time.Second, ""},
		{"its node died", func(t *testing.T, r Room) Room {
			r = must(t)(r.Connected("alice", hold, t0))
			return must(t)(r.NodeLost("n1", at(time.Hour)))
		}, time.Hour + grace, "member_left:alice:expired"},
		{"another node died", func(t *testing.T, r Room) Room {
			r = must(t)(r.Connected("alice", hold, t0))
			return must(t)(r.NodeLost("n2", at(time.Hour)))
		}, 2 * time.Hour, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := with(t, "alice")
			if c.do != nil {
				r = c.do(t, r)
			}
			next, events, err := r.Expire(at(c.now), grace)
			if err != nil || told(events) != c.want {
				t.Errorf("told %q, %v; want %q", told(events), err, c.want)
			}
			due, ok := r.NextExpiry(grace)
			if gone := users(next) == ""; gone != (ok && !due.After(at(c.now))) {
				t.Errorf("gone is %t, but the next expiry was foretold for %v, %t", gone, due, ok)
			}
		})
	}
}

func TestExpireTakesOnlyTheSilent(t *testing.T) {
	r := with(t, "alice", "bob", "carol", "dave")
	r = must(t)(r.Seen("bob", at(20*time.Second)))
	r = must(t)(r.Connected("dave", Hold{ID: "s", Node: "n1"}, t0))
	if due, ok := r.NextExpiry(grace); !ok || !due.Equal(at(grace)) {
		t.Errorf("next expiry %v, %t", due, ok)
	}
	r, events, err := r.Expire(at(grace), grace)
	if err != nil || told(events) != "member_left:alice:expired member_left:carol:expired" || users(r) != "bob dave" {
		t.Errorf("told %q, %v; left are %q", told(events), err, users(r))
	}
	if due, ok := r.NextExpiry(grace); !ok || !due.Equal(at(50*time.Second)) {
		t.Errorf("next expiry %v, %t", due, ok)
	}
	r = must(t)(r.Leave("bob", ReasonLeft, t0))
	if due, ok := r.NextExpiry(grace); ok {
		t.Errorf("everybody is held, yet the next expiry is %v", due)
	}
}

// The end of a connection is often heard after its successor's beginning.
func TestALateEndDoesNotEndTheSuccessor(t *testing.T) {
	r := with(t, "alice")
	r = must(t)(r.Connected("alice", Hold{ID: "s1", Node: "n1"}, t0))
	r = must(t)(r.Connected("alice", Hold{ID: "s2", Node: "n2"}, t0))
	r = must(t)(r.Disconnected("alice", "s1", t0))
	r = must(t)(r.NodeLost("n1", t0))
	if p, _ := r.Place("alice"); p.Session.ID != "s2" {
		t.Errorf("session %+v", p.Session)
	}

	r, events, _ := r.PublishStarted("alice", Hold{ID: "p1", Node: "n1"}, t0)
	if told(events) != "publish_started:alice" || !events[0].Member.Publishing {
		t.Errorf("told %q", told(events))
	}
	r, events, _ = r.PublishStarted("alice", Hold{ID: "p2", Node: "n2"}, t0)
	if told(events) != "" {
		t.Errorf("a second publisher told %q", told(events))
	}
	r, events, _ = r.PublishStopped("alice", "p1", t0)
	if p, _ := r.Place("alice"); told(events) != "" || !p.Publishing {
		t.Errorf("the first publisher's end told %q, publishing %t", told(events), p.Publishing)
	}
	r, events, _ = r.PublishStopped("alice", "p2", t0)
	if p, _ := r.Place("alice"); told(events) != "publish_stopped:alice" || p.Publishing || events[0].Member.Publishing {
		t.Errorf("the second publisher's end told %q, publishing %t", told(events), p.Publishing)
	}
	for _, id := range []string{"", "p2", "never"} {
		if _, events, err := r.PublishStopped("alice", id, t0); err != nil || events != nil {
			t.Errorf("the end of %q told %q, %v", id, told(events), err)
		}
	}
}

func TestNodeLost(t *testing.T) {
	r := with(t, "alice", "bob", "carol")
	r = must(t)(r.Connected("alice", Hold{ID: "s1", Node: "n1"}, t0))
	r = must(t)(r.PublishStarted("alice", Hold{ID: "p1", Node: "n1"}, t0))
	r = must(t)(r.Connected("bob", Hold{ID: "s2", Node: "n2"}, t0))
	r = must(t)(r.PublishStarted("bob", Hold{ID: "p2", Node: "n1"}, t0))
	r, events, err := r.NodeLost("n1", at(time.Hour))
	if err != nil || told(events) != "publish_stopped:alice publish_stopped:bob" || users(r) != "alice bob carol" {
		t.Errorf("told %q, %v; in the room are %q", told(events), err, users(r))
	}
	if p, _ := r.Place("alice"); p.Held() || !p.SeenAt.Equal(at(time.Hour)) {
		t.Errorf("alice is %+v", p)
	}
	if p, _ := r.Place("bob"); !p.Held() || p.Publishing {
		t.Errorf("bob is %+v", p)
	}
	if p, _ := r.Place("carol"); !p.SeenAt.Equal(t0) {
		t.Errorf("carol, whom no node held, was seen %v", p.SeenAt)
	}
	if _, events, _ := r.NodeLost("", at(time.Hour)); events != nil {
		t.Errorf("no node told %q", told(events))
	}
}

func TestHoldsAreChecked(t *testing.T) {
	r := with(t, "alice")
	for _, h := range []Hold{{}, {ID: "s"}, {Node: "n"}} {
		_, _, err := r.Connected("alice", h, t0)
		refused(t, err, ErrBadHold, "both must be set")
		_, _, err = r.PublishStarted("alice", h, t0)
		refused(t, err, ErrBadHold, "both must be set")
	}
	_, _, err := r.Connected("bob", Hold{ID: "s", Node: "n"}, t0)
	refused(t, err, ErrNotMember, `"bob"`)
}

func TestHeartbeatsAreKeptCoarsely(t *testing.T) {
	r := with(t, "alice")
	for d := time.Duration(0); d < SeenEvery; d += time.Second {
		r = must(t)(r.Seen("alice", at(d)))
	}
	if p, _ := r.Place("alice"); !p.SeenAt.Equal(t0) {
		t.Errorf("seen %v; want the first", p.SeenAt)
	}
	r, events, err := r.Seen("alice", at(SeenEvery))
	if p, _ := r.Place("alice"); err != nil || events != nil || !p.SeenAt.Equal(at(SeenEvery)) || r.Revision != 1 {
		t.Errorf("seen %v at revision %d, told %q, %v", p.SeenAt, r.Revision, told(events), err)
	}
}
