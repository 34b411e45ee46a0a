package desk

import (
	"context"
	"errors"
	"fmt"

	"hutong/gateway/call"
	"hutong/gateway/store"
)

// changeCall compares and sets a call in the store. A call in the store that has
// ended is one whose end is not written down yet: nothing alters it.
func (s *Service) changeCall(ctx context.Context, callID string, f func(call.Call) (call.Call, error)) (before, after call.Call, err error) {
	if err := call.CheckID("callID", callID); err != nil {
		return before, after, err
	}
	err = store.Change(ctx, s.calls, callID, func(old []byte) ([]byte, error) {
		if old == nil {
			return nil, s.noCall(callID)
		}
		var err error
		if before, err = call.Decode(old); err != nil {
			return nil, err
		}
		if after, err = f(before); err != nil {
			return nil, err
		}
		if after.Revision == before.Revision {
			return old, nil
		}
		return after.Encode()
	})
	if err != nil {
		return call.Call{}, call.Call{}, err
	}
	s.index.note(after)
	return before, after, nil
}

func (s *Service) noCall(callID string) error {
	return fmt.Errorf("%w: there is no call %s, or it has ended", store.ErrNotFound, callID)
}

func (s *Service) getCall(ctx context.Context, callID string) (call.Call, error) {
	if err := call.CheckID("callID", callID); err != nil {
		return call.Call{}, err
	}
	data, _, err := s.calls.Get(ctx, callID)
	if errors.Is(err, store.ErrNotFound) {
		return call.Call{}, s.noCall(callID)
	}
	if err != nil {
		return call.Call{}, err
	}
	return call.Decode(data)
}

// getAgent returns an agent, as one who has not come yet when the store has none.
func (s *Service) getAgent(ctx context.Context, agentID string) (call.Agent, error) {
	data, _, err := s.agents.Get(ctx, agentID)
	if errors.Is(err, store.ErrNotFound) {
		return call.NewAgent(agentID, s.o.Now()), nil
	}
	if err != nil {
		return call.Agent{}, err
	}
	return call.DecodeAgent(data)
}

func (s *Service) changeAgent(ctx context.Context, agentID string, f func(call.Agent) call.Agent) (call.Agent, error) {
	return s.reserveAgent(ctx, agentID, func(a call.Agent) (call.Agent, error) { return f(a), nil })
}

func (s *Service) reserveAgent(ctx context.Context, agentID string, f func(call.Agent) (call.Agent, error)) (after call.Agent, err error) {
	if err := call.CheckID("agentID", agentID); err != nil {
		return after, err
	}
	err = store.Change(ctx, s.agents, agentID, func(old []byte) ([]byte, error) {
		a := call.NewAgent(agentID, s.o.Now())
		if old != nil {
			var err error
			if a, err = call.DecodeAgent(old); err != nil {
				return nil, err
			}
		}
		if after, err = f(a); err != nil {
			return nil, err
		}
		if after == a {
			return old, nil
		}
		return after.Encode()
	})
	return after, err
}
