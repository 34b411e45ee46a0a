package desk

import (
	"context"
	"errors"
	"fmt"

	"hutong/gateway/call"
	"hutong/gateway/store"
)

// finish writes down a call that has ended, and only then lets everybody know.
// The call stays in its bucket until that is done: whoever finds it there does
// the rest, on any node, after any crash.
func (s *Service) finish(ctx context.Context, c call.Call) error {
	if err := s.past.write(ctx, Record{Call: c, Quality: s.meter.timeline(ctx, c.CallID)}); err != nil {
		return fmt.Errorf("call %s has ended, but is not written down yet: %w", c.CallID, err)
	}
	s.drop(ctx, c.Caller.UserID, c.CallID)
	s.closeRoom(ctx, c.CallID)
	for agentID := range s.boundTo(c.CallID) {
		s.flow.follow(ctx, agentID, c, false)
	}
	if err := s.calls.Delete(ctx, c.CallID, 0); err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("call %s: %w", c.CallID, err)
	}
	s.index.ended(c)
	s.o.Changed(c.CallID)
	s.report("call_ended", c)
	s.meter.forget(ctx, c.CallID)
	d := c.Durations(c.EndedAt)
	s.o.Log.Info("call ended", "call", c.CallID, "queue", c.Queue, "reason", c.Reason, "by", c.EndedBy, "waited_ms", d.Waited, "talked_ms", d.Talked)
	return nil
}

// boundTo are the agents who are bound to a call, as this node knows it.
func (s *Service) boundTo(callID string) map[string]bool {
	out := map[string]bool{}
	for _, seat := range s.seats() {
		if seat.CallID == callID {
			out[seat.AgentID] = true
		}
	}
	return out
}

// finishLeftover finishes what somebody else has begun to.
func (s *Service) finishLeftover(c call.Call) {
	if s.o.Now().Sub(c.EndedAt) < stuckAfter {
		return
	}
	ctx, cancel := context.WithTimeout(s.ctx, storeTimeout)
	defer cancel()
	now, err := s.getCall(ctx, c.CallID)
	if errors.Is(err, store.ErrNotFound) {
		s.index.ended(c)
		return
	}
	if err == nil && now.State == call.Ended {
		err = s.finish(ctx, now)
	}
	if err != nil && s.ctx.Err() == nil {
		s.o.Log.Warn("a call that has ended is not written down", "call", c.CallID, "error", err)
	}
}

// sawEnd takes note that a call is gone from the bucket: its record is there.
func (s *Service) sawEnd(callID string) {
	c, ok := s.index.call(callID)
	if !ok {
		return
	}
	if c.State != call.Ended { // its end was too quick to be seen
		ctx, cancel := context.WithTimeout(s.ctx, storeTimeout)
		defer cancel()
		r, err := s.past.get(ctx, callID)
		if err != nil {
			s.o.Log.Error("a call is gone without a record", "call", callID, "error", err)
			return
		}
		c = r.Call
	}
	s.index.ended(c)
	s.o.Changed(callID)
}
