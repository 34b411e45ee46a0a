package httpapi

import (
	"context"

	"hutong/gateway/auth"
	"hutong/gateway/config"
)

// Authority decides on requests and makes members' tokens, as an
// [auth.Authority] does.
type Authority interface {
	Allow(context.Context, auth.Request) (auth.Grant, error)
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
