package webhook

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"hutong/bridge/testmedia"
	"hutong/gateway/auth"
	"hutong/gateway/room"
	"hutong/gateway/store"
)

const (
	patience = 20 * time.Second
	secret   = "0123456789abcdef"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// backend is a back end that may be out of order.
type backend struct {
	*httptest.Server

	mu     sync.Mutex
	events []Event
	bodies [][]byte
	heads  []http.Header
	calls  int
	// refuse decides on a request by its event and the number of the request; nil
	// takes all.
	refuse func(e Event, call int) bool
}

func newBackend(t *testing.T) *backend {
	t.Helper()
	b := &backend{}
	b.Server = httptest.NewServer(http.HandlerFunc(b.serve))
	t.Cleanup(b.Close)
	return b
}

func (b *backend) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var e Event
	if err != nil || json.Unmarshal(body, &e) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls++
	if b.refuse != nil && b.refuse(e, b.calls) {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	b.events = append(b.events, e)
	b.bodies = append(b.bodies, body)
	b.heads = append(b.heads, r.Header.Clone())
}

func (b *backend) got() []Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.events)
}

func (b *backend) refuseIf(f func(e Event, call int) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refuse = f
}

func openStore(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(store.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// counts of outcomes.
type counts struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *counts) add(outcome string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[string]int{}
	}
	c.n[outcome]++
}

func (c *counts) of(outcome string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n[outcome]
}

func open(t *testing.T, st *store.Store, c *counts, hooks ...Hook) *Sender {
	t.Helper()
	s, err := New(Options{Hooks: hooks, Store: st, Node: "n1", Count: c.add, FirstRetry: 5 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	testmedia.Eventually(t, patience, what, holds)
}

func joined(roomID string, revision uint64) Event {
	m := room.Member{UserID: fmt.Sprint("u", revision), Role: room.Guest, Client: room.RTMP}
	return Event{Event: string(room.MemberJoined), RoomID: roomID, Revision: revision, UserID: m.UserID, Member: &m}
}

func TestSigned(t *testing.T) {
	b, c := newBackend(t), &counts{}
	s := open(t, openStore(t), c, Hook{URL: b.URL, Secret: secret})
	defer s.Close()
	s.Send(joined("r", 1))
	eventually(t, "the delivery", func() bool { return s.Waiting() == 0 })
	e, h := b.got()[0], b.heads[0]
	if e.ID == "" || e.Node != "n1" || e.RoomID != "r" || e.Revision != 1 || e.Member == nil || e.Member.UserID != "u1" {
		t.Errorf("got %s", b.bodies[0])
	}
	seconds, err := strconv.ParseInt(h.Get(auth.TimestampHeader), 10, 64)
	if err != nil || time.Since(time.Unix(seconds, 0)).Abs() > time.Minute {
		t.Errorf("timestamp %q", h.Get(auth.TimestampHeader))
	}
	if _, want := auth.SignBody(secret, time.Unix(seconds, 0), b.bodies[0]); h.Get(auth.SignatureHeader) != want || h.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v; want the signature %s", h, want)
	}
	if c.of(Delivered) != 1 || c.of(Failed) != 0 {
		t.Errorf("counted %v", c.n)
	}
}

// TestOrderDespiteFailures has half of all requests fail.
func TestOrderDespiteFailures(t *testing.T) {
	b, c := newBackend(t), &counts{}
	b.refuse = func(_ Event, call int) bool { return call%2 == 1 }
	s := open(t, openStore(t), c, Hook{URL: b.URL, Secret: secret})
	defer s.Close()
	const rooms, each = 5, 20
	for i := range each {
		for r := range rooms {
			s.Send(joined(fmt.Sprint("r", r), uint64(i+1)))
		}
	}
	eventually(t, "every delivery", func() bool { return s.Waiting() == 0 })
	last := map[string]uint64{}
	for _, e := range b.got() {
		if e.Revision != last[e.RoomID]+1 {
			t.Fatalf("%s: %d came after %d", e.RoomID, e.Revision, last[e.RoomID])
		}
		last[e.RoomID]++
	}
	if len(b.got()) != rooms*each || c.of(Delivered) != rooms*each || c.of(Failed) == 0 {
		t.Errorf("%d events, counted %v", len(b.got()), c.n)
	}
}

func TestOneRoomHoldsUpNoOther(t *testing.T) {
	b, c := newBackend(t), &counts{}
	b.refuse = func(e Event, _ int) bool { return e.RoomID == "bad" }
	s := open(t, openStore(t), c, Hook{URL: b.URL, Secret: secret})
	defer s.Close()
	for i := range uint64(10) {
		s.Send(joined("bad", i+1))
	}
	s.Send(joined("good", 1))
	s.Send(Event{Event: StreamStarted, RoomID: "bad2", Stream: "live/x"})
	eventually(t, "the others", func() bool { return len(b.got()) == 2 })
	b.refuseIf(nil)
	eventually(t, "the rest", func() bool { return len(b.got()) == 12 })
}

func TestRestartLosesNothing(t *testing.T) {
	b, c, st := newBackend(t), &counts{}, openStore(t)
	b.refuse = func(Event, int) bool { return true }
	gone := Hook{URL: "http://127.0.0.1:1/", Secret: secret}
	s := open(t, st, c, Hook{URL: b.URL, Secret: secret}, gone)
	for i := range uint64(30) {
		s.Send(joined("r", i+1))
	}
	eventually(t, "failures", func() bool { return c.of(Failed) > 2 })
	s.Close()

	b.refuseIf(nil)
	s = open(t, st, c, Hook{URL: b.URL, Secret: secret})
	defer s.Close()
	s.Send(joined("r", 31))
	eventually(t, "the deliveries", func() bool { return s.Waiting() == 0 })
	// A request that was under way at the end may have been taken though nobody
	// heard so: its event comes again, under the same id.
	seen := map[string]bool{}
	var came []uint64
	for _, e := range b.got() {
		if !seen[e.ID] {
			seen[e.ID] = true
			came = append(came, e.Revision)
		}
	}
	for i, revision := range came {
		if revision != uint64(i+1) {
			t.Fatalf("%d came as number %d of %d", revision, i+1, came)
		}
	}
	if len(came) != 31 {
		t.Errorf("%d events came", len(came))
	}
	// What was delivered, and what was for a webhook that is no more, is not kept.
	left, _, err := s.kept.List(t.Context(), "", "", 0)
	if err != nil || len(left) != 0 {
		t.Errorf("%d events are kept, %v", len(left), err)
	}
}

func TestBounded(t *testing.T) {
	b, c := newBackend(t), &counts{}
	s := open(t, openStore(t), c, Hook{URL: b.URL, Secret: secret})
	defer s.Close()
	b.refuseIf(func(Event, int) bool { return true })
	target := s.targets[0]
	for i := range maxQueue {
		target.enqueue(item{Lane: fmt.Sprint(i % 100), Event: "muted", At: time.Now(), Body: []byte("{}")})
	}
	s.Send(joined("r", 1))
	if c.of(Dropped) != 1 || s.Waiting() != maxQueue {
		t.Errorf("%d wait, counted %v", s.Waiting(), c.n)
	}
}

func TestGivesUpAfterADay(t *testing.T) {
	b, c := newBackend(t), &counts{}
	s := open(t, openStore(t), c, Hook{URL: b.URL, Secret: secret})
	defer s.Close()
	b.refuseIf(func(e Event, _ int) bool { return e.Revision == 1 })
	s.targets[0].enqueue(item{Lane: "room r", Event: "muted", At: time.Now().Add(-2 * maxAge), Body: []byte(`{"revision":1}`)})
	s.targets[0].enqueue(item{Lane: "room r", Event: "muted", At: time.Now(), Body: []byte(`{"revision":2}`)})
	eventually(t, "the next", func() bool { return s.Waiting() == 0 })
	if c.of(Expired) != 1 || c.of(Delivered) != 1 {
		t.Errorf("counted %v", c.n)
	}
}

func TestRedirectIsNoDelivery(t *testing.T) {
	elsewhere, c := newBackend(t), &counts{}
	b := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer b.Close()
	s := open(t, openStore(t), c, Hook{URL: b.URL, Secret: secret})
	defer s.Close()
	s.Send(joined("r", 1))
	eventually(t, "the failure", func() bool { return c.of(Failed) > 1 })
	if len(elsewhere.got()) != 0 {
		t.Error("an event went where its back end did not ask for it")
	}
}

func TestWants(t *testing.T) {
	for _, c := range []struct {
		events []string
		event  string
		want   bool
	}{
		{nil, "muted", true},
		{[]string{"muted"}, "muted", true},
		{[]string{"muted"}, "member_joined", false},
		{[]string{"room_closed", "member_*"}, "member_joined", true},
		{[]string{"member_*"}, "muted", false},
		{[]string{"*"}, "muted", true},
		{[]string{"member"}, "member_joined", false},
	} {
		if got := (Hook{Events: c.events}).wants(c.event); got != c.want {
			t.Errorf("%v wants %s: %t", c.events, c.event, got)
		}
	}
}

func TestNoHooks(t *testing.T) {
	s := open(t, openStore(t), &counts{})
	defer s.Close()
	s.Send(joined("r", 1))
	if s.Waiting() != 0 {
		t.Error("something waits for nobody")
	}
}

// TestSetHooks changes the back ends while events wait.
func TestSetHooks(t *testing.T) {
	stays, goes, comes := newBackend(t), newBackend(t), newBackend(t)
	stays.refuseIf(func(Event, int) bool { return true })
	goes.refuseIf(func(Event, int) bool { return true })
	c, st := &counts{}, openStore(t)
	s := open(t, st, c, Hook{URL: stays.URL, Secret: secret}, Hook{URL: goes.URL, Secret: secret})
	defer s.Close()
	s.Send(joined("r", 1))
	s.Send(joined("r", 2))
	eventually(t, "failures", func() bool { return c.of(Failed) > 2 })
	const other = "fedcba9876543210"
	s.SetHooks([]Hook{{URL: comes.URL, Secret: secret}, {URL: stays.URL, Secret: other, Events: []string{"member_joined"}}})
	stays.refuseIf(nil)
	s.Send(joined("r", 3))
	s.Send(Event{Event: string(room.RoomClosed), RoomID: "r", Revision: 4})
	eventually(t, "the deliveries", func() bool { return s.Waiting() == 0 })
	revisions := func(b *backend) (got []uint64) {
		for _, e := range b.got() {
			got = append(got, e.Revision)
		}
		return got
	}
	if got := revisions(stays); !slices.Equal(got, []uint64{1, 2, 3}) {
		t.Errorf("the one that stays got %d", got)
	}
	if got := revisions(comes); !slices.Equal(got, []uint64{3, 4}) {
		t.Errorf("the one that has come got %d", got)
	}
	h, body := stays.heads[2], stays.bodies[2]
	seconds, _ := strconv.ParseInt(h.Get(auth.TimestampHeader), 10, 64)
	if _, want := auth.SignBody(other, time.Unix(seconds, 0), body); h.Get(auth.SignatureHeader) != want {
		t.Error("not signed with the new secret")
	}
	eventually(t, "the journal's being empty", func() bool {
		left, _, err := s.kept.List(t.Context(), "", "", 0)
		return err == nil && len(left) == 0
	})
	s.SetHooks(nil)
	s.Send(joined("r", 5))
	if s.Waiting() != 0 {
		t.Error("something waits for nobody")
	}
}
