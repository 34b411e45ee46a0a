package httpapi

import (
	"context"
	"errors"

	"hutong/gateway/auth"
	"hutong/gateway/config"
	"hutong/gateway/room"
	"hutong/gateway/rooms"
)

// Authority decides on requests and makes members' tokens, as an
// [auth.Authority] does.
type Authority interface {
	Allow(context.Context, auth.Request) (auth.Grant, error)
	Consult(context.Context, auth.Request, auth.Grant) error
	MemberToken(auth.MemberClaims) (string, error)
}

// Adopt makes the server follow the live options of cfg.
func (s *Server) Adopt(cfg *config.Config) { s.adopted.Store(cfg) }

// live is the configuration as it is now. What [config.Diff] calls live is read
// from it for each request.
func (s *Server) live() *config.Config { return s.adopted.Load() }

// Drain refuses new publishers and players from now on; /readyz says so.
func (s *Server) Drain() {
	s.finishing.Store(false)
	s.draining.Store(true)
}

// Finish is Drain for strangers only: calls go on, and whoever belongs to one may
// come back.
func (s *Server) Finish() {
	s.finishing.Store(true)
	s.draining.Store(true)
}

// ComeBack gives a member that publishes the own stream the place again that has
// expired meanwhile.
func (s *Server) ComeBack(ctx context.Context, g auth.Grant, name string, client room.Client) error {
	if s.Rooms == nil || g.RoomID == "" || g.Stream != name {
		return nil
	}
	if roomID, userID, ok := s.Rooms.RoomOf(name); ok && roomID == g.RoomID && userID == g.UserID {
		return nil
	}
	_, err := s.Rooms.Return(ctx, g.RoomID, room.Joining{UserID: g.UserID, NickName: g.NickName, Role: room.Role(g.Role),
		Client: client, Stream: g.Stream}, g.Issued)
	if errors.Is(err, rooms.ErrRoomNotFound) {
		return nil // who has tokens without rooms may
	}
	return err
}

// Admits tells whether somebody may begin to publish or play a stream. While the
// server finishes, these may: a publisher whose stream waits for it, and members
// of rooms.
func (s *Server) Admits(name string, publish bool) bool {
	if !s.draining.Load() {
		return true
	}
	if !s.finishing.Load() {
		return false
	}
	if publish && s.Streams.Get(name) != nil {
		return true
	}
	if s.Rooms == nil {
		return false
	}
	_, _, member := s.Rooms.RoomOf(name)
	return member
}
