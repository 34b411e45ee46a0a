package call

import (
	"fmt"
	"slices"
	"time"
)

// End ends the call.
func (c Call) End(why Reason, by string, now time.Time) (Call, error) {
	n := c.change()
	if err := n.move(End, Entry{At: now, Event: "ended", AgentID: c.AgentID, By: by, Note: string(why)}); err != nil {
		return c, err
	}
	n.Reason, n.EndedBy, n.EndedAt = why, by, n.StateAt
	n.Ring, n.Move = nil, nil
	return n, nil
}

// HangUp ends the call at somebody's wish.
func (c Call) HangUp(by string, now time.Time) (Call, error) {
	why := Completed
	if c.AnsweredAt.IsZero() {
		why = Failed
		if by == ByCaller {
			why = Abandoned
		}
	}
	return c.End(why, by, now)
}

// HangUpBy ends the call at an agent's wish, who has to be the call's.
func (c Call) HangUpBy(agentID string, now time.Time) (Call, error) {
	if err := c.owned(agentID); err != nil {
		return c, err
	}
	return c.HangUp(ByAgent, now)
}

// Away notes that the caller is in the room no more.
func (c Call) Away(now time.Time) (Call, error) {
	if c.State == Ended || !c.Caller.AwaySince.IsZero() {
		return c, nil
	}
	n := c.change()
	n.Caller.AwaySince = stamp(now)
	n.note(Entry{At: now, Event: "caller_away", By: BySystem})
	return n, nil
}

// Back notes that the caller has returned.
func (c Call) Back(client Caller, now time.Time) (Call, error) {
	if c.State == Ended || c.Caller.AwaySince.IsZero() && (client.Client == "" || client.Client == c.Caller.Client) {
		return c, nil
	}
	n := c.change()
	n.Caller.AwaySince = time.Time{}
	if client.Client != "" {
		n.Caller.Client = client.Client
	}
	n.note(Entry{At: now, Event: "caller_back", By: BySystem})
	return n, nil
}

// AgentLost takes an agent out who did not come back: the call rings elsewhere,
// goes to who was consulted, or to the head of the line.
func (c Call) AgentLost(agentID string, now time.Time) (Call, error) {
	switch {
	case c.State == Ended:
		return c, nil
	case c.ringsAt(agentID) || c.invited(agentID) >= 0:
		return c.Reject(agentID, "lost", now)
	case c.AgentID != agentID || agentID == "":
		n, err := c.without(agentID, "lost", now)
		if err != nil {
			return c, nil // has no part in it any more
		}
		return n, nil
	case c.Move != nil && c.Move.Consulting:
		return c.handOver(Entry{At: now, Event: "agent_lost", By: BySystem})
	}
	n := c.change()
	n.tried(agentID, now)
	if err := n.requeue(c.Queue, true, Entry{At: now, Event: "agent_lost", AgentID: agentID, By: BySystem}); err != nil {
		return c, err
	}
	return n, nil
}

// Rules are what a queue demands of calls.
type Rules struct {
	RingFor     time.Duration
	MaxWait     time.Duration // 0 is for ever
	RetryAfter  time.Duration // before an agent who did not take it is asked again
	CallerGrace time.Duration
	// OverflowTo takes calls that have waited for OverflowAfter; "" is none.
	OverflowTo    string
	OverflowAfter time.Duration
	// OnDuty says that agents serve the queue now.
	OnDuty bool
}

// Due does what time brings, one thing at a time, and returns false when there
// is nothing.
func (c Call) Due(r Rules, now time.Time) (Call, bool, error) {
	n, err := c, error(nil)
	expired := slices.IndexFunc(c.Guests, func(g Guest) bool { return !g.Joined && due(g.Until, now) })
	switch {
	case c.State == Ended:
		return c, false, nil
	case !c.Caller.AwaySince.IsZero() && due(c.Caller.AwaySince.Add(r.CallerGrace), now):
		why := Failed
		if c.AnsweredAt.IsZero() {
			why = Abandoned
		}
		n, err = c.End(why, ByCaller, now)
	case c.State == Ringing && due(c.Ring.Until, now):
		n, err = c.Reject(c.Ring.AgentID, "missed", now)
	case c.State == Transferring && c.Move.AgentID != "" && due(c.Move.Until, now):
		n, err = c.Reject(c.Move.AgentID, "missed", now)
	case c.State == Transferring && c.Move.AgentID == "" && due(c.Move.GiveUp, now):
		n, err = c.change().unmoved(Entry{At: now, Event: "transfer_failed", Queue: c.Move.Queue, By: BySystem})
	case expired >= 0:
		n = c.withoutGuest(expired, "missed", BySystem, now)
	case c.State == Waiting && r.OverflowTo != "" && !slices.Contains(c.Been, r.OverflowTo) && r.OverflowTo != c.Queue && due(c.QueuedAt.Add(r.OverflowAfter), now):
		n, err = c.Overflow(r.OverflowTo, now)
	case c.State == Waiting && r.MaxWait > 0 && due(c.QueuedAt.Add(r.MaxWait), now):
		why := Timeout
		if !r.OnDuty {
			why = NoAgent
		}
		n, err = c.End(why, BySystem, now)
	default:
		return c, false, nil
	}
	if err != nil {
		return c, false, fmt.Errorf("call %s: %w", c.CallID, err)
	}
	return n, true, nil
}
