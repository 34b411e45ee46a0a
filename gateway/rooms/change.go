package rooms

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"hutong/gateway/room"
	"hutong/gateway/store"
)

// announcements is where changes of rooms are told to all nodes, followed by the
// roomID.
const announcements = "rooms/"

// announcement is what one change did. CreatedAt tells a room from a later one
// of the same roomID, whose revisions begin anew.
type announcement struct {
	CreatedAt time.Time     `json:"createdAt"`
	Events    []room.Event  `json:"events,omitempty"`
	Message   *room.Message `json:"message,omitempty"`
}

// operation is one of gateway/room. It may run several times.
type operation func(r room.Room, now time.Time) (room.Room, []room.Event, error)

// change applies an operation to a room and announces what happened. A room that
// has been closed is removed.
func (s *Service) change(ctx context.Context, roomID string, op operation) (room.Room, error) {
	var did announcement
	next, err := s.write(ctx, roomID, &did, func(r room.Room, now time.Time) (room.Room, error) {
		next, events, err := op(r, now)
		did = announcement{CreatedAt: next.CreatedAt, Events: events}
		return next, err
	})
	return next, err
}

// write compares and sets one room, and announces did, which f has filled in.
func (s *Service) write(ctx context.Context, roomID string, did *announcement, f func(room.Room, time.Time) (room.Room, error)) (room.Room, error) {
	if err := room.CheckRoomID(roomID); err != nil {
		return room.Room{}, err
	}
	// Until it is announced, so that what one node does to a room is told in order.
	unlock, err := s.lock(ctx, roomID)
	if err != nil {
		return room.Room{}, err
	}
	defer unlock()
	var before, next room.Room
	err = store.Change(ctx, s.rooms, roomID, func(old []byte) ([]byte, error) {
		if old == nil {
			return nil, s.notFound(roomID)
		}
		r, err := room.Decode(old)
		if err != nil {
			return nil, err
		}
		before = r
		if next, err = f(r, s.o.Now()); err != nil {
			return nil, err
		}
		if next.Closed {
			return nil, nil
		}
		return next.Encode()
	})
	if errors.Is(err, ErrRoomNotFound) {
		s.index.remove(roomID, s.index.created(roomID))
	}
	if err != nil {
		return room.Room{}, err
	}
	s.index.note(next)
	s.announce(roomID, *did)
	s.report(roomID, did.Events)
	s.endStreams(before, did.Events)
	return next, nil
}

func (s *Service) notFound(roomID string) error {
	return fmt.Errorf("%w: %s; create it first", ErrRoomNotFound, roomID)
}

func (s *Service) announce(roomID string, did announcement) {
	for _, e := range did.Events {
		s.o.Observer.Event(e.Type)
	}
	if len(did.Events) == 0 && did.Message == nil {
		return
	}
	data, err := json.Marshal(did)
	if err == nil {
		err = s.o.Store.Publish(announcements+roomID, data)
	}
	if err != nil { // the watch will show it
		s.o.Log.Warn("a change of a room could not be announced", "room", roomID, "error", err)
	}
}

// lock lets one change of a room through at a time.
func (s *Service) lock(ctx context.Context, roomID string) (unlock func(), err error) {
	unlock, err = s.lanes.Lock(ctx, roomID)
	if err != nil {
		return nil, fmt.Errorf("room %s: %w: others are changing it: %w; try again", roomID, store.ErrUnavailable, err)
	}
	return unlock, nil
}
