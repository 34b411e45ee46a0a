package rooms

import (
	"time"

	"hutong/gateway/room"
)

// Presence says whether a user has a place in a room, whether a connection holds
// it, and the last sign of life, as this node knows it.
func (s *Service) Presence(roomID, userID string) (member, held bool, seen time.Time) {
	r, _ := s.index.get(roomID)
	p, ok := r.Place(userID)
	return ok, ok && p.Held(), p.SeenAt
}

// Members are who has a place in a room, as this node knows it.
func (s *Service) Members(roomID string) []room.Member {
	r, _ := s.index.get(roomID)
	return r.View().Members
}
