package weapp

import (
	"context"
	"errors"
	"slices"
	"time"

	"hutong/gateway/room"
	"hutong/gateway/rooms"
)

// isGone says whether an error means that there is no such room.
func isGone(err error) bool {
	return errors.Is(err, rooms.ErrRoomNotFound) || errors.Is(err, room.ErrClosed) || errors.Is(err, room.ErrBadRoomID)
}

// unlist takes a viewer off a room's list, if there is such a room and the viewer
// is on it.
func (s *Service) unlist(ctx context.Context, roomID, userID string) error {
	if room.CheckRoomID(roomID) != nil {
		return nil
	}
	errNone := errors.New("not listed")
	_, err := s.o.Rooms.Alter(ctx, roomID, func(r room.Room, _ time.Time) (room.Room, []room.Event, error) {
		if r.Weapp == nil || !slices.ContainsFunc(r.Weapp.Audience, func(v room.Viewer) bool { return v.UserID == userID }) {
			return r, nil, errNone
		}
		return r.Alter(func(w *room.Weapp) error {
			w.Audience = slices.DeleteFunc(w.Audience, func(v room.Viewer) bool { return v.UserID == userID })
			return nil
		})
	})
	if isGone(err) || errors.Is(err, errNone) {
		return nil
	}
	return err
}
