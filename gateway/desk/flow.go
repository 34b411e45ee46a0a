package desk

import (
	"context"
	"errors"
	"fmt"
	"time"

	"hutong/gateway/call"
	"hutong/gateway/store"
)

// records are the calls and agents there are. Each method is one step: what it
// reads or changes is one record.
type records interface {
	// getCall returns [store.ErrNotFound] for a call that is no more.
	getCall(ctx context.Context, callID string) (call.Call, error)
	// changeCall replaces a call by f of it. What f returns with an error is not
	// written; an unchanged call is not written either.
	changeCall(ctx context.Context, callID string, f func(call.Call) (call.Call, error)) (before, after call.Call, err error)
	getAgent(ctx context.Context, agentID string) (call.Agent, error)
	changeAgent(ctx context.Context, agentID string, f func(call.Agent) call.Agent) (call.Agent, error)
	// reserveAgent is changeAgent with an f that may refuse.
	reserveAgent(ctx context.Context, agentID string, f func(call.Agent) (call.Agent, error)) (call.Agent, error)
}

// flow keeps calls and agents in step. A process may die between any two of its
// steps, and others may do theirs in between: whenever a call names an agent,
// that agent is bound to the call, so that nobody is ever in two; who is bound
// to a call that does not name them is released by whoever comes by.
type flow struct {
	records
	now func() time.Time
	// wrapUp is how long a wrap-up takes after a call.
	wrapUp func(call.Call) time.Duration
}

// maxMoved is how often an agent is reserved anew for a call that changes all the
// time.
const maxMoved = 5

// engage binds an agent to a call, and has the call name the agent by f, which is
// given the revision that f has to demand.
func (w *flow) engage(ctx context.Context, callID, agentID string, e call.Engagement,
	f func(c call.Call, revision uint64) (call.Call, error)) (before, after call.Call, err error) {
	for range maxMoved {
		c, err := w.getCall(ctx, callID)
		if err != nil {
			return call.Call{}, call.Call{}, err
		}
		if _, err := f(c, c.Revision); err != nil {
			return call.Call{}, call.Call{}, err // before anybody is bound for nothing
		}
		if _, err := w.reserveAgent(ctx, agentID, func(a call.Agent) (call.Agent, error) {
			return a.Reserve(callID, c.Revision, e, w.now())
		}); err != nil {
			return call.Call{}, call.Call{}, err
		}
		before, after, err := w.changeCall(ctx, callID, func(now call.Call) (call.Call, error) { return f(now, c.Revision) })
		if err == nil {
			w.settle(ctx, before, after)
			return before, after, nil
		}
		w.unbind(ctx, callID, agentID)
		if !errors.Is(err, call.ErrMoved) {
			return call.Call{}, call.Call{}, err
		}
	}
	return call.Call{}, call.Call{}, fmt.Errorf("%w: call %s changes all the time; try again", store.ErrConflict, callID)
}

// change alters a call, and then the agents that it named or names.
func (w *flow) change(ctx context.Context, callID string, f func(call.Call) (call.Call, error)) (before, after call.Call, err error) {
	before, after, err = w.changeCall(ctx, callID, f)
	if err == nil && before.Revision != after.Revision {
		w.settle(ctx, before, after)
	}
	return before, after, err
}

// settle brings the agents of a call that has changed into step. What fails is
// left to the next round.
func (w *flow) settle(ctx context.Context, before, after call.Call) {
	agents := before.Engaged()
	for id, e := range after.Engaged() {
		agents[id] = e
	}
	for id := range agents {
		w.follow(ctx, id, after, false)
	}
}

func (w *flow) follow(ctx context.Context, agentID string, c call.Call, gone bool) error {
	_, err := w.changeAgent(ctx, agentID, func(a call.Agent) call.Agent { return a.Follow(c, gone, w.wrapUp(c), w.now()) })
	return err
}

// sync compares an agent with the call they are bound to.
func (w *flow) sync(ctx context.Context, agentID, callID string) error {
	c, err := w.getCall(ctx, callID)
	if errors.Is(err, store.ErrNotFound) {
		return w.follow(ctx, agentID, call.Call{CallID: callID}, true)
	}
	if err != nil {
		return err
	}
	return w.follow(ctx, agentID, c, false)
}

// unbind releases an agent from a call that was never to name them. As long as
// the call is at the revision of the reservation, another could still be about to
// use it, so the call moves on first.
func (w *flow) unbind(ctx context.Context, callID, agentID string) error {
	a, err := w.getAgent(ctx, agentID)
	if err != nil || a.CallID != callID {
		return err
	}
	_, _, err = w.changeCall(ctx, callID, func(c call.Call) (call.Call, error) {
		if _, engaged := c.Engaged()[agentID]; engaged || c.Revision > a.Ticket {
			return c, nil
		}
		return c.Touch(), nil
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return w.sync(ctx, agentID, callID)
}

// repair compares an agent with the call they are bound to, and releases who was
// bound to it for nothing: stuck is how long whoever did that may take to use it.
func (w *flow) repair(ctx context.Context, a call.Agent, stuck time.Duration) error {
	if a.CallID == "" {
		return nil
	}
	c, err := w.getCall(ctx, a.CallID)
	if errors.Is(err, store.ErrNotFound) {
		return w.follow(ctx, a.AgentID, call.Call{CallID: a.CallID}, true)
	}
	if err != nil {
		return err
	}
	if _, engaged := c.Engaged()[a.AgentID]; !engaged && c.Revision <= a.Ticket {
		if w.now().Sub(a.ReservedAt) <= stuck {
			return nil
		}
		return w.unbind(ctx, a.CallID, a.AgentID)
	}
	return w.follow(ctx, a.AgentID, c, false)
}
