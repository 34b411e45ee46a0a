package auth

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"hutong/gateway/config"
)

func TestKeys(t *testing.T) {
	a := authority(t, production(), at(start))
	member := token(t, a, alice)
	tests := []struct {
		name    string
		r       Request
		subject string
		denied  *Denial
	}{
		{"a key", Request{Action: Admin, Bearer: backendKey}, "key:backend1", nil},
		{"a hashed key", Request{Action: Admin, Bearer: hashedKey}, "key:backend2", nil},
		{"for a member", Request{Action: Member, Bearer: backendKey, RoomID: "r", UserID: "u"}, "key:backend1", nil},
		{"to publish", Request{Action: Publish, Stream: "live/x", Bearer: backendKey}, "key:backend1", nil},
		{"to play", Request{Action: Play, Stream: "other/x", Bearer: hashedKey}, "key:backend2", nil},

		{"no key", Request{Action: Admin}, "", ErrMissing},
		{"no key for a member", Request{Action: Member, RoomID: "r42", UserID: "alice"}, "", ErrMissing},
		{"in the query", Request{Action: Admin, Query: url.Values{"token": {backendKey}}}, "", ErrMissing},
		{"in the query to publish", Request{Action: Publish, Stream: "live/x", Query: url.Values{"token": {backendKey}}}, "", ErrWrong},
		{"wrong", Request{Action: Admin, Bearer: backendKey + "0"}, "", ErrWrong},
		{"cut short", Request{Action: Admin, Bearer: backendKey[:10]}, "", ErrWrong},
		{"a hash as key", Request{Action: Admin, Bearer: production().APIKeys[1].Key}, "", ErrWrong},
		{"very long", Request{Action: Admin, Bearer: backendKey + string(make([]byte, 1<<20))}, "", ErrWrong},
		{"other bytes", Request{Action: Admin, Bearer: "\x00\xff"}, "", ErrWrong},
		{"to be a member", Request{Action: Room, Bearer: backendKey}, "", ErrNoRight},
		{"nothing to be a member", Request{Action: Room}, "", ErrMissing},
		{"a member's token", Request{Action: Admin, Bearer: member}, "", ErrNoRight},
		{"a bad member's token", Request{Action: Admin, Bearer: member + "A"}, "", ErrWrong},
		{"no action", Request{Bearer: backendKey}, "", ErrNoRight},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g, err := a.Allow(t.Context(), test.r)
			if test.denied != nil {
				checkDenied(t, err, test.denied, test.r.Bearer)
				return
			}
			if err != nil || g.Subject != test.subject || !g.Expires.IsZero() || g.RoomID != "" || g.UserID != "" {
				t.Errorf("got %+v, %v, want subject %s", g, err, test.subject)
			}
		})
	}
}

// TestOpen: everything is allowed, and tokens still say who somebody is.
func TestOpen(t *testing.T) {
	cfg := production()
	cfg.Mode = config.AuthOpen
	a := authority(t, cfg, at(start))
	member := token(t, a, alice)
	old := token(t, authority(t, cfg, at(start.Add(-2*time.Hour))), alice)
	bad := url.Values{"txSecret": {"x"}, "txTime": {"y"}, "token": {"z"}}
	tests := []struct {
		name          string
		r             Request
		subject, path string
		denied        *Denial
	}{
		{"publish", Request{Action: Publish, Stream: "a/b"}, "anonymous", PathLive, nil},
		{"play", Request{Action: Play, Stream: "a/b"}, "anonymous", PathLive, nil},
		{"play on the standard path", Request{Action: Play, Stream: "a/b", Query: url.Values{"path": {"standard"}}}, "anonymous", PathStandard, nil},
		{"play unsigned where it is optional", Request{Action: Play, Stream: "show/b"}, "anonymous", PathLive, nil},
		{"play with rubbish", Request{Action: Play, Stream: "a/b", Query: bad}, "anonymous", PathLive, nil},
		{"publish with a foreign header", Request{Action: Publish, Stream: "a/b", Bearer: "x"}, "anonymous", PathLive, nil},
		{"publish with an old token", Request{Action: Publish, Stream: "live/r42_alice", Bearer: old}, "anonymous", PathLive, nil},
		{"publish as a member", Request{Action: Publish, Stream: "live/r42_alice", Query: url.Values{"token": {member}}}, "member:r42/alice", PathLive, nil},
		{"publish another's stream", Request{Action: Publish, Stream: "live/r42_bob", Query: url.Values{"token": {member}}}, "anonymous", PathLive, nil},
		{"REST", Request{Action: Admin}, "anonymous", "", nil},
		{"REST with a key", Request{Action: Admin, Bearer: backendKey}, "key:backend1", "", nil},
		{"REST with a wrong key", Request{Action: Admin, Bearer: "nope"}, "anonymous", "", nil},
		{"for any member", Request{Action: Member, RoomID: "r", UserID: "u"}, "anonymous", "", nil},
		{"for oneself", Request{Action: Member, RoomID: "r42", UserID: "alice", Bearer: member}, "member:r42/alice", "", nil},
		{"in the room", Request{Action: Room, Query: url.Values{"token": {member}}}, "member:r42/alice", PathLive, nil},
		{"in the room as nobody", Request{Action: Room}, "", "", ErrMissing},
		{"in the room with an old token", Request{Action: Room, Bearer: old}, "", "", ErrExpired},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g, err := a.Allow(t.Context(), test.r)
			if test.denied != nil {
				checkDenied(t, err, test.denied, test.r.Bearer)
				return
			}
			if err != nil || g.Subject != test.subject || g.Path != test.path {
				t.Errorf("got %+v, %v, want %s on path %q", g, err, test.subject, test.path)
			}
		})
	}
}

func TestRefusalsAreBoundedPerAddress(t *testing.T) {
	cfg := production()
	cfg.Rate = config.Rate{PerSecond: 1, Burst: 3}
	now := start
	a := authority(t, cfg, func() time.Time { return now })
	bad := Request{Action: Publish, Stream: "live/x", Remote: "192.0.2.1:1000"}
	try := func(r Request, want *Denial) {
		t.Helper()
		_, err := a.Allow(t.Context(), r)
		checkDenied(t, err, want)
	}
	for range 3 {
		try(bad, ErrMissing)
	}
	bad.Remote = "192.0.2.1:2000"
	try(bad, ErrTooMany)
	bad.Remote = "192.0.2.2:1000"
	try(bad, ErrMissing)
	// Another phone behind the same address has done nothing wrong.
	query, _ := a.Sign(Publish, "live/x", start.Add(time.Hour))
	q, _ := url.ParseQuery(query)
	if _, err := a.Allow(t.Context(), Request{Action: Publish, Stream: "live/x", Remote: "192.0.2.1:3000", Query: q}); err != nil {
		t.Errorf("a good signature was refused: %v", err)
	}
	now = now.Add(time.Second)
	bad.Remote = "192.0.2.1:1000"
	try(bad, ErrMissing)
	try(bad, ErrTooMany)
}

func TestCallsAreBoundedPerKey(t *testing.T) {
	cfg := production()
	cfg.Rate = config.Rate{PerSecond: 1, Burst: 2}
	a := authority(t, cfg, at(start))
	call := func(r Request) error {
		_, err := a.Allow(t.Context(), r)
		return err
	}
	one := Request{Action: Admin, Bearer: backendKey, Remote: "192.0.2.1:1"}
	for range 2 {
		if err := call(one); err != nil {
			t.Fatal(err)
		}
	}
	checkDenied(t, call(one), ErrTooMany)
	one.Remote = "192.0.2.9:1"
	checkDenied(t, call(one), ErrTooMany)
	one.Bearer = hashedKey
	if err := call(one); err != nil {
		t.Errorf("another key was refused: %v", err)
	}
	one.Action, one.Stream = Publish, "live/x"
	for range 5 { // media is not REST
		if err := call(one); err != nil {
			t.Errorf("a publish was refused: %v", err)
		}
	}
	cfg.Mode = config.AuthOpen
	a = authority(t, cfg, at(start))
	nobody := Request{Action: Admin, Remote: "[2001:db8::1]:1"}
	for range 2 {
		if err := call(nobody); err != nil {
			t.Fatal(err)
		}
	}
	nobody.Remote = "[2001:db8::2]:1"
	checkDenied(t, call(nobody), ErrTooMany)
	nobody.Remote = "[2001:db8:0:1::1]:1"
	if err := call(nobody); err != nil {
		t.Errorf("another address was refused: %v", err)
	}
}

func TestDenialsSayTheirStatus(t *testing.T) {
	labels := map[string]bool{}
	for d, status := range map[*Denial]int{
		ErrMissing: http.StatusUnauthorized, ErrWrong: http.StatusUnauthorized, ErrExpired: http.StatusUnauthorized, ErrNotYet: http.StatusUnauthorized,
		ErrOtherStream: http.StatusForbidden, ErrNoRight: http.StatusForbidden, ErrRefused: http.StatusForbidden,
		ErrCallout: http.StatusServiceUnavailable, ErrTooMany: http.StatusTooManyRequests,
	} {
		if d.Status != status || d.Label == "" || labels[d.Label] {
			t.Errorf("%v: status %d, label %q", d, d.Status, d.Label)
		}
		labels[d.Label] = true
	}
	if DenialOf(ErrDenied) != nil || DenialOf(nil) != nil {
		t.Error("a kind where there is none")
	}
}
