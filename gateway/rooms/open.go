package rooms

import (
	"context"
	"time"

	"hutong/gateway/room"
)

// Load returns all that is known of a room, as the store has it.
func (s *Service) Load(ctx context.Context, roomID string) (room.Room, error) {
	return s.load(ctx, roomID)
}

// Alter changes a room by an operation of package room, which may run several
// times, and tells what happened. A room that it closes is removed.
func (s *Service) Alter(ctx context.Context, roomID string, op func(r room.Room, now time.Time) (room.Room, []room.Event, error)) (room.Room, error) {
	return s.change(ctx, roomID, op)
}

// Known returns a room as this node's index has it: at once, and a moment behind
// what other nodes write.
func (s *Service) Known(roomID string) (room.Room, bool) { return s.index.get(roomID) }
