package desk

import (
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"hutong/bridge/testmedia"
	"hutong/gateway/call"
	"hutong/gateway/config"
	"hutong/gateway/room"
	"hutong/gateway/rooms"
	"hutong/gateway/session"
	"hutong/gateway/store"
)

const patience = 20 * time.Second

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		workUntilKilled(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
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

// office is a configuration with one queue and three agents.
func office() config.Desk {
	d := config.Default().Desk
	for _, name := range []string{"anna", "ben", "sam"} {
		d.Agents = append(d.Agents, config.DeskAgent{Name: name, Role: config.RoleAgent, Queues: []string{"q"}})
	}
	d.Agents[2].Role = config.RoleSupervisor
	return d
}

type house struct {
	*Service
	t     testing.TB
	rooms *rooms.Service
	store *store.Store
	clock *clock
}

// open starts rooms and a desk on a store.
func open(t testing.TB, st *store.Store, c *clock, change func(*Options)) *house {
	t.Helper()
	r, err := rooms.New(rooms.Options{Store: st, Node: "n1", Now: c.now})
	ok(t, err)
	o := Options{Desk: office(), Queues: []config.Queue{{ID: "q", Name: "Queue"}}, Store: st, Rooms: r, Node: "n1", Now: c.now, tick: 20 * time.Millisecond}
	if change != nil {
		change(&o)
	}
	s, err := New(o)
	ok(t, err)
	h := &house{s, t, r, st, c}
	t.Cleanup(h.Close)
	return h
}

func (h *house) Close() {
	if h.Service != nil {
		h.Service.Close()
		h.rooms.Close()
		h.Service = nil
	}
}

func newHouse(t testing.TB, change func(*Options)) *house {
	t.Helper()
	st, err := store.Open(store.Options{Dir: t.TempDir()})
	ok(t, err)
	t.Cleanup(st.Close)
	return open(t, st, newClock(), change)
}

func (h *house) account(id string) Account {
	a, found := h.Account(id)
	if !found {
		h.t.Fatalf("there is no account %s", id)
	}
	return a
}

// ready gives an agent a console, and has them ready.
func (h *house) ready(id string) (*Console, *session.Outbox) {
	h.t.Helper()
	out := session.NewOutbox()
	c, err := h.OpenConsole(h.t.Context(), Login{Account: h.account(id)}, out)
	ok(h.t, err)
	h.t.Cleanup(c.Close)
	_, err = h.Choose(h.t.Context(), id, call.Ready, "")
	ok(h.t, err)
	return c, out
}

func (h *house) place(userID string) call.Call {
	h.t.Helper()
	p, _, err := h.Place(h.t.Context(), "q", Request{Caller: call.Caller{UserID: userID, Client: room.RTMP}})
	ok(h.t, err)
	return p.Call
}

func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	testmedia.Eventually(t, patience, what, holds)
}

// ringsAt waits until a call rings at an agent.
func (h *house) ringsAt(callID, agentID string) {
	h.t.Helper()
	eventually(h.t, "the ringing of "+callID+" at "+agentID, func() bool {
		c, err := h.Call(callID)
		return err == nil && c.Ring != nil && c.Ring.AgentID == agentID
	})
}

func (h *house) answers(agentID, callID string) {
	h.t.Helper()
	h.ringsAt(callID, agentID)
	_, err := h.Answer(h.t.Context(), h.account(agentID), callID)
	ok(h.t, err)
}

// endsWith waits for the record of a call.
func (h *house) endsWith(callID string, why call.Reason) *Record {
	h.t.Helper()
	var r *Record
	eventually(h.t, "the end of "+callID, func() (done bool) {
		var err error
		r, err = h.Record(h.t.Context(), callID)
		return err == nil
	})
	if r.Call.Reason != why {
		h.t.Errorf("call %s ended with %s; want %s: %+v", callID, r.Call.Reason, why, r.Call.Timeline)
	}
	return r
}
