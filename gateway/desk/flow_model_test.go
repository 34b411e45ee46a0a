package desk

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hutong/gateway/call"
	"hutong/gateway/room"
	"hutong/gateway/store"
)

var errKilled = errors.New("killed")

// actor is a process in the middle of something: it stops before each step on a
// record, and goes on when the test lets it, or never.
type actor struct {
	what string
	turn chan bool // true: do the step; false: die here
	at   chan bool // true: stands before a step; false: done
}

// world is the records that all actors share. Steps are done one at a time, so
// it needs no lock.
type world struct {
	now     time.Time
	calls   map[string]call.Call
	agents  map[string]call.Agent
	written map[string]call.Call
	placed  int
	actors  []*actor
}

// hand is the world as one actor has it.
type hand struct {
	*world
	a *actor
}

func (h hand) step(ctx context.Context) error {
	h.a.at <- true
	if !<-h.a.turn {
		return errKilled
	}
	return ctx.Err()
}

func (h hand) getCall(ctx context.Context, id string) (call.Call, error) {
	if err := h.step(ctx); err != nil {
		return call.Call{}, err
	}
	c, ok := h.calls[id]
	if !ok {
		return call.Call{}, store.ErrNotFound
	}
	return c, nil
}

func (h hand) changeCall(ctx context.Context, id string, f func(call.Call) (call.Call, error)) (before, after call.Call, err error) {
	if err := h.step(ctx); err != nil {
		return before, after, err
	}
	before, ok := h.calls[id]
	if !ok {
		return before, after, store.ErrNotFound
	}
	if after, err = f(before); err != nil {
		return call.Call{}, call.Call{}, err
	}
	h.calls[id] = after
	return before, after, nil
}

func (h hand) getAgent(ctx context.Context, id string) (call.Agent, error) {
	if err := h.step(ctx); err != nil {
		return call.Agent{}, err
	}
	return h.agents[id], nil
}

func (h hand) changeAgent(ctx context.Context, id string, f func(call.Agent) call.Agent) (call.Agent, error) {
	return h.reserveAgent(ctx, id, func(a call.Agent) (call.Agent, error) { return f(a), nil })
}

func (h hand) reserveAgent(ctx context.Context, id string, f func(call.Agent) (call.Agent, error)) (call.Agent, error) {
	if err := h.step(ctx); err != nil {
		return call.Agent{}, err
	}
	a, err := f(h.agents[id])
	if err == nil {
		h.agents[id] = a
	}
	return a, err
}

// start has somebody begin to do something, up to the first step.
func (w *world) start(what string, do func(ctx context.Context, f *flow)) {
	a := &actor{what: what, turn: make(chan bool), at: make(chan bool)}
	go func() {
		defer close(a.at)
		do(context.Background(), &flow{records: hand{w, a}, now: func() time.Time { return w.now },
			wrapUp: func(call.Call) time.Duration { return 5 * time.Second }})
	}()
	if <-a.at {
		w.actors = append(w.actors, a)
	}
}

// resume lets an actor do one step, or die before it.
func (w *world) resume(i int, live bool) {
	a := w.actors[i]
	a.turn <- live
	for ok := <-a.at; ok; ok = <-a.at { // who is killed does not do another
		if live {
			return
		}
		a.turn <- false
	}
	w.actors = slices.Delete(w.actors, i, i+1)
}

func (w *world) finishAll() {
	for len(w.actors) > 0 {
		w.resume(0, true)
	}
}

// check says what is wrong with the records, at any moment.
func (w *world) check() error {
	in := map[string]string{}
	for id, c := range w.calls {
		for agent := range c.Engaged() {
			if w.agents[agent].CallID != id {
				return fmt.Errorf("call %s (%s) names %s, who is bound to %q", id, c.State, agent, w.agents[agent].CallID)
			}
			if in[agent] != "" {
				return fmt.Errorf("agent %s is in call %s and in call %s", agent, in[agent], id)
			}
			in[agent] = id
		}
		if _, ended := w.written[id]; ended && c.State != call.Ended {
			return fmt.Errorf("call %s is written down and goes on", id)
		}
		if c.State == call.Ringing && (c.Ring == nil || c.Ring.Until.IsZero()) {
			return fmt.Errorf("call %s would ring for ever", id)
		}
	}
	for n := 1; n <= w.placed; n++ {
		id := fmt.Sprint("c", n)
		_, here := w.calls[id]
		ended, done := w.written[id]
		if !here && !done {
			return fmt.Errorf("call %s is lost", id)
		}
		c := w.calls[id]
		if !here {
			c = ended
		}
		if err := answeredOnce(c); err != nil {
			return err
		}
	}
	return nil
}

// answeredOnce says whether two agents have answered one ringing.
func answeredOnce(c call.Call) error {
	free := true
	for _, e := range c.Timeline {
		if e.Event == "answered" && !free {
			return fmt.Errorf("call %s was answered twice: %+v", c.CallID, c.Timeline)
		}
		if e.Event == "answered" {
			free = false
		}
		if e.State == call.Waiting {
			free = true
		}
	}
	return nil
}

// round is what tend does, with the records as they were when it began.
func (w *world) round(ctx context.Context, f *flow) {
	const ring = 20 * time.Second
	for _, id := range slices.Sorted(maps.Keys(w.calls)) {
		c := w.calls[id]
		if c.State == call.Ended {
			w.finish(ctx, f, c)
			continue
		}
		f.change(ctx, id, func(c call.Call) (call.Call, error) {
			if n, some, err := c.Due(call.Rules{RingFor: ring, MaxWait: 5 * time.Minute, CallerGrace: 10 * time.Second}, w.now); some {
				return n, err
			}
			return c, nil
		})
	}
	for _, id := range slices.Sorted(maps.Keys(w.agents)) {
		f.repair(ctx, w.agents[id], stuckAfter)
	}
	var seats []call.Seat
	for _, id := range slices.Sorted(maps.Keys(w.agents)) {
		seats = append(seats, call.Seat{Agent: w.agents[id], Queues: []string{"q", "x"}})
	}
	lines := map[string]call.Line{"q": {RetryAfter: 10 * time.Second}, "x": {}}
	for _, p := range call.Pick(slices.Collect(maps.Values(w.calls)), seats, lines, func(call.Call) bool { return true }, w.now) {
		f.engage(ctx, p.CallID, p.AgentID, call.AtRing, func(c call.Call, revision uint64) (call.Call, error) {
			return c.Offer(p.AgentID, revision, ring, w.now)
		})
	}
}

// finish is what Service.finish does to the records.
func (w *world) finish(ctx context.Context, f *flow, c call.Call) {
	h := f.records.(hand)
	if h.step(ctx) != nil {
		return
	}
	w.written[c.CallID] = c
	for id, a := range w.agents {
		if a.CallID == c.CallID && f.follow(ctx, id, c, false) != nil {
			return
		}
	}
	if h.step(ctx) != nil {
		return
	}
	delete(w.calls, c.CallID)
}

// TestInterleavings has callers, agents and nodes do things at once, with every
// order of their steps, and die between any two.
func TestInterleavings(t *testing.T) {
	for range 5 { // of a hundred runs each, of some 250 steps
		rapid.Check(t, interleave)
	}
}

func interleave(t *rapid.T) {
	w := &world{now: time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC), calls: map[string]call.Call{}, agents: map[string]call.Agent{}, written: map[string]call.Call{}}
	defer func() {
		for len(w.actors) > 0 {
			w.resume(0, false)
		}
	}()
	agents := []string{"anna", "ben", "cai"}
	for _, id := range agents {
		a, err := call.NewAgent(id, w.now).Opened(call.Console{ID: "k", Node: "n"}, w.now).Choose(call.Ready, "", w.now)
		if err != nil {
			t.Fatal(err)
		}
		w.agents[id] = a
	}
	who := func() string { return rapid.SampledFrom(agents).Draw(t, "agent") }
	// target is the call that the next thing is done to, by somebody who mostly
	// has a part in it.
	target := ""
	someone := func() string {
		target = "c1"
		if w.placed > 0 {
			target = fmt.Sprint("c", rapid.IntRange(max(1, w.placed-3), w.placed).Draw(t, "call"))
		}
		if c := w.calls[target]; len(c.Engaged()) > 0 && rapid.IntRange(0, 4).Draw(t, "part") > 0 {
			return rapid.SampledFrom(slices.Sorted(maps.Keys(c.Engaged()))).Draw(t, "agent")
		}
		return who()
	}
	change := func(what string, f func(c call.Call) (call.Call, error)) {
		id := target
		w.start(what, func(ctx context.Context, x *flow) {
			if _, after, err := x.change(ctx, id, f); err == nil && after.State == call.Ended {
				w.finish(ctx, x, after)
			}
		})
	}
	engage := func(what string, e call.Engagement, agent string, f func(c call.Call, revision uint64) (call.Call, error)) {
		id := target
		w.start(what, func(ctx context.Context, x *flow) { x.engage(ctx, id, agent, e, f) })
	}
	actions := map[string]func(*rapid.T){
		"place": func(t *rapid.T) {
			if w.placed >= 8 {
				return
			}
			c, err := call.Place(call.Placing{CallID: fmt.Sprint("c", w.placed+1), Queue: "q", Caller: call.Caller{UserID: "u", Client: room.RTMP}}, w.now)
			if err != nil {
				t.Fatal(err)
			}
			w.placed++
			w.calls[c.CallID] = c
		},
		"round":  func(*rapid.T) { w.start("round", w.round) },
		"round2": func(*rapid.T) { w.start("round", w.round) },
		"answer": func(*rapid.T) {
			a := someone()
			change("answer "+a, func(c call.Call) (call.Call, error) { return c.Answer(a, w.now) })
		},
		"reject": func(*rapid.T) {
			a := someone()
			change("reject "+a, func(c call.Call) (call.Call, error) { return c.Reject(a, "rejected", w.now) })
		},
		"hold": func(*rapid.T) {
			a := someone()
			change("hold", func(c call.Call) (call.Call, error) { return c.Hold(a, w.now) })
		},
		"resume": func(*rapid.T) {
			a := someone()
			change("resume", func(c call.Call) (call.Call, error) { return c.Resume(a, w.now) })
		},
		"caller hangs up": func(*rapid.T) {
			someone()
			change("hang up", func(c call.Call) (call.Call, error) { return c.HangUp(call.ByCaller, w.now) })
		},
		"agent hangs up": func(*rapid.T) {
			a := someone()
			change("hang up", func(c call.Call) (call.Call, error) { return c.HangUpBy(a, w.now) })
		},
		"transfer": func(t *rapid.T) {
			a, b, warm := someone(), who(), rapid.Bool().Draw(t, "warm")
			engage("transfer", call.AtRing, b, func(c call.Call, r uint64) (call.Call, error) {
				return c.TransferTo(a, b, r, warm, 20*time.Second, w.now)
			})
		},
		"to queue": func(t *rapid.T) {
			a, warm := someone(), rapid.Bool().Draw(t, "warm")
			change("to queue", func(c call.Call) (call.Call, error) { return c.TransferToQueue(a, "x", warm, 30*time.Second, w.now) })
		},
		"complete": func(*rapid.T) {
			a := someone()
			change("complete", func(c call.Call) (call.Call, error) { return c.CompleteTransfer(a, w.now) })
		},
		"cancel": func(*rapid.T) {
			a := someone()
			change("cancel", func(c call.Call) (call.Call, error) { return c.CancelTransfer(a, w.now) })
		},
		"invite": func(*rapid.T) {
			a, b := someone(), who()
			engage("invite", call.AtRing, b, func(c call.Call, r uint64) (call.Call, error) {
				n, _, err := c.Invite(a, call.Inviting{AgentID: b, Revision: r, For: 20 * time.Second}, w.now)
				return n, err
			})
		},
		"supervise": func(*rapid.T) {
			a := someone()
			engage("supervise", call.Beside, a, func(c call.Call, r uint64) (call.Call, error) { return c.Supervise(a, call.Listen, r, w.now) })
		},
		"leave": func(*rapid.T) {
			a := someone()
			change("leave", func(c call.Call) (call.Call, error) { return c.Leave(a, w.now) })
		},
		"agent lost": func(*rapid.T) {
			a := someone()
			change("lost", func(c call.Call) (call.Call, error) { return c.AgentLost(a, w.now) })
		},
		"ready again": func(*rapid.T) {
			a := someone()
			w.start("ready", func(ctx context.Context, x *flow) {
				x.reserveAgent(ctx, a, func(g call.Agent) (call.Agent, error) { return g.Choose(call.Ready, "", w.now) })
			})
		},
		"time": func(t *rapid.T) {
			w.now = w.now.Add(time.Duration(rapid.IntRange(1, 25).Draw(t, "seconds")) * time.Second)
			for id, a := range w.agents {
				w.agents[id] = a.SeenOpen("k", w.now)
			}
		},
		"kill": func(t *rapid.T) {
			if len(w.actors) == 0 {
				return
			}
			w.resume(rapid.IntRange(0, len(w.actors)-1).Draw(t, "whom"), false)
		},
		"kill -9": func(t *rapid.T) {
			if rapid.IntRange(0, 4).Draw(t, "seldom") != 0 {
				return
			}
			for len(w.actors) > 0 {
				w.resume(0, false)
			}
		},
	}
	names := slices.Sorted(maps.Keys(actions))
	names = append(names, "answer", "answer", "answer", "time", "time", "round", "place")
	for range 250 {
		// Most of what happens is that somebody goes on.
		if n := len(w.actors); n > 0 && rapid.IntRange(0, 3).Draw(t, "go on") > 0 {
			w.resume(rapid.IntRange(0, n-1).Draw(t, "who"), true)
		} else {
			actions[rapid.SampledFrom(names).Draw(t, "what")](t)
		}
		if err := w.check(); err != nil {
			t.Fatal(err)
		}
	}
	// Then all is quiet, and whoever looks after the desk comes by a few times.
	for len(w.actors) > 0 {
		w.resume(0, rapid.Bool().Draw(t, "lives"))
	}
	for range 40 {
		w.now = w.now.Add(15 * time.Second)
		for id, a := range w.agents {
			w.agents[id] = a.SeenOpen("k", w.now)
		}
		w.start("round", w.round)
		w.finishAll()
		if err := w.check(); err != nil {
			t.Fatal(err)
		}
	}
	for id, c := range w.calls {
		switch {
		case c.State == call.Ringing && w.now.After(c.Ring.Until.Add(time.Minute)), c.State == call.Waiting, c.State == call.Ended:
			t.Fatalf("call %s is %s after ten quiet minutes: %+v", id, c.State, c)
		}
	}
	for id, a := range w.agents {
		e, engaged := w.calls[a.CallID].Engaged()[id]
		if a.CallID != "" && (!engaged || e != a.Engaged) {
			t.Fatalf("%s is %s in call %q, which says %q", id, a.Engaged, a.CallID, e)
		}
		if a.Engaged == call.AtRing && w.now.Sub(a.ReservedAt) > time.Minute {
			t.Fatalf("%s has been rung at since %v", id, a.ReservedAt)
		}
	}
}
