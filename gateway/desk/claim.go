package desk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"hutong/gateway/call"
	"hutong/gateway/store"
)

// A claim names the one call that a user has, under the userID: whichever node
// creates it places the call, and every other node returns the user to that call.
// It is there before the call, and is dropped when the call's end is written down.

const (
	// claimLook is how often a node looks whether a claimed call is there.
	claimLook = 20 * time.Millisecond
	// claimStale is how long a claim may have no call before it is taken from a
	// node that must have died between the two.
	claimStale = 5 * time.Second
)

// claimed is a claim of this node's.
type claimed struct {
	userID, callID string
	revision       uint64
}

// claim has a call be the only one of a user. Where the user has another, other
// is its callID.
func (s *Service) claim(ctx context.Context, userID, callID string) (mine claimed, other string, err error) {
	var seen uint64
	var since time.Time
	for {
		revision, err := s.claims.Create(ctx, userID, []byte(callID))
		if err == nil {
			return claimed{userID, callID, revision}, "", nil
		}
		if !errors.Is(err, store.ErrExists) {
			return claimed{}, "", err
		}
		value, revision, err := s.claims.Get(ctx, userID)
		if errors.Is(err, store.ErrNotFound) {
			continue // dropped this moment
		}
		if err != nil {
			return claimed{}, "", err
		}
		if seen != revision {
			seen, since = revision, time.Now()
		}
		switch there, over, err := s.stands(ctx, string(value)); {
		case err != nil:
			return claimed{}, "", err
		case there:
			return claimed{}, string(value), nil
		case over || time.Since(since) > cmp.Or(s.o.stale, claimStale):
			revision, err = s.claims.Update(ctx, userID, []byte(callID), revision)
			if err == nil {
				return claimed{userID, callID, revision}, "", nil
			}
			if !errors.Is(err, store.ErrConflict) {
				return claimed{}, "", err
			}
		default:
			look := time.NewTimer(claimLook)
			select {
			case <-look.C:
			case <-ctx.Done():
				look.Stop()
				return claimed{}, "", fmt.Errorf("%w: the call of %s is being placed by another node; try again", store.ErrUnavailable, userID)
			}
		}
	}
}

// stands says whether a call goes on, or is over; neither of one that has not been
// made yet.
func (s *Service) stands(ctx context.Context, callID string) (there, over bool, err error) {
	c, err := s.getCall(ctx, callID)
	if err == nil {
		return c.State != call.Ended, c.State == call.Ended, nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return false, false, err
	}
	_, err = s.past.get(ctx, callID)
	switch {
	case err == nil, errors.Is(err, call.ErrCorrupt):
		return false, true, nil
	case errors.Is(err, store.ErrNotFound):
		err = nil
	}
	return false, false, err
}

// confirm has a claim stand until its call ends: afterwards nobody takes it for
// stale. When this node took so long that another has placed a call of the same
// user meanwhile, it ends its own.
func (s *Service) confirm(ctx context.Context, mine claimed) error {
	_, err := s.claims.Update(ctx, mine.userID, []byte(mine.callID), mine.revision)
	if !errors.Is(err, store.ErrConflict) {
		return err
	}
	_, err = s.HangUp(ctx, mine.callID, call.BySystem, Account{})
	if err != nil && over(err) {
		return nil // answered and hung up by now: its claim went with it
	}
	return errors.Join(fmt.Errorf("%w: call %s of %s was placed by another node meanwhile; try again", store.ErrConflict, mine.callID, mine.userID), err)
}

// drop ends the claim of a call, unless the user has another by now.
func (s *Service) drop(ctx context.Context, userID, callID string) {
	err := store.Change(ctx, s.claims, userID, func(old []byte) ([]byte, error) {
		if string(old) == callID {
			return nil, nil
		}
		return old, nil
	})
	if err != nil && s.ctx.Err() == nil {
		s.o.Log.Warn("a user's claim stays after the call", "user", userID, "call", callID, "error", err)
	}
}
