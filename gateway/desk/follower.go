package desk

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"hutong/gateway/call"
	"hutong/gateway/session"
)

// Follower is the WebSocket of a caller.
type Follower struct {
	s              *Service
	callID, userID string
	out            *session.Outbox

	mu      sync.Mutex
	sent    []byte
	closed  bool
	unwatch func()
}

// Follow tells a caller how the call is, through out, until it has ended.
func (s *Service) Follow(ctx context.Context, callID, userID string, out *session.Outbox) (*Follower, error) {
	c, ok := s.index.view(callID)
	if !ok || c.Caller.UserID != userID {
		return nil, s.noCall(callID)
	}
	s.o.Rooms.Heartbeat(ctx, callID, userID)
	f := &Follower{s: s, callID: callID, userID: userID, out: out}
	f.mu.Lock() // whoever follows next waits until there is something to end
	defer f.mu.Unlock()
	s.followersMu.Lock()
	old := s.followers[callID]
	s.followers[callID] = f
	s.followersMu.Unlock()
	if old != nil {
		old.end("replaced")
	}
	f.unwatch = s.index.subscribe(f.take)
	if c, ok = s.index.view(callID); !ok { // it ended meanwhile
		if r, err := s.past.get(ctx, callID); err == nil {
			c = r.Call
		}
	}
	f.tell(c)
	return f, nil
}

func (f *Follower) take(e Event) {
	switch {
	case e.Call != nil && e.Call.CallID == f.callID:
		f.mu.Lock()
		defer f.mu.Unlock()
		f.tell(*e.Call)
	case e.Queues != nil:
		if c, ok := f.s.index.view(f.callID); ok && (c.State == call.Waiting || c.State == call.Ringing) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.tell(c)
		}
	}
}

// tell sends how the call is, if that is new. The caller holds mu.
func (f *Follower) tell(c call.Call) {
	v := f.s.Status(c)
	b, err := json.Marshal(v)
	if err != nil || f.closed || bytes.Equal(b, f.sent) {
		return
	}
	f.sent = b
	f.out.Send(map[string]any{"type": "call", "call": v})
	if c.State == call.Ended {
		f.s.wg.Go(func() { f.end("ended") })
	}
}

// Handle takes one message of the caller.
func (f *Follower) Handle(text []byte) {
	var r struct {
		Type string   `json:"type"`
		Legs []Report `json:"legs"`
	}
	if err := json.Unmarshal(text, &r); err != nil {
		sendError(f.out, "bad_message", "not a JSON object with a type: "+err.Error())
		return
	}
	switch r.Type {
	case "ping":
		f.out.Send(map[string]any{"type": "pong"})
	case "report":
		f.s.meter.reported(f.callID, f.userID, r.Legs)
	case "hangup":
		ctx, cancel := context.WithTimeout(f.s.ctx, storeTimeout)
		defer cancel()
		if _, err := f.s.HangUp(ctx, f.callID, call.ByCaller, Account{}); err != nil {
			sendError(f.out, "failed", err.Error())
		}
	default:
		sendError(f.out, "bad_message", fmt.Sprintf("unknown type %.40q; see docs/desk.md", r.Type))
	}
}

func (f *Follower) end(reason string) {
	f.mu.Lock()
	if !f.closed {
		f.out.Send(map[string]any{"type": "closed", "reason": reason})
	}
	f.mu.Unlock()
	f.Close()
}

// Close ends the WebSocket. The call goes on.
func (f *Follower) Close() {
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return
	}
	f.closed = true
	unwatch := f.unwatch
	f.mu.Unlock()
	if unwatch != nil {
		unwatch()
	}
	f.out.Close()
	f.s.followersMu.Lock()
	defer f.s.followersMu.Unlock()
	if f.s.followers[f.callID] == f {
		delete(f.s.followers, f.callID)
	}
}
