package rooms

import (
	"context"
	"errors"
	"time"

	"hutong/gateway/room"
)

const (
	tendEvery = time.Second
	lookEvery = settle / 2
	// ReasonEmpty closes a room that nobody has been in for a while.
	ReasonEmpty = "empty"
)

// tend does what time brings: members expire, empty rooms go, and what was lost
// is made good.
func (s *Service) tend() {
	round := time.NewTicker(tendEvery)
	defer round.Stop()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	looking := true // stopped while nobody listens
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-s.feeds.listened:
			if !looking {
				looking = true
				look.Reset(lookEvery)
			}
		case now := <-look.C:
			if looking = s.catchUp(now); !looking {
				look.Stop()
			}
		case <-round.C:
			s.round()
		}
	}
}

// round looks at every room once.
func (s *Service) round() {
	now := s.o.Now()
	for _, r := range s.index.all() {
		if s.ctx.Err() != nil {
			return
		}
		s.compare(r)
		s.compareSessions(r)
		// Whoever was in a room when the gateway went has the grace period to come
		// back to it.
		if next, ok := r.NextExpiry(s.o.Grace); ok && !next.After(now) && now.Sub(s.started) >= s.o.Grace {
			s.attempt(r.RoomID, "members could not be expired", func(r room.Room, now time.Time) (room.Room, []room.Event, error) {
				return r.Expire(now, s.o.Grace)
			})
		}
		if s.forgotten(r, now) {
			s.attempt(r.RoomID, "an empty room could not be closed", func(r room.Room, now time.Time) (room.Room, []room.Event, error) {
				if !s.forgotten(r, now) {
					return r, nil, nil
				}
				return r.Close(ReasonEmpty, now)
			})
		}
	}
}

func (s *Service) forgotten(r room.Room, now time.Time) bool {
	keep := s.o.EmptyTimeout
	if r.Weapp != nil && r.Weapp.KeepEmpty > 0 {
		keep = r.Weapp.KeepEmpty
	}
	return len(r.Members) == 0 && r.EmptyFor(now) >= keep
}

// attempt changes a room, or lets the next round do it.
func (s *Service) attempt(roomID, failure string, op operation) {
	ctx, cancel := context.WithTimeout(s.ctx, 10*time.Second)
	defer cancel()
	_, err := s.change(ctx, roomID, op)
	if err != nil && s.ctx.Err() == nil && !errors.Is(err, ErrRoomNotFound) && !errors.Is(err, room.ErrNotMember) {
		s.o.Log.Warn(failure, "room", roomID, "error", err)
	}
}

// compareSessions makes good what could not be written when a WebSocket came or
// went.
func (s *Service) compareSessions(r room.Room) {
	for _, p := range r.Members {
		s.sessionsMu.Lock()
		id := s.sessions[member{r.RoomID, p.UserID}]
		s.sessionsMu.Unlock()
		switch {
		case id != "" && p.Session == room.Hold{}:
			s.attempt(r.RoomID, "a session could not be noted", s.connected(p.UserID, id))
		case id == "" && p.Session.Node == s.o.Node:
			s.attempt(r.RoomID, "the end of a session could not be noted", func(r room.Room, now time.Time) (room.Room, []room.Event, error) {
				return r.Disconnected(p.UserID, p.Session.ID, now)
			})
		}
	}
}
