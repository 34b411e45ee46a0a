package gateway

import (
	"context"
	"sync/atomic"

	"hutong/gateway/auth"
)

// access is access control that a reload replaces: whoever decided by the old
// one when it came finishes by the old one.
type access struct {
	// RoomOf is that of every Authority. It is set before the first request.
	RoomOf  func(stream string) (roomID string)
	current atomic.Pointer[auth.Authority]
}

func (a *access) Allow(ctx context.Context, r auth.Request) (auth.Grant, error) {
	return a.current.Load().Allow(ctx, r)
}

func (a *access) MemberToken(m auth.MemberClaims) (string, error) {
	return a.current.Load().MemberToken(m)
}

// use replaces the Authority. Rates begin anew.
func (a *access) use(next *auth.Authority) {
	next.RoomOf = func(stream string) string {
		if a.RoomOf == nil {
			return ""
		}
		return a.RoomOf(stream)
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
