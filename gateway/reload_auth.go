package gateway

import (
	"context"
	"sync/atomic"
	"time"

	"hutong/gateway/auth"
)

// access is access control that a reload replaces: whoever decided by the old
// one when it came finishes by the old one.
type access struct {
	// RoomOf is that of every Authority. It is set before the first request.
	RoomOf func(stream string) (roomID string)
	// Voids and Public are too.
	Public  func(stream string) bool
	Voids   func(roomID, userID string, issued time.Time) bool
	current atomic.Pointer[auth.Authority]
}

func (a *access) Allow(ctx context.Context, r auth.Request) (auth.Grant, error) {
	return a.current.Load().Allow(ctx, r)
}

func (a *access) Consult(ctx context.Context, r auth.Request, g auth.Grant) error {
	return a.current.Load().Consult(ctx, r, g)
}

func (a *access) MemberToken(m auth.MemberClaims) (string, error) {
	return a.current.Load().MemberToken(m)
}

func (a *access) VerifyMember(token string) (auth.MemberClaims, error) {
	return a.current.Load().VerifyMember(token)
}

func (a *access) Sign(action auth.Action, stream string, expires time.Time) (query string, ok bool) {
	return a.current.Load().Sign(action, stream, expires)
}

// use replaces the Authority. Rates begin anew.
func (a *access) use(next *auth.Authority) {
	next.RoomOf = func(stream string) string {
		if a.RoomOf == nil {
			return ""
		}
		return a.RoomOf(stream)
	}
	next.Public = func(stream string) bool { return a.Public != nil && a.Public(stream) }
	next.Voids = func(roomID, userID string, issued time.Time) bool {
		return a.Voids != nil && a.Voids(roomID, userID, issued)
	}
	if old := a.current.Swap(next); old != nil {
		old.Close()
	}
}

// Close may be called before any use.
func (a *access) Close() {
	if current := a.current.Load(); current != nil {
		current.Close()
	}
}
