package rooms

import (
	"context"
	"errors"
	"fmt"
	"time"

	"hutong/gateway/room"
)

// errOver ends the streams of those who have been removed, or whose room is over.
var errOver = errors.New("the publisher is no longer in the room")

// Return gives the holder of a token a place again whose own has expired: see
// [room.Room.Return].
func (s *Service) Return(ctx context.Context, roomID string, j room.Joining, issued time.Time) (room.Member, error) {
	if at := s.index.endedAt(roomID); !issued.IsZero() && issued.Before(at) {
		return room.Member{}, fmt.Errorf("%w: %s; create another", room.ErrClosed, roomID)
	}
	r, err := s.change(ctx, roomID, func(r room.Room, now time.Time) (room.Room, []room.Event, error) {
		return r.Return(j, issued, now)
	})
	if err != nil {
		return room.Member{}, err
	}
	p, _ := r.Place(j.UserID)
	s.dirty.add(p.Stream, false)
	return p.Member, nil
}

// Voids says whether a member's token, issued at that instant, opens nothing of
// its room any more: see [room.Room.Voids]. It is asked of the index, at once.
func (s *Service) Voids(roomID, userID string, issued time.Time) bool {
	r, ok := s.index.get(roomID)
	return ok && r.Voids(userID, issued)
}

// RemoveBy is Remove by another member, whose role must allow it: see
// [room.Room.CheckModerator].
func (s *Service) RemoveBy(ctx context.Context, roomID, by string, role room.Role, userID string) error {
	return s.expel(ctx, roomID, userID, func(r room.Room, now time.Time) (room.Room, []room.Event, error) {
		if err := r.CheckModerator(by, role); err != nil {
			return r, nil, err
		}
		return r.Remove(userID, now)
	})
}

// CloseRoomBy is CloseRoom by a member, whose role must allow it.
func (s *Service) CloseRoomBy(ctx context.Context, roomID, by string, role room.Role, reason string) error {
	return s.closeRoom(ctx, roomID, reason, func(r room.Room, now time.Time) (room.Room, []room.Event, error) {
		if err := r.CheckModerator(by, role); err != nil {
			return r, nil, err
		}
		return r.Close(reason, now)
	})
}

// endStreams ends what is published here by members who were removed, or whose
// room was closed. Others who go may publish on.
func (s *Service) endStreams(before room.Room, events []room.Event) {
	if s.o.Streams == nil {
		return
	}
	for _, e := range events {
		for _, p := range before.Members {
			gone := e.Type == room.RoomClosed || e.Type == room.MemberLeft && e.Reason == room.ReasonRemoved && e.UserID == p.UserID
			if _, taken := s.index.owner(p.Stream); gone && !taken {
				s.o.Streams.End(p.Stream, errOver)
			}
		}
	}
}
