package desk

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hutong/gateway/call"
	"hutong/gateway/config"
	"hutong/gateway/room"
	"hutong/gateway/rooms/webhook"
)

func TestLongestIdleFirstAndMovingOn(t *testing.T) {
	h := newHouse(t, nil)
	h.ready("anna")
	h.clock.pass(time.Second)
	h.ready("ben")
	c := h.place("li")
	h.ringsAt(c.CallID, "anna")
	h.clock.pass(20 * time.Second)
	h.rooms.Heartbeat(t.Context(), c.CallID, "li")
	h.ringsAt(c.CallID, "ben")
	_, err := h.Answer(t.Context(), h.account("anna"), c.CallID)
	if !errors.Is(err, call.ErrNotYours) {
		t.Errorf("who missed it answered: %v", err)
	}
	h.answers("ben", c.CallID)
	eventually(t, "ben's being busy", func() bool { a, _ := h.Agent("ben"); return a.State == call.Busy && a.CallID == c.CallID })
	second := h.place("wu")
	h.ringsAt(second.CallID, "anna")
	_, err = h.HangUp(t.Context(), c.CallID, call.ByAgent, h.account("ben"))
	ok(t, err)
	h.endsWith(c.CallID, call.Completed)
	eventually(t, "the wrap-up", func() bool { a, _ := h.Agent("ben"); return a.State == call.WrapUp })
}

func TestReasonsOfTheDesk(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Desk.MaxWait = config.Duration(time.Minute) })
	nobody := h.place("a")
	h.ready("anna")
	h.answers("anna", nobody.CallID)
	waits := h.place("b")
	for range 4 { // the caller is there all the time
		h.clock.pass(15 * time.Second)
		h.rooms.Heartbeat(t.Context(), waits.CallID, "b")
		h.rooms.Heartbeat(t.Context(), nobody.CallID, "a")
		h.sayOpen()
	}
	h.endsWith(waits.CallID, call.Timeout)
	gone := h.place("c")
	ok(t, h.rooms.Leave(t.Context(), gone.CallID, "c"))
	h.place("d") // so that the first is not the only one
	eventually(t, "the caller's leaving", func() bool {
		c, err := h.Call(gone.CallID)
		return err == nil && !c.Caller.AwaySince.IsZero()
	})
	h.clock.pass(10 * time.Second)
	h.endsWith(gone.CallID, call.Abandoned)
	eventually(t, "the end of the room", func() bool { _, err := h.rooms.Get(t.Context(), gone.CallID); return err != nil })
}

func TestAnAgentWhoDoesNotComeBack(t *testing.T) {
	h := newHouse(t, nil)
	console, _ := h.ready("anna")
	c := h.place("li")
	h.answers("anna", c.CallID)
	h.ready("ben")
	console.Close()
	h.clock.pass(20 * time.Second)
	h.rooms.Heartbeat(t.Context(), c.CallID, "li")
	h.sayOpen()
	if now, err := h.Call(c.CallID); err != nil || now.AgentID != "anna" {
		t.Fatalf("the grace period is not kept: %+v, %v", now, err)
	}
	h.clock.pass(15 * time.Second)
	h.rooms.Heartbeat(t.Context(), c.CallID, "li")
	h.sayOpen()
	h.answers("ben", c.CallID)
	now, err := h.Call(c.CallID)
	ok(t, err)
	if !slices.Equal(now.Served, []string{"anna", "ben"}) {
		t.Errorf("served by %v", now.Served)
	}
	eventually(t, "anna's being off duty", func() bool { a, _ := h.Agent("anna"); return a.State == call.Offline && a.CallID == "" })
}

// TestRestart: calls go on where a gateway that was stopped is started again.
func TestRestart(t *testing.T) {
	h := newHouse(t, nil)
	h.ready("anna")
	talks := h.place("li")
	h.answers("anna", talks.CallID)
	waits := h.place("wu")
	h.Close()
	h.clock.pass(5 * time.Second)

	h2 := open(t, h.store, h.clock, nil)
	c, err := h2.Call(talks.CallID)
	ok(t, err)
	if c.State != call.Answered || c.AgentID != "anna" {
		t.Fatalf("after the restart: %+v", c)
	}
	eventually(t, "anna's console's being gone", func() bool { a, _ := h2.Agent("anna"); return a.State == call.Busy && !a.Online })
	h2.ready("anna")
	p, err := h2.Rejoin(t.Context(), h2.account("anna"), talks.CallID)
	ok(t, err)
	if p.Member.UserID != "agent-anna" {
		t.Errorf("rejoined as %s", p.Member.UserID)
	}
	again, returned, err := h2.Place(t.Context(), "q", Request{Caller: call.Caller{UserID: "wu", Client: room.WebRTC}})
	if err != nil || !returned || again.Call.CallID != waits.CallID || again.Call.Caller.Client != room.WebRTC {
		t.Errorf("who waits returned to %+v, %v", again.Call, err)
	}
	_, err = h2.HangUp(t.Context(), talks.CallID, call.ByAgent, h2.account("anna"))
	ok(t, err)
	h2.endsWith(talks.CallID, call.Completed)
}

// TestAnEndThatWasNotWrittenDown: the gateway died between the two.
func TestAnEndThatWasNotWrittenDown(t *testing.T) {
	h := newHouse(t, nil)
	c := h.place("li")
	_, ended, err := h.flow.change(t.Context(), c.CallID, func(c call.Call) (call.Call, error) { return c.HangUp(call.ByCaller, h.clock.now()) })
	ok(t, err)
	if now, err := h.Call(c.CallID); err != nil || now.State == call.Ended {
		t.Errorf("it is told before it is written down: %v %v", now.State, err)
	}
	if _, err := h.Record(t.Context(), c.CallID); err == nil {
		t.Fatal("it is written down already")
	}
	h.clock.pass(time.Minute)
	if r := h.endsWith(c.CallID, call.Abandoned); !r.Call.EndedAt.Equal(ended.EndedAt) {
		t.Errorf("it ended at %v; want %v", r.Call.EndedAt, ended.EndedAt)
	}
	eventually(t, "the end", func() bool { _, err := h.Call(c.CallID); return err != nil })
}

func TestBackEndsAreToldInOrder(t *testing.T) {
	var mu sync.Mutex
	var got []string
	b := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var e struct {
			webhook.Event
			Call CallView `json:"call"`
		}
		if err := json.Unmarshal(body, &e); err != nil || r.Header.Get("Hutong-Signature") == "" {
			t.Errorf("%s: %v", body, err)
		}
		mu.Lock()
		defer mu.Unlock()
		got = append(got, e.Event.Event+":"+string(e.Call.State))
	}))
	defer b.Close()
	h := newHouse(t, func(o *Options) {
		o.Desk.Webhooks = []config.Webhook{{URL: b.URL, Secret: "0123456789abcdef", Events: []string{"call_*"}}}
		o.webhookRetry = time.Millisecond
	})
	h.ready("anna")
	c := h.place("li")
	h.answers("anna", c.CallID)
	for _, on := range []bool{true, false} {
		_, err := h.Hold(t.Context(), h.account("anna"), c.CallID, on)
		ok(t, err)
	}
	_, err := h.HangUp(t.Context(), c.CallID, call.ByCaller, Account{})
	ok(t, err)
	want := "call_created:waiting call_ringing:ringing call_answered:answered call_held:held call_resumed:answered call_ended:ended"
	eventually(t, "every event", func() bool { mu.Lock(); defer mu.Unlock(); return len(got) >= 6 })
	mu.Lock()
	defer mu.Unlock()
	if s := strings.Join(got, " "); s != want {
		t.Errorf("told %s; want %s", s, want)
	}
}

// fakeLegs measures what a test says.
type fakeLegs struct {
	mu   sync.Mutex
	legs map[string]Leg
}

func (f *fakeLegs) Measure(string, []room.Member) map[string]Leg {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := map[string]Leg{}
	for id, l := range f.legs {
		out[id] = l
	}
	return out
}

func TestQuality(t *testing.T) {
	legs := &fakeLegs{legs: map[string]Leg{"li": {Live: true, Video: true}, "agent-anna": {Live: true, Video: true, HasLossUp: true, HasDown: true}}}
	h := newHouse(t, func(o *Options) { o.Legs, o.Desk.QualityEvery = legs, config.Duration(time.Hour) })
	h.ready("anna")
	c := h.place("li")
	h.answers("anna", c.CallID)
	h.meter.round()
	h.clock.pass(5 * time.Second)
	legs.mu.Lock()
	legs.legs["li"] = Leg{Live: true, Video: true, Frames: 125, BytesUp: 312_500}
	legs.legs["agent-anna"] = Leg{Live: true, Video: true, Frames: 125, BytesUp: 312_500, HasLossUp: true, PacketsUp: 920, LostUp: 80, HasDown: true, RTT: 40 * time.Millisecond}
	legs.mu.Unlock()
	h.meter.reported(c.CallID, "agent-anna", []Report{{UserID: "li", Buffer: ptr(100.0)}})
	h.meter.round()
	all, err := h.Quality(t.Context(), c.CallID)
	ok(t, err)
	if len(all) != 2 || len(all[0].Samples) != 2 {
		t.Fatalf("the timeline is %+v", all)
	}
	anna, li := all[0].Samples[1], all[1].Samples[1]
	if anna.Light != call.Red || anna.Cause == nil || anna.Cause.Code != "uplink_loss" || anna.Cause.Text != "the uplink of anna loses 8 %" {
		t.Errorf("anna: %+v %+v", anna, anna.Cause)
	}
	// 60 capture, 45 across, 30 for the phone's way, 20 for the browser's, 100 buffer, 15 to show.
	if li.Light != call.Green || *li.FPS != 25 || *li.BitrateUp != 500_000 || *li.MouthToEar != 270 {
		t.Errorf("li: %+v fps %v bitrate %v delay %v", li, *li.FPS, *li.BitrateUp, *li.MouthToEar)
	}
	// A stream that has been away, as while its page is loaded again, is not measured
	// by what it sent before.
	for _, li := range []Leg{{}, {Live: true, Video: true, Frames: 150, BytesUp: 400_000}} {
		h.clock.pass(5 * time.Second)
		legs.mu.Lock()
		legs.legs["li"] = li
		legs.mu.Unlock()
		h.meter.round()
	}
	if all, err = h.Quality(t.Context(), c.CallID); err != nil || all[1].Samples[3].BitrateUp != nil || all[1].Samples[3].FPS != nil {
		t.Errorf("a stream that is back: %+v, %v", all[1].Samples[3], err)
	}
	if h.View(c).Light != call.Red {
		t.Errorf("the call's light is %s", h.View(c).Light)
	}
	_, err = h.HangUp(t.Context(), c.CallID, call.ByCaller, Account{})
	ok(t, err)
	if r := h.endsWith(c.CallID, call.Completed); len(r.Quality) != 2 || len(r.Quality[1].Samples) != 4 {
		t.Errorf("the record has %+v", r.Quality)
	}
}

// TestQualityOutlivesTheProcess: what was measured before a gateway is started again
// is in the record.
func TestQualityOutlivesTheProcess(t *testing.T) {
	legs := &fakeLegs{legs: map[string]Leg{"li": {Live: true}, "agent-anna": {Live: true}}}
	measured := func(o *Options) { o.Legs, o.Desk.QualityEvery = legs, config.Duration(time.Hour) }
	h := newHouse(t, measured)
	h.ready("anna")
	c := h.place("li")
	h.answers("anna", c.CallID)
	for range keepEvery + 1 {
		h.meter.round()
		h.clock.pass(time.Second)
	}
	h.Close()
	h2 := open(t, h.store, h.clock, measured)
	for range keepEvery + 1 {
		h2.meter.round()
		h2.clock.pass(time.Second)
	}
	_, err := h2.HangUp(t.Context(), c.CallID, call.ByCaller, Account{})
	ok(t, err)
	r := h2.endsWith(c.CallID, call.Completed)
	for _, leg := range r.Quality {
		if n := len(leg.Samples); n != 2*(keepEvery+1) {
			t.Errorf("%s has %d samples: %+v", leg.UserID, n, leg.Samples)
		}
	}
	if len(r.Quality) != 2 {
		t.Errorf("%d legs", len(r.Quality))
	}
}

// crowd of callers and agents at once, on two desks that share a store.
func TestABusyHour(t *testing.T) {
	h := newHouse(t, func(o *Options) {
		o.Desk.WrapUp = 0
		for i := range 10 {
			o.Desk.Agents = append(o.Desk.Agents, config.DeskAgent{Name: fmt.Sprint("a", i), Queues: []string{"q"}})
		}
	})
	other, err := New(Options{Desk: h.o.Desk, Queues: h.o.Queues, Store: h.store, Rooms: h.rooms, Node: "n2", Now: h.clock.now, tick: 20 * time.Millisecond})
	ok(t, err)
	defer other.Close()
	const callers = 40
	var done atomic.Int32
	var wg sync.WaitGroup
	for i := range 10 {
		id := fmt.Sprint("a", i)
		s := []*Service{h.Service, other}[i%2]
		h.ready(id)
		a := h.account(id)
		wg.Go(func() {
			look := time.NewTicker(time.Millisecond)
			defer look.Stop()
			for deadline := time.After(patience); done.Load() < callers; {
				select {
				case <-look.C:
				case <-deadline:
					return
				}
				for _, c := range s.Calls(CallFilter{Agent: id, State: call.Ringing}) {
					if _, err := s.Answer(t.Context(), a, c.CallID); err != nil {
						continue // this node has not heard yet that it rings elsewhere
					}
					if _, err := s.HangUp(t.Context(), c.CallID, call.ByAgent, a); err != nil {
						t.Errorf("%s: %v", id, err)
					}
					done.Add(1)
				}
			}
		})
	}
	var calls []string
	for i := range callers {
		calls = append(calls, h.place(fmt.Sprint("u", i)).CallID)
	}
	wg.Wait()
	for _, id := range calls {
		r := h.endsWith(id, call.Completed)
		if len(r.Call.Served) != 1 || answeredOnce(r.Call) != nil {
			t.Errorf("call %s was served by %v", id, r.Call.Served)
		}
	}
}

// TestARejectionThatEnds has an agent say no where that is the end of a call, and
// where the next one is asked.
func TestARejectionThatEnds(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Queues[0].OnReject = config.OnRejectEnd })
	h.ready("anna")
	h.ready("ben")
	c := h.place("li")
	eventually(t, "the ringing", func() bool {
		var err error
		c, err = h.Call(c.CallID)
		return err == nil && c.Ring != nil
	})
	_, err := h.Reject(t.Context(), h.account(c.Ring.AgentID), c.CallID)
	ok(t, err)
	h.endsWith(c.CallID, call.Rejected)

	h = newHouse(t, nil)
	h.ready("anna")
	c = h.place("li")
	h.ringsAt(c.CallID, "anna")
	h.ready("ben")
	_, err = h.Reject(t.Context(), h.account("anna"), c.CallID)
	ok(t, err)
	h.ringsAt(c.CallID, "ben")
}

// TestACallFlowsOver has a call that nobody takes go to the agents of another queue.
func TestACallFlowsOver(t *testing.T) {
	h := newHouse(t, func(o *Options) {
		o.Desk.Agents[1].Queues = []string{"spare"}
		o.Queues[0].Overflow, o.Queues[0].OverflowAfter = "spare", config.Duration(10*time.Second)
		o.Queues = append(o.Queues, config.Queue{ID: "spare"})
	})
	h.ready("ben")
	c := h.place("li")
	h.clock.pass(9 * time.Second)
	if now, err := h.Call(c.CallID); err != nil || now.Queue != "q" || now.State != call.Waiting {
		t.Errorf("after 9 s it is %s in %s, %v", now.State, now.Queue, err)
	}
	h.clock.pass(2 * time.Second)
	h.answers("ben", c.CallID)
	if now, err := h.Call(c.CallID); err != nil || now.Queue != "spare" {
		t.Errorf("it is in %s, %v", now.Queue, err)
	}
}
