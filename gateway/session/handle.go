package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"hutong/bridge/stream"
	"hutong/gateway/auth"
	"hutong/gateway/room"
	"hutong/gateway/rooms"
	"hutong/sfu"
)

// MaxMessage bounds a client's message in bytes: an SDP with room to spare.
const MaxMessage = 128 << 10

// Handle takes one message that came through the WebSocket that out writes to.
// Messages of one WebSocket are handled in order. What a network that was cut
// delivers late, through a WebSocket that another has followed, or of a session
// that is over, no longer counts.
func (s *Session) Handle(out *Outbox, text []byte) {
	if !s.current(out) {
		return
	}
	var r request
	if err := json.Unmarshal(text, &r); err != nil {
		s.h.o.OnBadInput("json")
		s.fail(nil, "bad_message", "not a JSON object with a type: "+err.Error())
		return
	}
	ctx, cancel := context.WithTimeout(s.h.ctx, callTimeout)
	defer cancel()
	err := s.obey(ctx, &r)
	switch {
	case err != nil:
		s.log.Info("message refused", "type", r.Type, "error", err)
		s.fail(r.ID, CodeOf(err), err.Error())
	case len(r.ID) > 0:
		s.send(ack{Type: "ack", ID: r.ID})
	}
}

func (s *Session) current(out *Outbox) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out == out && !s.ended
}

var (
	errUnknown = errors.New("unknown type")
	errNoRight = errors.New("not allowed")
)

func (s *Session) obey(ctx context.Context, r *request) error {
	rm := s.h.o.Rooms
	switch r.Type {
	case "ping":
		s.send(simple{Type: "pong"})
		return nil
	case "sync":
		return s.sync(ctx)
	case "publish":
		return s.publish(ctx, r.SDP)
	case "unpublish":
		s.stopPublishing(true)
		return nil
	case "answer":
		return s.answered(r.SDP)
	case "restart":
		s.viewer.Restart()
		return nil
	case "candidate":
		return s.trickle(r)
	case "view":
		return s.showing(r.Tiles)
	case "mute":
		_, err := rm.Mute(ctx, s.who.RoomID, s.who.UserID, r.Audio, r.Video)
		return err
	case "message":
		_, err := rm.Say(ctx, s.who.RoomID, room.Saying{From: s.who.UserID, To: r.To, Kind: r.Kind, Text: r.Text, Data: r.Data})
		return err
	case "remove":
		return rm.RemoveBy(ctx, s.who.RoomID, s.who.UserID, s.role, r.UserID)
	case "close":
		return rm.CloseRoomBy(ctx, s.who.RoomID, s.who.UserID, s.role, "closed")
	case "away":
		s.goAway()
		return nil
	case "leave":
		s.h.wg.Go(func() { s.end("left", true) })
		return nil
	}
	s.h.o.OnBadInput("type")
	return fmt.Errorf("%w %q; see /api/docs", errUnknown, r.Type)
}

func (s *Session) sync(ctx context.Context) error {
	view, err := s.h.o.Rooms.Get(ctx, s.who.RoomID)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if view.Revision >= s.view.Revision {
		s.view = view
	}
	s.sendLocked(state{"state", s.show.Room(s.view)})
	return nil
}

func (s *Session) trickle(r *request) error {
	if r.Candidate == nil {
		return nil // the end of candidates
	}
	if r.PC == "sub" {
		return s.viewer.AddICECandidate(*r.Candidate)
	}
	s.pubMu.Lock()
	p := s.publisher
	s.pubMu.Unlock()
	if p == nil {
		return nil // of a publisher that has just gone
	}
	return p.AddICECandidate(*r.Candidate)
}

// CodeOf names an error for clients.
func CodeOf(err error) string {
	for _, c := range []struct {
		err  error
		code string
	}{
		{errUnknown, "bad_message"},
		{errNoRight, "no_right"},
		{sfu.ErrNoH264, "no_h264"},
		{sfu.ErrBadOffer, "bad_sdp"},
		{sfu.ErrClosed, "closed"},
		{stream.ErrInUse, "stream_in_use"},
		{stream.ErrTooMany, "full"},
		{stream.ErrClosed, "draining"},
		{room.ErrMessageTooLong, "message_too_long"},
		{room.ErrBadMessage, "bad_message"},
		{room.ErrNotMember, "not_a_member"},
		{room.ErrClosed, "room_closed"},
		{room.ErrNotModerator, "no_right"},
		{room.ErrRemoved, "removed"},
		{room.ErrFull, "room_full"},
		{room.ErrBadUserID, "bad_user_id"},
		{ErrFull, "full"},
		{ErrClosed, "draining"},
		{rooms.ErrRoomNotFound, "room_not_found"},
		{context.DeadlineExceeded, "timeout"},
	} {
		if errors.Is(err, c.err) {
			return c.code
		}
	}
	if d := auth.DenialOf(err); d != nil {
		return d.Label
	}
	return "failed"
}
