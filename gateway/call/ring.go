package call

import (
	"fmt"
	"slices"
	"time"
)

// Offer has a waiting call ring at an agent who has been reserved for it at the
// revision, or a transfer to a queue at an agent of that queue.
func (c Call) Offer(agentID string, revision uint64, ringFor time.Duration, now time.Time) (Call, error) {
	if c.Revision != revision {
		return c, fmt.Errorf("%w: %s", ErrMoved, c.CallID)
	}
	n := c.change()
	until := stamp(now.Add(ringFor))
	if c.State == Transferring {
		if c.Move.Queue == "" || c.Move.AgentID != "" {
			return c, fmt.Errorf("%w: the transfer of %s looks for nobody", ErrWrongState, c.CallID)
		}
		n.Move.AgentID, n.Move.Until = agentID, until
	} else {
		n.Ring = &Ring{AgentID: agentID, Since: stamp(now), Until: until}
	}
	if err := n.move(Offer, Entry{At: now, Event: "ringing", AgentID: agentID, By: BySystem}); err != nil {
		return c, err
	}
	return n, nil
}

// ringsAt says whether the call waits for an agent's answer.
func (c Call) ringsAt(agentID string) bool {
	return c.State == Ringing && c.Ring.AgentID == agentID ||
		c.State == Transferring && c.Move.AgentID == agentID && !c.Move.Consulting
}

func (c Call) invited(agentID string) int {
	return slices.IndexFunc(c.Guests, func(g Guest) bool { return g.AgentID == agentID && !g.Joined })
}

// Answer is an agent's yes: to a call that rings, to a transfer, or to an
// invitation.
func (c Call) Answer(agentID string, now time.Time) (Call, error) {
	n := c.change()
	if i := c.invited(agentID); i >= 0 && c.State != Ended {
		n.Guests[i].Joined, n.Guests[i].Until = true, time.Time{}
		n.note(Entry{At: now, Event: "guest_joined", AgentID: agentID, By: ByAgent})
		return n, nil
	}
	if !c.ringsAt(agentID) {
		return c, c.notRinging(agentID)
	}
	e := Entry{At: now, Event: "answered", AgentID: agentID, By: ByAgent}
	switch {
	case c.State == Ringing:
		n.Ring = nil
		n.takes(agentID, now)
		return n.moved(Accept, e)
	case c.Move.Warm:
		n.Move.Consulting, n.Move.Until = true, time.Time{}
		e.Event = "consulting"
		return n.moved(Accept, e)
	}
	n.Move = nil
	n.Transfers++
	n.takes(agentID, now)
	e.Event = "transferred"
	return n.moved(TakeOver, e)
}

func (c *Call) takes(agentID string, now time.Time) {
	c.AgentID = agentID
	c.Front = false
	c.Tried = nil
	if c.AnsweredAt.IsZero() {
		c.AnsweredAt = stamp(now)
	}
	if !slices.Contains(c.Served, agentID) {
		c.Served = append(c.Served, agentID)
	}
}

func (c Call) notRinging(agentID string) error {
	if c.State == Ended {
		return fmt.Errorf("%w: call %s has ended", ErrWrongState, c.CallID)
	}
	return fmt.Errorf("%w: call %s does not ring at %s", ErrNotYours, c.CallID, clip(agentID))
}

// Reject is an agent's no, or silence: why is "rejected", "missed" or "lost".
func (c Call) Reject(agentID, why string, now time.Time) (Call, error) {
	if i := c.invited(agentID); i >= 0 && c.State != Ended {
		n := c.change()
		n.Guests = slices.Delete(n.Guests, i, i+1)
		n.note(Entry{At: now, Event: why, AgentID: agentID, By: ByAgent})
		return n, nil
	}
	if !c.ringsAt(agentID) {
		return c, c.notRinging(agentID)
	}
	n := c.change()
	n.tried(agentID, now)
	e := Entry{At: now, Event: why, AgentID: agentID, By: ByAgent}
	switch {
	case c.State == Ringing:
		n.Ring = nil
		return n.moved(Decline, e)
	case c.Move.Queue != "":
		n.Move.AgentID, n.Move.Until = "", c.Move.GiveUp
		return n.moved(Decline, e)
	}
	return n.unmoved(e)
}

func (c *Call) tried(agentID string, now time.Time) {
	if c.Tried == nil {
		c.Tried = map[string]time.Time{}
	}
	c.Tried[agentID] = stamp(now)
}

// RejectAndEnd is Reject where the queue ends calls that an agent rejects.
func (c Call) RejectAndEnd(agentID string, now time.Time) (Call, error) {
	if c.State != Ringing || !c.ringsAt(agentID) {
		return c.Reject(agentID, "rejected", now)
	}
	n, err := c.Reject(agentID, "rejected", now)
	if err != nil {
		return c, err
	}
	return n.End(Rejected, ByAgent, now)
}
