package desk

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"hutong/gateway/call"
	"hutong/gateway/room"
	"hutong/gateway/store"
)

// TestOneCallOnTwoNodes has users call on two nodes at the same moment.
func TestOneCallOnTwoNodes(t *testing.T) {
	h := newHouse(t, nil)
	other, err := New(Options{Desk: h.o.Desk, Queues: h.o.Queues, Store: h.store, Rooms: h.rooms, Node: "n2", Now: h.clock.now, tick: 20 * time.Millisecond})
	ok(t, err)
	defer other.Close()
	const users, tries = 20, 4
	request := func(user int) Request {
		return Request{Caller: call.Caller{UserID: fmt.Sprint("u", user), Client: room.WebRTC}}
	}
	for round := range 2 {
		seen := map[string]bool{}
		for user := range users {
			var places [tries]Place
			var again [tries]bool
			var wg sync.WaitGroup
			begin := make(chan struct{})
			for i := range tries {
				wg.Go(func() {
					<-begin
					var err error
					places[i], again[i], err = []*Service{h.Service, other}[i%2].Place(t.Context(), "q", request(user))
					if err != nil {
						t.Error(err)
					}
				})
			}
			close(begin)
			wg.Wait()
			made := 0
			for i, p := range places {
				if p.Call.CallID == "" || p.Call.CallID != places[0].Call.CallID || p.Member.UserID != p.Call.Caller.UserID {
					t.Fatalf("round %d: user %d is in calls %q and %q", round, user, places[0].Call.CallID, p.Call.CallID)
				}
				if !again[i] {
					made++
				}
			}
			if made != 1 {
				t.Errorf("round %d: the call of user %d was made %d times", round, user, made)
			}
			seen[places[0].Call.CallID] = true
		}
		eventually(t, "all calls on both nodes", func() bool {
			return len(h.Calls(CallFilter{})) == users && len(other.Calls(CallFilter{})) == users
		})
		if len(seen) != users {
			t.Errorf("round %d: %d users have %d calls", round, users, len(seen))
		}
		for id := range seen { // whoever has hung up may call again
			_, err := other.HangUp(t.Context(), id, call.ByCaller, Account{})
			ok(t, err)
		}
	}
}

// TestAClaimWithoutACall: the node died before it had made the call.
func TestAClaimWithoutACall(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.stale = 50 * time.Millisecond })
	_, err := h.claims.Create(t.Context(), "li", []byte("cnever"))
	ok(t, err)
	c := h.place("li")
	if c.State != call.Waiting {
		t.Errorf("the call is %s", c.State)
	}
	// A node that wakes up late withdraws what it has placed.
	mine, _, err := h.claim(t.Context(), "wu", "clate")
	ok(t, err)
	second := h.place("wu")
	q, err := h.queue("q")
	ok(t, err)
	placing := call.Placing{CallID: "clate", Queue: "q", Caller: call.Caller{UserID: "wu", Client: room.RTMP}}
	if _, err := h.put(t.Context(), placing, q, mine); err == nil {
		t.Error("a second call of one user was placed")
	}
	h.endsWith("clate", call.Failed)
	if now, err := h.Call(second.CallID); err != nil || now.State != call.Waiting {
		t.Errorf("the user's own call is %s, %v", now.State, err)
	}
	if value, _, err := h.claims.Get(t.Context(), "wu"); err != nil || string(value) != second.CallID {
		t.Errorf("the claim is of %q, %v", value, err)
	}
}

// TestACallThatEndsAtOnce: an agent answers and hangs up before the node that has
// placed the call comes to confirm its claim.
func TestACallThatEndsAtOnce(t *testing.T) {
	h := newHouse(t, nil)
	mine, _, err := h.claim(t.Context(), "li", "cquick")
	ok(t, err)
	q, err := h.queue("q")
	ok(t, err)
	_, err = h.put(t.Context(), call.Placing{CallID: "cquick", Queue: "q", Caller: call.Caller{UserID: "li", Client: room.RTMP}}, q, mine)
	ok(t, err)
	_, err = h.HangUp(t.Context(), "cquick", call.ByCaller, Account{})
	ok(t, err)
	h.endsWith("cquick", call.Abandoned)
	eventually(t, "the end of the claim", func() bool {
		_, _, err := h.claims.Get(t.Context(), "li")
		return errors.Is(err, store.ErrNotFound)
	})
	if err := h.confirm(t.Context(), mine); err != nil {
		t.Errorf("a call that was placed and has ended is refused: %v", err)
	}
}
