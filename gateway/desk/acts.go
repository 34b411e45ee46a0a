package desk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"hutong/gateway/call"
	"hutong/gateway/config"
	"hutong/gateway/room"
	"hutong/gateway/rooms"
	"hutong/gateway/store"
)

// do changes a call, and does what follows from it.
func (s *Service) do(ctx context.Context, callID string, f func(call.Call) (call.Call, error)) (before, after call.Call, err error) {
	return s.tell(ctx, callID, func() (before, after call.Call, err error) { return s.flow.change(ctx, callID, f) })
}

// bind has a call name an agent, and does what follows from it.
func (s *Service) bind(ctx context.Context, callID, agentID string, e call.Engagement, f func(call.Call, uint64) (call.Call, error)) (after call.Call, err error) {
	_, after, err = s.tell(ctx, callID, func() (before, after call.Call, err error) { return s.flow.engage(ctx, callID, agentID, e, f) })
	return after, err
}

// tell changes a call, tells back ends, and does what follows. Until it is told
// nothing else here changes the call, so that what one node does is told in order.
func (s *Service) tell(ctx context.Context, callID string, change func() (before, after call.Call, err error)) (before, after call.Call, err error) {
	unlock, err := s.lock(ctx, callID)
	if err != nil {
		return call.Call{}, call.Call{}, err
	}
	before, after, err = change()
	changed := err == nil && before.Revision != after.Revision
	if changed && after.State != call.Ended {
		s.reportAll(before, after)
	}
	unlock()
	if changed {
		err = s.follows(ctx, after)
	}
	return before, after, err
}

func (s *Service) lock(ctx context.Context, callID string) (unlock func(), err error) {
	unlock, err = s.lanes.Lock(ctx, callID)
	if err != nil {
		return nil, fmt.Errorf("call %s: %w: others are changing it: %w; try again", callID, store.ErrUnavailable, err)
	}
	return unlock, nil
}

// follows writes down a call that has ended, or takes out of the room who has no
// part in the call any more.
func (s *Service) follows(ctx context.Context, c call.Call) error {
	s.o.Changed(c.CallID)
	if c.State == call.Ended {
		return s.finish(ctx, c)
	}
	s.clearRoom(ctx, c)
	return nil
}

// clearRoom takes everybody out of a call's room who has no part in it.
func (s *Service) clearRoom(ctx context.Context, c call.Call) {
	for _, m := range s.o.Rooms.Members(c.CallID) {
		if c.TakesPart(m.UserID) {
			continue
		}
		err := s.o.Rooms.Remove(ctx, c.CallID, m.UserID)
		if err != nil && !errors.Is(err, room.ErrNotMember) && !errors.Is(err, rooms.ErrRoomNotFound) {
			s.o.Log.Warn("somebody stays in the room of a call", "call", c.CallID, "user", m.UserID, "error", err)
		}
	}
}

func (s *Service) enterAgent(ctx context.Context, a Account, c call.Call) (Place, error) {
	return s.enter(ctx, c, room.Joining{UserID: call.UserOf(a.AgentID), NickName: a.NickName, Role: room.Agent, Client: room.WebRTC})
}

// Answer is an agent's yes to what rings.
func (s *Service) Answer(ctx context.Context, a Account, callID string) (Place, error) {
	_, c, err := s.do(ctx, callID, func(c call.Call) (call.Call, error) { return c.Answer(a.AgentID, s.o.Now()) })
	if err != nil {
		return Place{}, err
	}
	s.changeAgent(ctx, a.AgentID, func(g call.Agent) call.Agent { g.Missed = 0; return g })
	s.o.Log.Info("call answered", "call", callID, "agent", a.AgentID)
	return s.enterAgent(ctx, a, c)
}

// Reject is an agent's no.
func (s *Service) Reject(ctx context.Context, a Account, callID string) (call.Call, error) {
	return s.simple(ctx, callID, func(c call.Call) (call.Call, error) {
		if q, err := s.queue(c.Queue); err == nil && q.OnReject == config.OnRejectEnd {
			return c.RejectAndEnd(a.AgentID, s.o.Now())
		}
		return c.Reject(a.AgentID, "rejected", s.o.Now())
	})
}

func (s *Service) simple(ctx context.Context, callID string, f func(call.Call) (call.Call, error)) (call.Call, error) {
	_, c, err := s.do(ctx, callID, f)
	return c, err
}

// Hold puts the caller on hold, or ends that.
func (s *Service) Hold(ctx context.Context, a Account, callID string, on bool) (call.Call, error) {
	return s.simple(ctx, callID, func(c call.Call) (call.Call, error) {
		if on {
			return c.Hold(a.AgentID, s.o.Now())
		}
		return c.Resume(a.AgentID, s.o.Now())
	})
}

// Mute cuts what the others get of a member.
func (s *Service) Mute(ctx context.Context, a Account, callID, userID string, audio, video *bool) (call.Call, error) {
	return s.simple(ctx, callID, func(c call.Call) (call.Call, error) { return c.Muted(a.AgentID, userID, audio, video, s.o.Now()) })
}

// Transfer begins a transfer to an agent, or to a queue.
func (s *Service) Transfer(ctx context.Context, a Account, callID, agentID, queueID string, warm bool) (call.Call, error) {
	within := s.set.Load().TransferTimeout.Std()
	switch {
	case (agentID == "") == (queueID == ""):
		return call.Call{}, fmt.Errorf("%w: transfer to an agent or to a queue; name one of them", call.ErrBadData)
	case queueID != "":
		if _, err := s.queue(queueID); err != nil {
			return call.Call{}, err
		}
		return s.simple(ctx, callID, func(c call.Call) (call.Call, error) {
			return c.TransferToQueue(a.AgentID, queueID, warm, within, s.o.Now())
		})
	}
	if _, ok := s.Account(agentID); !ok {
		return call.Call{}, fmt.Errorf("%w: %q", ErrNoAgent, agentID)
	}
	return s.bind(ctx, callID, agentID, call.AtRing, func(c call.Call, revision uint64) (call.Call, error) {
		return c.TransferTo(a.AgentID, agentID, revision, warm, within, s.o.Now())
	})
}

// CompleteTransfer hands the call to the agent who was consulted.
func (s *Service) CompleteTransfer(ctx context.Context, a Account, callID string) (call.Call, error) {
	return s.simple(ctx, callID, func(c call.Call) (call.Call, error) { return c.CompleteTransfer(a.AgentID, s.o.Now()) })
}

// CancelTransfer takes the call back.
func (s *Service) CancelTransfer(ctx context.Context, a Account, callID string) (call.Call, error) {
	return s.simple(ctx, callID, func(c call.Call) (call.Call, error) { return c.CancelTransfer(a.AgentID, s.o.Now()) })
}

// Invite asks an agent into the call.
func (s *Service) Invite(ctx context.Context, a Account, callID, agentID string) (call.Call, error) {
	other, ok := s.Account(agentID)
	if !ok {
		return call.Call{}, fmt.Errorf("%w: %q", ErrNoAgent, agentID)
	}
	return s.bind(ctx, callID, agentID, call.AtRing, func(c call.Call, revision uint64) (call.Call, error) {
		n, _, err := c.Invite(a.AgentID, call.Inviting{AgentID: agentID, NickName: other.NickName, Role: other.Role, Revision: revision,
			For: s.set.Load().TransferTimeout.Std()}, s.o.Now())
		return n, err
	})
}

// guestFor is how long somebody from outside may take to come.
const guestFor = 15 * time.Minute

// InviteGuest makes a place for somebody from outside, who is handed it by the
// agent.
func (s *Service) InviteGuest(ctx context.Context, a Account, callID, nickName, role string, client room.Client) (Place, error) {
	var g call.Guest
	_, c, err := s.do(ctx, callID, func(c call.Call) (n call.Call, err error) {
		n, g, err = c.Invite(a.AgentID, call.Inviting{NickName: nickName, Role: role, For: guestFor}, s.o.Now())
		return n, err
	})
	if err != nil {
		return Place{}, err
	}
	return s.enter(ctx, c, room.Joining{UserID: g.UserID, NickName: g.NickName, Role: room.Guest, Client: client})
}

// Dismiss takes a third party out.
func (s *Service) Dismiss(ctx context.Context, a Account, callID, userID string) (call.Call, error) {
	return s.simple(ctx, callID, func(c call.Call) (call.Call, error) { return c.Dismiss(a.AgentID, userID, s.o.Now()) })
}

// Supervise has a supervisor listen, whisper or join.
func (s *Service) Supervise(ctx context.Context, a Account, callID string, m call.Mode) (Place, error) {
	if !a.Supervises() {
		return Place{}, fmt.Errorf("%w: this takes a supervisor", ErrNoRight)
	}
	c, err := s.getCall(ctx, callID)
	if err != nil {
		return Place{}, err
	}
	if slices.ContainsFunc(c.Supervisors, func(x call.Supervisor) bool { return x.AgentID == a.AgentID }) {
		c, err = s.simple(ctx, callID, func(c call.Call) (call.Call, error) { return c.Supervise(a.AgentID, m, 0, s.o.Now()) })
	} else {
		c, err = s.bind(ctx, callID, a.AgentID, call.Beside, func(c call.Call, revision uint64) (call.Call, error) {
			return c.Supervise(a.AgentID, m, revision, s.o.Now())
		})
	}
	if err != nil {
		return Place{}, err
	}
	return s.enterAgent(ctx, a, c)
}

// Leave takes a third party or a supervisor out at their own wish.
func (s *Service) Leave(ctx context.Context, a Account, callID string) (call.Call, error) {
	return s.simple(ctx, callID, func(c call.Call) (call.Call, error) { return c.Leave(a.AgentID, s.o.Now()) })
}

// Rejoin gives an agent who takes part the room again.
func (s *Service) Rejoin(ctx context.Context, a Account, callID string) (Place, error) {
	c, err := s.getCall(ctx, callID)
	if err != nil {
		return Place{}, err
	}
	if !c.TakesPart(call.UserOf(a.AgentID)) {
		return Place{}, fmt.Errorf("%w: %s takes no part in call %s", call.ErrNotYours, a.AgentID, callID)
	}
	return s.enterAgent(ctx, a, c)
}

// HangUp ends a call. by is one of the words of [call.Call.HangUp]; an agent has
// to be the call's, a supervisor ends any.
func (s *Service) HangUp(ctx context.Context, callID, by string, a Account) (call.Call, error) {
	return s.simple(ctx, callID, func(c call.Call) (call.Call, error) {
		switch {
		case by == call.ByAgent && c.AgentID == a.AgentID:
			return c.HangUpBy(a.AgentID, s.o.Now())
		case by == call.ByAgent && a.Supervises():
			return c.HangUp(call.BySupervisor, s.o.Now())
		case by == call.ByAgent:
			return c.HangUpBy(a.AgentID, s.o.Now())
		}
		return c.HangUp(by, s.o.Now())
	})
}

// Annotate writes notes and the outcome of a call that goes on, or of one that
// has ended into its record.
func (s *Service) Annotate(ctx context.Context, a Account, callID string, notes, outcome *string) (*call.Call, *Record, error) {
	mine := func(c call.Call) bool {
		_, engaged := c.Engaged()[a.AgentID]
		return engaged || a.Supervises() || slices.Contains(c.Served, a.AgentID)
	}
	_, c, err := s.do(ctx, callID, func(c call.Call) (call.Call, error) {
		if !mine(c) {
			return c, fmt.Errorf("%w: %s took no part in call %s", call.ErrNotYours, a.AgentID, callID)
		}
		if c.State == call.Ended {
			return c, s.noCall(callID)
		}
		return c.Annotate(notes, outcome)
	})
	if err == nil {
		return &c, nil, nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return nil, nil, err
	}
	r, err := s.past.change(ctx, callID, func(r *Record) error {
		if !mine(r.Call) {
			return fmt.Errorf("%w: %s took no part in call %s", call.ErrNotYours, a.AgentID, callID)
		}
		r.Call, err = r.Call.Annotate(notes, outcome)
		return err
	})
	return nil, r, err
}

// Rate notes what the caller thought of a call, up to an hour after its end.
func (s *Service) Rate(ctx context.Context, callID string, rating call.Rating) error {
	_, _, err := s.do(ctx, callID, func(c call.Call) (call.Call, error) {
		if c.State == call.Ended {
			return c, s.noCall(callID)
		}
		return c.Rate(rating)
	})
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	_, err = s.past.change(ctx, callID, func(r *Record) error {
		if s.o.Now().Sub(r.Call.EndedAt) > rateWithin {
			return fmt.Errorf("%w: call %s ended more than %v ago", call.ErrWrongState, callID, rateWithin)
		}
		r.Call, err = r.Call.Rate(rating)
		return err
	})
	return err
}
