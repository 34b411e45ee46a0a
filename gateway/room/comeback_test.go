package room

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestReturn(t *testing.T) {
	made := time.Date(2026, 5, 4, 9, 0, 0, 700e6, time.UTC)
	grace := 20 * time.Second
	fresh, err := Create(Options{RoomID: "r", Capacity: 2}, made)
	if err != nil {
		t.Fatal(err)
	}
	do := func(r Room, next Room, err error) Room {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return next
	}
	join := func(r Room, user string, at time.Time) Room {
		next, _, err := r.Join(Joining{UserID: user, Client: RTMP}, at)
		return do(r, next, err)
	}
	remove := func(r Room, user string, at time.Time) Room {
		next, _, err := r.Remove(user, at)
		return do(r, next, err)
	}
	expire := func(r Room, at time.Time) Room {
		next, _, err := r.Expire(at, grace)
		return do(r, next, err)
	}
	leave := func(r Room, user string, at time.Time) Room {
		next, _, err := r.Leave(user, ReasonLeft, at)
		return do(r, next, err)
	}
	closed, _, err := fresh.Close("over", made)
	if err != nil {
		t.Fatal(err)
	}
	later := made.Add(time.Minute)
	a := join(fresh, "a", made)
	for _, x := range []struct {
		name   string
		room   Room
		issued time.Time
		err    error
		joins  bool
	}{
		{"who is there", a, made, nil, false},
		{"whose place expired", expire(a, later), made, nil, true},
		{"who left", leave(a, "a", later), made, nil, true},
		{"who never was there", fresh, made, nil, true},
		{"a token of the room's first second", fresh, made.Truncate(time.Second), nil, true},
		{"a token of an earlier room", fresh, made.Add(-time.Second), ErrNotMember, false},
		{"a token that does not say when", fresh, time.Time{}, nil, true},
		{"who was removed", remove(a, "a", later), later, ErrRemoved, false},
		{"who was removed after the place had expired", remove(expire(a, later), "a", later), later, ErrRemoved, false},
		{"who was removed and let in again", expire(join(remove(a, "a", later), "a", later), later.Add(grace)), made, nil, true},
		{"a full room", join(join(fresh, "b", made), "c", made), made, ErrFull, false},
		{"a closed room", closed, made, ErrClosed, false},
	} {
		next, events, err := x.room.Return(Joining{UserID: "a", NickName: "Ann", Role: Host, Client: RTMP, Stream: "live/r_a"}, x.issued, later)
		if !errors.Is(err, x.err) || (err == nil) != (x.err == nil) {
			t.Errorf("%s: %v, want %v", x.name, err, x.err)
		}
		if voids := x.room.Voids("a", x.issued); voids != (errors.Is(err, ErrRemoved) || errors.Is(err, ErrNotMember)) {
			t.Errorf("%s: the token is void: %v", x.name, voids)
		}
		p, there := next.Place("a")
		if there != (err == nil) || x.joins != (len(events) == 1 && events[0].Type == MemberJoined) {
			t.Errorf("%s: %+v, %v", x.name, p, events)
		}
		if x.joins && (p.Stream != "live/r_a" || p.NickName != "Ann" || p.Role != Host) {
			t.Errorf("%s came back as %+v", x.name, p.Member)
		}
	}
}

func TestRemovedAreBounded(t *testing.T) {
	r, err := Create(Options{RoomID: "r"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 * maxRemoved {
		if r, _, err = r.Remove(fmt.Sprint("u", i/2), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if r, _, err = r.Remove("newest", time.Now()); err != nil || len(r.Removed) != maxRemoved || r.Removed[0] != "u1" || r.Removed[maxRemoved-1] != "newest" {
		t.Errorf("%d are remembered, from %s to %s, %v", len(r.Removed), r.Removed[0], r.Removed[len(r.Removed)-1], err)
	}
	if _, _, err := r.Remove("a b", time.Now()); !errors.Is(err, ErrBadUserID) {
		t.Errorf("a bad userID: %v", err)
	}
}

func TestCheckModerator(t *testing.T) {
	r, err := Create(Options{RoomID: "r"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for role, want := range map[Role]error{Host: nil, Agent: nil, Guest: ErrNotModerator, Audience: ErrNotModerator} {
		next, _, err := r.Join(Joining{UserID: string(role), Role: role, Client: WebRTC}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if err := next.CheckModerator(string(role), Host); !errors.Is(err, want) {
			t.Errorf("%s: %v", role, err)
		}
	}
	if err := r.CheckModerator("expired", Agent); err != nil {
		t.Errorf("an agent whose place has expired: %v", err)
	}
	if err := r.CheckModerator("expired", Guest); !errors.Is(err, ErrNotModerator) {
		t.Errorf("a guest whose place has expired: %v", err)
	}
	if r, err = Create(Options{RoomID: "call", Run: true}, time.Now()); err != nil {
		t.Fatal(err)
	}
	for _, role := range []Role{Host, Agent, Guest} {
		if err := r.CheckModerator("somebody", role); !errors.Is(err, ErrNotModerator) {
			t.Errorf("a room that is run from outside is moderated by its %s: %v", role, err)
		}
	}
}
