package call

import (
	"fmt"
	"slices"
	"time"
)

// TransferTo begins a transfer to an agent who has been reserved for the call at
// the revision. A cold one lets the present agent go at once.
func (c Call) TransferTo(agentID, to string, revision uint64, warm bool, ringFor time.Duration, now time.Time) (Call, error) {
	if err := c.owned(agentID); err != nil {
		return c, err
	}
	if c.Revision != revision {
		return c, fmt.Errorf("%w: %s", ErrMoved, c.CallID)
	}
	if _, engaged := c.Engaged()[to]; engaged {
		return c, fmt.Errorf("%w: %s is in call %s already", ErrBusy, clip(to), c.CallID)
	}
	until := stamp(now.Add(ringFor))
	n := c.change()
	n.Move = &Move{From: agentID, AgentID: to, Warm: warm, Since: stamp(now), Until: until, GiveUp: until}
	if err := n.move(Transfer, Entry{At: now, Event: "transferring", AgentID: to, By: ByAgent, Note: temperature(warm)}); err != nil {
		return c, err
	}
	if !warm {
		n.AgentID = ""
	}
	return n, nil
}

func temperature(warm bool) string {
	if warm {
		return "warm"
	}
	return "cold"
}

// TransferToQueue begins a transfer to a queue. A cold one puts the call at the
// head of that line; a warm one looks for an agent there for as long as giveUp.
func (c Call) TransferToQueue(agentID, queue string, warm bool, giveUp time.Duration, now time.Time) (Call, error) {
	if err := c.owned(agentID); err != nil {
		return c, err
	}
	n := c.change()
	if warm {
		until := stamp(now.Add(giveUp))
		n.Move = &Move{From: agentID, Queue: queue, Warm: true, Since: stamp(now), Until: until, GiveUp: until}
		n.Tried = nil
		if err := n.move(Transfer, Entry{At: now, Event: "transferring", Queue: queue, By: ByAgent, Note: "warm"}); err != nil {
			return c, err
		}
		return n, nil
	}
	// Not while a transfer is on its way already.
	if _, err := Next(c.State, Transfer); err != nil {
		return c, err
	}
	n.Transfers++
	n.Tried = nil
	if err := n.requeue(queue, true, Entry{At: now, Event: "waiting", Queue: queue, By: ByAgent, Note: "cold"}); err != nil {
		return c, err
	}
	return n, nil
}

// CompleteTransfer hands the call over to the agent who has been consulted.
func (c Call) CompleteTransfer(agentID string, now time.Time) (Call, error) {
	if err := c.owned(agentID); err != nil {
		return c, err
	}
	if c.Move == nil || !c.Move.Consulting {
		return c, fmt.Errorf("%w: nobody is consulted in call %s", ErrWrongState, c.CallID)
	}
	return c.handOver(Entry{At: now, Event: "transferred", By: ByAgent})
}

func (c Call) handOver(e Entry) (Call, error) {
	n := c.change()
	e.AgentID = c.Move.AgentID
	if queue := c.Move.Queue; queue != "" {
		n.Queue = queue
	}
	n.Move = nil
	n.Transfers++
	n.takes(e.AgentID, e.At)
	if err := n.move(TakeOver, e); err != nil {
		return c, err
	}
	return n, nil
}

// CancelTransfer takes the call back.
func (c Call) CancelTransfer(agentID string, now time.Time) (Call, error) {
	if err := c.owned(agentID); err != nil {
		return c, err
	}
	if c.State != Transferring {
		return c, fmt.Errorf("%w: call %s is not being transferred", ErrWrongState, c.CallID)
	}
	return c.change().unmoved(Entry{At: now, Event: "transfer_cancelled", AgentID: agentID, By: ByAgent})
}

// unmoved ends a transfer that nobody took: it is for the agent who began it, or
// for the head of the line when that one has gone.
func (c Call) unmoved(e Entry) (Call, error) {
	c.Move = nil
	if c.AgentID != "" {
		return c.moved(Return, e)
	}
	if err := c.requeue(c.Queue, true, e); err != nil {
		return c, err
	}
	return c, nil
}

// requeue puts the call in line. Nobody but the caller stays.
func (c *Call) requeue(queue string, front bool, e Entry) error {
	c.AgentID, c.Ring, c.Move = "", nil, nil
	c.Guests, c.Supervisors, c.Mutes = []Guest{}, []Supervisor{}, []Mute{}
	if queue != c.Queue {
		c.Tried = nil
	}
	c.Queue, c.Front, c.QueuedAt = queue, front, stamp(e.At)
	return c.move(Requeue, e)
}

// Overflow moves a waiting call to another queue.
func (c Call) Overflow(queue string, now time.Time) (Call, error) {
	n := c.change()
	at := c.QueuedAt
	if err := n.requeue(queue, false, Entry{At: now, Event: "overflowed", Queue: queue, By: BySystem}); err != nil {
		return c, err
	}
	n.QueuedAt = at // who has waited keeps the place
	n.Been = append(slices.Clone(c.Been), c.Queue)
	return n, nil
}
