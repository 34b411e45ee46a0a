package rooms

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"hutong/gateway/room"
)

// maxQueue bounds the updates that wait for a subscriber.
const maxQueue = 256

// Update is one thing that happened in a room. Exactly one field is set. What it
// points to is shared and must not be changed.
type Update struct {
	// Event follows what was told before.
	Event *room.Event
	// Message may be for others: see [room.Message.For].
	Message *room.Message
	// View is how the room is, after events that could not be told one by one. The
	// next event follows it.
	View *room.View
}

type subscriber struct {
	s      *Service
	roomID string
	f      func(Update)

	mu    sync.Mutex
	queue []Update
	// lost says that the queue was full: the room has to be read again.
	lost bool
	over bool
	wake chan struct{} // holds a token when there is something to do

	// What f has been told; of the subscriber's goroutine.
	revision, seq uint64
}

// Subscribe calls f for everything that happens in a room from now on, one after
// another, until unsubscribe or the end of the room, which is the last event. A
// caller that subscribes first and then calls Get misses nothing; room.Apply
// passes over what Get had. f may take its time: when too much has gathered, it
// gets a View instead. It must not call unsubscribe's caller back while holding
// what that holds: a call under way may still end after unsubscribe has
// returned; none begins.
func (s *Service) Subscribe(roomID string, f func(Update)) (unsubscribe func(), err error) {
	r, err := s.load(s.ctx, roomID)
	if err != nil {
		return nil, err
	}
	sub := &subscriber{s: s, roomID: roomID, f: f, wake: make(chan struct{}, 1)}
	s.feeds.mu.Lock()
	defer s.feeds.mu.Unlock()
	if err := s.ctx.Err(); err != nil {
		return nil, fmt.Errorf("room %s: the gateway is shutting down: %w", roomID, err)
	}
	feed := s.feeds.byRoom[roomID]
	if feed == nil || !feed.created.Equal(r.CreatedAt) {
		if feed != nil {
			e := closing(feed.revision)
			feed.pass(Update{Event: &e})
		}
		feed = s.feeds.add(r)
		// What happened since it was read, before this feed was there to hear it.
		if known, ok := s.index.get(roomID); ok {
			feed.see(known)
		}
	}
	sub.revision, sub.seq = feed.revision, feed.seq
	feed.subscribers[sub] = struct{}{}
	ctx, cancel := context.WithCancel(s.ctx)
	s.wg.Go(func() {
		defer cancel()
		sub.run(ctx)
		s.drop(feed, sub)
	})
	return func() {
		sub.mu.Lock()
		sub.over = true
		sub.mu.Unlock()
		s.drop(feed, sub)
		cancel()
	}, nil
}

func (s *Service) drop(f *feed, sub *subscriber) {
	s.feeds.mu.Lock()
	defer s.feeds.mu.Unlock()
	delete(f.subscribers, sub)
	if len(f.subscribers) == 0 && s.feeds.byRoom[sub.roomID] == f {
		delete(s.feeds.byRoom, sub.roomID)
	}
}

func (sub *subscriber) push(u Update) {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	if sub.lost {
		return
	}
	if len(sub.queue) >= maxQueue {
		sub.queue, sub.lost = nil, true
	} else {
		sub.queue = append(sub.queue, u)
	}
	select {
	case sub.wake <- struct{}{}:
	default:
	}
}

// run calls f until the context ends or the room does.
func (sub *subscriber) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-sub.wake:
		}
		sub.mu.Lock()
		batch, lost := sub.queue, sub.lost
		sub.queue, sub.lost = nil, false
		sub.mu.Unlock()
		if lost && !sub.reread(ctx) {
			return
		}
		for _, u := range batch {
			if !sub.tell(u) {
				return
			}
		}
	}
}

// tell calls f unless it knows already. It returns false at the end.
func (sub *subscriber) tell(u Update) bool {
	switch {
	case u.Event != nil:
		if u.Event.Revision <= sub.revision {
			return true
		}
		sub.revision = u.Event.Revision
	case u.View != nil:
		if u.View.Revision <= sub.revision {
			return true
		}
		sub.revision = u.View.Revision
	case u.Message != nil:
		if u.Message.Seq <= sub.seq {
			return true
		}
		sub.seq = u.Message.Seq
	}
	sub.mu.Lock()
	over := sub.over
	sub.mu.Unlock()
	if over {
		return false
	}
	sub.f(u)
	return u.Event == nil || u.Event.Type != room.RoomClosed
}

// reread tells how the room is now, which is beyond all that was dropped: it was
// written before it was announced.
func (sub *subscriber) reread(ctx context.Context) bool {
	sub.s.o.Log.Warn("a subscriber of a room is slow; it gets the state", "room", sub.roomID)
	for {
		r, err := sub.s.load(ctx, sub.roomID)
		if errors.Is(err, ErrRoomNotFound) {
			e := closing(sub.revision)
			return sub.tell(Update{Event: &e})
		}
		if err == nil {
			v := r.View()
			return sub.tell(Update{View: &v}) && !slices.ContainsFunc(r.Messages, func(m room.Message) bool {
				return !sub.tell(Update{Message: &m})
			})
		}
		pause := time.NewTimer(time.Second)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return false
		}
	}
}
