package auth

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"
)

func TestWatchlist(t *testing.T) {
	var removed atomic.Bool
	l := NewWatchlist(func(roomID, userID string, _ time.Time) bool {
		return removed.Load() && roomID == "r" && userID == "mallory"
	})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.Run(ctx)
	}()
	defer func() {
		stop()
		<-done
	}()
	ended := make(chan error, 2)
	end := func(err error) { ended <- err }
	l.Add(Grant{RoomID: "r", UserID: "mallory"}, func(error) { t.Error("ended after its release") })()
	mallory := l.Add(Grant{RoomID: "r", UserID: "mallory"}, end)
	for _, g := range []Grant{{RoomID: "r", UserID: "alice"}, {RoomID: "q", UserID: "mallory"}, {Subject: anonymous}} {
		defer l.Add(g, func(error) { t.Errorf("%+v was ended", g) })()
	}
	removed.Store(true)
	select {
	case err := <-ended:
		if !errors.Is(err, ErrRemoved) {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("not ended")
	}
	mallory()
	l.sweep()
	if len(ended) != 0 {
		t.Error("ended twice")
	}
	if len(l.all) != 2 {
		t.Errorf("%d are held, want 2", len(l.all))
	}
}
