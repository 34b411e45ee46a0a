package desk

import (
	"context"
	"errors"
	"maps"
	"time"

	"hutong/gateway/call"
	"hutong/gateway/store"
)

const (
	tendEvery = 500 * time.Millisecond
	// seenEvery is how often the store is told that a console lives, and a room
	// that a caller's WebSocket does.
	seenEvery   = 8 * time.Second
	followEvery = 4 * time.Second
	// presentFor is how long after a sign of life a caller is worth ringing for.
	presentFor = 15 * time.Second
	// stuckAfter is from when on a reservation that came to nothing is undone.
	stuckAfter   = 5 * time.Second
	queuesEvery  = time.Second
	retainEvery  = time.Hour
	rateWithin   = time.Hour
	storeTimeout = 10 * time.Second
)

// tend does what time brings, and what others have begun and not ended.
func (s *Service) tend() {
	every := s.o.tick
	if every == 0 {
		every = tendEvery
	}
	round := time.NewTicker(every)
	defer round.Stop()
	var seen, followed, counted, retained time.Time
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-s.wakeup:
			s.route()
			continue
		case <-round.C:
		}
		s.round()
		now := time.Now()
		for _, job := range []struct {
			last  *time.Time
			every time.Duration
			do    func()
		}{{&seen, seenEvery, s.sayOpen}, {&followed, followEvery, s.keepCallers}, {&counted, queuesEvery, func() { s.index.queues(s.Queues()) }}, {&retained, retainEvery, s.retain}} {
			if now.Sub(*job.last) >= job.every {
				*job.last = now
				job.do()
			}
		}
	}
}

// round looks at every call and agent once.
func (s *Service) round() {
	now := s.o.Now()
	for _, c := range s.index.all() {
		if s.ctx.Err() != nil {
			return
		}
		s.look(c, now)
	}
	for _, seat := range s.seats() {
		if s.ctx.Err() != nil {
			return
		}
		s.lookAgent(seat.Agent, now)
	}
	s.route()
}

// attempt changes a call, or lets the next round do it.
func (s *Service) attempt(callID, failure string, f func(call.Call) (call.Call, error)) {
	ctx, cancel := context.WithTimeout(s.ctx, storeTimeout)
	defer cancel()
	_, _, err := s.do(ctx, callID, f)
	if err != nil && s.ctx.Err() == nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, call.ErrWrongState) {
		s.o.Log.Warn(failure, "call", callID, "error", err)
	}
}

func (s *Service) look(c call.Call, now time.Time) {
	if c.State == call.Ended {
		s.finishLeftover(c)
		return
	}
	member, held, seen := s.o.Rooms.Presence(c.CallID, c.Caller.UserID)
	switch {
	case !member && c.Caller.AwaySince.IsZero():
		s.attempt(c.CallID, "a caller's leaving could not be noted", func(c call.Call) (call.Call, error) { return c.Away(now) })
	case member && !c.Caller.AwaySince.IsZero() && (held || now.Sub(seen) < presentFor):
		s.attempt(c.CallID, "a caller's return could not be noted", func(c call.Call) (call.Call, error) { return c.Back(call.Caller{}, now) })
	}
	for _, g := range c.Guests {
		if _, held, _ := s.o.Rooms.Presence(c.CallID, g.UserID); g.AgentID == "" && !g.Joined && held {
			s.attempt(c.CallID, "a guest could not be noted", func(c call.Call) (call.Call, error) { return c.GuestIn(g.UserID, now) })
		}
	}
	for _, m := range s.o.Rooms.Members(c.CallID) {
		if !c.TakesPart(m.UserID) {
			ctx, cancel := context.WithTimeout(s.ctx, storeTimeout)
			if latest, err := s.getCall(ctx, c.CallID); err == nil {
				s.clearRoom(ctx, latest)
			}
			cancel()
			break
		}
	}
	rules := s.rules(c, now)
	if _, some, _ := c.Due(rules, now); !some {
		return
	}
	missed := ""
	s.attempt(c.CallID, "what was due to a call could not be done", func(c call.Call) (call.Call, error) {
		missed = ""
		n, some, err := c.Due(rules, now)
		if err != nil || !some {
			return c, err
		}
		if last := n.Timeline[len(n.Timeline)-1]; last.Event == "missed" {
			missed = last.AgentID
		}
		return n, nil
	})
	if missed != "" {
		ctx, cancel := context.WithTimeout(s.ctx, storeTimeout)
		defer cancel()
		s.changeAgent(ctx, missed, func(a call.Agent) call.Agent { return a.Miss(s.set.Load().MissedBreak, now) })
	}
}

// lookAgent takes out who does not come back, and undoes what came to nothing.
func (s *Service) lookAgent(a call.Agent, now time.Time) {
	ctx, cancel := context.WithTimeout(s.ctx, storeTimeout)
	defer cancel()
	if a.Lost(s.set.Load().AgentGrace.Std(), now) {
		fresh, err := s.getAgent(ctx, a.AgentID)
		if err != nil || !fresh.Lost(s.set.Load().AgentGrace.Std(), now) {
			return
		}
		s.o.Log.Info("agent lost", "agent", a.AgentID, "call", fresh.CallID)
		s.changeAgent(ctx, a.AgentID, func(a call.Agent) call.Agent { return a.Gone(now) })
		if fresh.CallID != "" {
			s.attempt(fresh.CallID, "a call keeps an agent who is lost", func(c call.Call) (call.Call, error) { return c.AgentLost(a.AgentID, now) })
			s.flow.sync(ctx, a.AgentID, fresh.CallID)
		}
		return
	}
	if a.CallID == "" {
		return
	}
	c, ok := s.index.call(a.CallID)
	if e, engaged := c.Engaged()[a.AgentID]; ok && engaged && e == a.Engaged {
		return
	}
	if err := s.flow.repair(ctx, a, stuckAfter); err != nil && s.ctx.Err() == nil {
		s.o.Log.Warn("an agent is out of step with a call", "agent", a.AgentID, "call", a.CallID, "error", err)
	}
}

// route has calls ring at agents.
func (s *Service) route() {
	now := s.o.Now()
	set := s.set.Load()
	present := func(c call.Call) bool {
		member, held, seen := s.o.Rooms.Presence(c.CallID, c.Caller.UserID)
		return member && (held || now.Sub(seen) < presentFor)
	}
	for _, p := range call.Pick(s.index.all(), s.seats(), set.lines, present, now) {
		if s.ctx.Err() != nil {
			return
		}
		ctx, cancel := context.WithTimeout(s.ctx, storeTimeout)
		c, err := s.bind(ctx, p.CallID, p.AgentID, call.AtRing, func(c call.Call, revision uint64) (call.Call, error) {
			ringFor := set.RingTimeout.Std()
			if q, ok := set.queues[c.Queue]; ok {
				ringFor = q.ringFor
			}
			return c.Offer(p.AgentID, revision, ringFor, s.o.Now())
		})
		cancel()
		switch {
		case err == nil:
			s.o.Log.Info("call rings", "call", c.CallID, "agent", p.AgentID)
		case s.ctx.Err() != nil, errors.Is(err, call.ErrBusy), errors.Is(err, call.ErrWrongState), errors.Is(err, call.ErrMoved), errors.Is(err, store.ErrNotFound):
		default:
			s.o.Log.Warn("a call could not ring", "call", p.CallID, "agent", p.AgentID, "error", err)
		}
	}
}

// seats are the agents there are, with what the configuration says of them.
func (s *Service) seats() []call.Seat {
	var seats []call.Seat
	for _, a := range s.Accounts() {
		known, ok := s.index.agent(a.AgentID)
		if !ok {
			known = call.NewAgent(a.AgentID, s.started)
		}
		seats = append(seats, call.Seat{Agent: known, Queues: a.Queues, Skills: a.Skills})
	}
	return seats
}

// sayOpen says that the consoles here live.
func (s *Service) sayOpen() {
	s.consolesMu.Lock()
	open := maps.Clone(s.consoles)
	s.consolesMu.Unlock()
	ctx, cancel := context.WithTimeout(s.ctx, storeTimeout)
	defer cancel()
	for agentID, c := range open {
		s.changeAgent(ctx, agentID, func(a call.Agent) call.Agent { return a.SeenOpen(c.id, s.o.Now()) })
	}
}

// keepCallers gives a sign of life for callers whose WebSocket is here.
func (s *Service) keepCallers() {
	s.followersMu.Lock()
	open := maps.Clone(s.followers)
	s.followersMu.Unlock()
	ctx, cancel := context.WithTimeout(s.ctx, storeTimeout)
	defer cancel()
	for callID, f := range open {
		s.o.Rooms.Heartbeat(ctx, callID, f.userID) // a caller who has left meanwhile comes back by joining
	}
}

// dropConsoles forgets the consoles of this node's former life.
func (s *Service) dropConsoles() {
	ctx, cancel := context.WithTimeout(s.ctx, time.Minute)
	defer cancel()
	for _, seat := range s.seats() {
		if c := seat.Console; c.Node == s.o.Node {
			s.changeAgent(ctx, seat.AgentID, func(a call.Agent) call.Agent { return a.Closed(c.ID, s.o.Now()) })
		}
	}
}
