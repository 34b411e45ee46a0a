package rooms

import (
	"context"
	"errors"
	"sync"
	"time"

	"hutong/gateway/room"
)

// dirty is the set of streams whose members may be out of step with what is
// published here. The value says that the stream itself has changed.
type dirty struct {
	mu    *sync.Mutex
	names map[string]bool
	wake  chan struct{} // holds a token when there are names
}

// maxDirty bounds the names that wait. What is past it is found by the round
// that compares all rooms.
const maxDirty = 16_384

func newDirty() dirty {
	return dirty{mu: new(sync.Mutex), names: map[string]bool{}, wake: make(chan struct{}, 1)}
}

func (d *dirty) add(name string, changed bool) {
	d.mu.Lock()
	if _, there := d.names[name]; there || len(d.names) < maxDirty {
		d.names[name] = d.names[name] || changed
	}
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

func (d *dirty) take() map[string]bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	names := d.names
	d.names = map[string]bool{}
	return names
}

// StreamChanged tells that a stream has been published, was taken over, or has
// ended. It does not block.
func (s *Service) StreamChanged(name string) { s.dirty.add(name, true) }

// reconcile brings members into step with what is published here, and tells back
// ends of streams.
func (s *Service) reconcile() {
	told := map[string]member{} // the streams that back ends know to be here, and whose they were
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-s.dirty.wake:
		}
		for name, changed := range s.dirty.take() {
			if s.o.Streams == nil {
				continue
			}
			if changed {
				s.reportStream(name, told)
			}
			s.settle(name, changed)
		}
	}
}

func (s *Service) settle(name string, changed bool) {
	owner, ok := s.index.owner(name)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(s.ctx, 10*time.Second)
	defer cancel()
	_, err := s.change(ctx, owner.roomID, func(r room.Room, now time.Time) (room.Room, []room.Event, error) {
		p, ok := r.ByStream(name)
		if !ok {
			return r, nil, nil
		}
		switch s.wanted(p, changed) {
		case started:
			return r.PublishStarted(p.UserID, s.publication(), now)
		case stopped:
			return r.PublishStopped(p.UserID, p.Publication.ID, now)
		}
		return r, nil, nil
	})
	if err != nil && s.ctx.Err() == nil && !errors.Is(err, ErrRoomNotFound) && !errors.Is(err, room.ErrNotMember) {
		s.o.Log.Warn("a room does not know yet who publishes", "room", owner.roomID, "stream", name, "error", err)
	}
}

type correction int

const (
	none correction = iota
	started
	stopped
)

// wanted compares a place with the truth. A publisher on another node keeps the
// place until the stream is newly published here: two nodes would argue
// otherwise.
func (s *Service) wanted(p room.Place, changed bool) correction {
	live := s.o.Streams.Get(p.Stream) != nil
	switch {
	case live && p.Publication != s.publication() && (changed || p.Publication == room.Hold{}):
		return started
	case !live && p.Publication.Node == s.o.Node:
		return stopped
	}
	return none
}

// publication is the hold of every stream here: their own identities do not
// matter, since the truth is asked each time.
func (s *Service) publication() room.Hold { return room.Hold{ID: s.life, Node: s.o.Node} }

// compare finds what of a room is out of step.
func (s *Service) compare(r room.Room) {
	if s.o.Streams == nil {
		return
	}
	for _, p := range r.Members {
		if s.wanted(p, false) != none {
			s.dirty.add(p.Stream, false)
		}
	}
}
