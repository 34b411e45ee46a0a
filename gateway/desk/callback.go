package desk

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"hutong/gateway/call"
	"hutong/gateway/room"
	"hutong/gateway/rooms/webhook"
	"hutong/gateway/store"
)

// Callback is somebody who asks to be called back.
type Callback struct {
	CallbackID  string     `json:"callbackID"`
	Queue       string     `json:"queue"`
	UserID      string     `json:"userID,omitempty"`
	NickName    string     `json:"nickName"`
	Contact     string     `json:"contact"`
	Note        string     `json:"note"`
	UserData    any        `json:"userData,omitempty"`
	State       string     `json:"state"` // open, done
	CreatedAt   time.Time  `json:"createdAt"`
	SettledAt   *time.Time `json:"settledAt,omitempty"`
	SettledBy   string     `json:"settledBy,omitempty"`
	SettledNote string     `json:"settledNote,omitempty"`
}

// maxOpenCallbacks bounds what strangers can have the gateway keep.
const maxOpenCallbacks = 10_000

// AskCallback notes a request.
func (s *Service) AskCallback(ctx context.Context, b Callback) (Callback, error) {
	q, err := s.queue(b.Queue)
	if err != nil {
		return Callback{}, err
	}
	if !q.Callback {
		return Callback{}, fmt.Errorf("%w: %s takes none", ErrNoCallback, b.Queue)
	}
	if b.Contact == "" {
		return Callback{}, fmt.Errorf("%w: contact is empty; say where to call", call.ErrBadData)
	}
	if b.UserID != "" {
		if err := room.CheckUserID(b.UserID); err != nil {
			return Callback{}, err
		}
	}
	for _, err := range []error{call.CheckName("nickName", b.NickName), call.CheckText("contact", b.Contact, 512), call.CheckText("note", b.Note, 4000)} {
		if err != nil {
			return Callback{}, err
		}
	}
	if n, err := s.backs.Count(ctx); err != nil || n >= maxOpenCallbacks {
		return Callback{}, errors.Join(err, fmt.Errorf("%w: %d call-back requests", ErrFull, n))
	}
	b.CallbackID, b.State, b.CreatedAt = newID("b"), "open", s.o.Now().UTC().Truncate(time.Millisecond)
	if err := putJSON(ctx, s.backs, b.CallbackID, b); err != nil {
		return Callback{}, err
	}
	s.hooks.Send(webhook.Event{Event: "callback_requested", At: b.CreatedAt, CallID: b.CallbackID, Call: b})
	return b, nil
}

// Callbacks are the requests of a queue in a state; what is empty fits all. The
// oldest come first, at most a thousand.
func (s *Service) Callbacks(ctx context.Context, queueID, state string) ([]Callback, error) {
	out := []Callback{}
	for cursor := ""; ; {
		entries, next, err := s.backs.List(ctx, "", cursor, 1000)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			var b Callback
			if json.Unmarshal(e.Value, &b) == nil && (queueID == "" || b.Queue == queueID) && (state == "" || b.State == state) {
				out = append(out, b)
			}
		}
		if cursor = next; next == "" {
			break
		}
	}
	slices.SortFunc(out, func(a, b Callback) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.CallbackID, b.CallbackID))
	})
	return out[:min(len(out), 1000)], nil
}

// SettleCallback says that somebody was called back, or was not after all.
func (s *Service) SettleCallback(ctx context.Context, id, state, note, by string) (Callback, error) {
	if state != "open" && state != "done" {
		return Callback{}, fmt.Errorf("%w: state %q; use open or done", call.ErrBadData, state)
	}
	if err := errors.Join(call.CheckID("callbackID", id), call.CheckText("note", note, 4000)); err != nil {
		return Callback{}, err
	}
	var b Callback
	err := store.Change(ctx, s.backs, id, func(old []byte) ([]byte, error) {
		if old == nil {
			return nil, fmt.Errorf("%w: there is no call-back request %s", store.ErrNotFound, id)
		}
		b = Callback{}
		if err := json.Unmarshal(old, &b); err != nil {
			return nil, err
		}
		now := s.o.Now().UTC().Truncate(time.Millisecond)
		b.State, b.SettledNote, b.SettledBy, b.SettledAt = state, note, by, &now
		if state == "open" {
			b.SettledAt, b.SettledBy = nil, ""
		}
		return json.Marshal(b)
	})
	return b, err
}
