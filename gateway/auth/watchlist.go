package auth

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// ErrRemoved ends what a member's token had opened once it opens nothing more.
var ErrRemoved = errors.New("no longer a member of the room")

// sweepEvery is how long somebody who was removed may play on.
const sweepEvery = 500 * time.Millisecond

// Watchlist holds those who play or publish by a member's token, and ends them
// when it has become void, on whichever node the member was removed. Run it.
// Its methods may be called from many goroutines.
type Watchlist struct {
	voids func(roomID, userID string, issued time.Time) bool
	mu    sync.Mutex
	all   map[*watched]struct{}
}

type watched struct {
	grant Grant
	end   func(error)
}

// NewWatchlist makes a list that asks voids: see [Authority.Voids].
func NewWatchlist(voids func(roomID, userID string, issued time.Time) bool) *Watchlist {
	return &Watchlist{voids: voids, all: map[*watched]struct{}{}}
}

// Add has end called, at most once and from the goroutine of Run, with an error
// that wraps ErrRemoved. release takes the holder off the list; end may be under
// way then. Grants of no member are not held.
func (l *Watchlist) Add(g Grant, end func(error)) (release func()) {
	if g.RoomID == "" {
		return func() {}
	}
	w := &watched{grant: g, end: end}
	l.mu.Lock()
	l.all[w] = struct{}{}
	l.mu.Unlock()
	return func() {
		l.mu.Lock()
		delete(l.all, w)
		l.mu.Unlock()
	}
}

// Run ends what void tokens had opened, until ctx does.
func (l *Watchlist) Run(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			l.sweep()
		}
	}
}

func (l *Watchlist) sweep() {
	var void []*watched
	l.mu.Lock()
	for w := range l.all {
		if g := w.grant; l.voids(g.RoomID, g.UserID, g.Issued) {
			delete(l.all, w)
			void = append(void, w)
		}
	}
	l.mu.Unlock()
	for _, w := range void {
		w.end(fmt.Errorf("%w %s", ErrRemoved, w.grant.RoomID))
	}
}
