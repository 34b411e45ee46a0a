package rooms

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"hutong/gateway/room"
	"hutong/gateway/rooms/webhook"
	"hutong/gateway/store"
)

// Create makes a room. An empty roomID is chosen.
func (s *Service) Create(ctx context.Context, o room.Options) (room.View, error) {
	chosen := o.RoomID == ""
	if n, _ := s.index.count(); n >= s.o.MaxRooms {
		return room.View{}, fmt.Errorf("%w: there are %d; wait until some are empty, or close them", ErrTooMany, n)
	}
	for {
		if chosen {
			o.RoomID = newRoomID()
		}
		v, err := s.create(ctx, o)
		if chosen && errors.Is(err, ErrRoomExists) {
			continue
		}
		return v, err
	}
}

func (s *Service) create(ctx context.Context, o room.Options) (room.View, error) {
	r, err := room.Create(o, s.o.Now())
	if err != nil {
		return room.View{}, err
	}
	data, err := r.Encode()
	if err != nil {
		return room.View{}, err
	}
	unlock, err := s.lock(ctx, r.RoomID)
	if err != nil {
		return room.View{}, err
	}
	defer unlock()
	_, err = s.rooms.Create(ctx, r.RoomID, data)
	if errors.Is(err, store.ErrExists) {
		return room.View{}, fmt.Errorf("%w: %s; choose another roomID, or use the room that is there", ErrRoomExists, r.RoomID)
	}
	if err != nil {
		return room.View{}, err
	}
	s.index.note(r)
	s.hooks.Send(webhook.Event{Event: webhook.RoomCreated, At: r.CreatedAt, RoomID: r.RoomID, Name: r.Name, Capacity: r.Capacity})
	s.o.Log.Info("room created", "room", r.RoomID, "capacity", r.Capacity)
	return r.View(), nil
}

// newRoomID is easy to read out: no letter or digit looks or sounds like another
// too much. 31^9 of them make a guess hopeless.
func newRoomID() string {
	const letters = "abcdefghjkmnpqrstuvwxyz23456789"
	var b strings.Builder
	var random [16]byte
	for b.Len() < 11 {
		rand.Read(random[:])
		for _, x := range random {
			if n := b.Len(); n == 3 || n == 7 {
				b.WriteByte('-')
			}
			if int(x) < 256/len(letters)*len(letters) && b.Len() < 11 {
				b.WriteByte(letters[int(x)%len(letters)])
			}
		}
	}
	return b.String()
}

// load reads a room from the store.
func (s *Service) load(ctx context.Context, roomID string) (room.Room, error) {
	if err := room.CheckRoomID(roomID); err != nil {
		return room.Room{}, err
	}
	data, _, err := s.rooms.Get(ctx, roomID)
	if errors.Is(err, store.ErrNotFound) {
		return room.Room{}, s.notFound(roomID)
	}
	if err != nil {
		return room.Room{}, err
	}
	return room.Decode(data)
}

// Get returns how a room is now.
func (s *Service) Get(ctx context.Context, roomID string) (room.View, error) {
	r, err := s.load(ctx, roomID)
	if err != nil {
		return room.View{}, err
	}
	return r.View(), nil
}

// List returns rooms in the order of their roomIDs, from behind the cursor:
// empty for the first page, and for the others the next that the page before
// gave, which is empty at the end. A page has at most limit rooms.
func (s *Service) List(ctx context.Context, cursor string, limit int) (page []room.View, next string, err error) {
	entries, next, err := s.rooms.List(ctx, "", cursor, limit)
	if err != nil {
		return nil, "", err
	}
	page = make([]room.View, 0, len(entries))
	for _, e := range entries {
		r, err := room.Decode(e.Value)
		if err != nil {
			s.o.Log.Error("a room in the store cannot be read", "room", e.Key, "error", err)
			continue
		}
		page = append(page, r.View())
	}
	return page, next, nil
}

// CloseRoom ends a room for everyone in it.
func (s *Service) CloseRoom(ctx context.Context, roomID, reason string) error {
	return s.closeRoom(ctx, roomID, reason, func(r room.Room, now time.Time) (room.Room, []room.Event, error) {
		return r.Close(reason, now)
	})
}

func (s *Service) closeRoom(ctx context.Context, roomID, reason string, op operation) error {
	_, err := s.change(ctx, roomID, op)
	if err == nil {
		s.o.Log.Info("room closed", "room", roomID, "reason", reason)
	}
	return err
}

// Join gives a user a place, or the place they have.
func (s *Service) Join(ctx context.Context, roomID string, j room.Joining) (room.View, room.Member, error) {
	if other, _, taken := s.RoomOf(j.Stream); taken && j.Stream != "" && other != roomID {
		return room.View{}, room.Member{}, fmt.Errorf("%w: %s is bound to a member of room %s; leave it empty to be issued one",
			room.ErrStreamTaken, j.Stream, other)
	}
	r, err := s.change(ctx, roomID, func(r room.Room, now time.Time) (room.Room, []room.Event, error) { return r.Join(j, now) })
	if err != nil {
		return room.View{}, room.Member{}, err
	}
	p, _ := r.Place(j.UserID)
	s.dirty.add(p.Stream, false) // it may be published already
	return r.View(), p.Member, nil
}

// Leave takes out a member who wants to go.
func (s *Service) Leave(ctx context.Context, roomID, userID string) error {
	return s.leave(ctx, roomID, userID, func(r room.Room, now time.Time) (room.Room, []room.Event, error) {
		return r.Leave(userID, room.ReasonLeft, now)
	})
}

// Depart is Leave for the member whose session ends, unless another session has
// taken the place over.
func (s *Service) Depart(ctx context.Context, roomID, userID, sessionID string) error {
	s.forget(member{roomID, userID}, sessionID)
	_, err := s.change(ctx, roomID, func(r room.Room, now time.Time) (room.Room, []room.Event, error) {
		if p, ok := r.Place(userID); ok && p.Session.ID != "" && p.Session.ID != sessionID {
			return r, nil, nil
		}
		return r.Leave(userID, room.ReasonLeft, now)
	})
	return err
}

// Remove takes out a member whom others want to go, and who does not come back
// before Join lets them.
func (s *Service) Remove(ctx context.Context, roomID, userID string) error {
	return s.expel(ctx, roomID, userID, func(r room.Room, now time.Time) (room.Room, []room.Event, error) {
		return r.Remove(userID, now)
	})
}

// expel is leave for one who does not come back.
func (s *Service) expel(ctx context.Context, roomID, userID string, op operation) error {
	err := s.leave(ctx, roomID, userID, op)
	if err == nil {
		s.index.bar(roomID, userID)
	}
	return err
}

func (s *Service) leave(ctx context.Context, roomID, userID string, op operation) error {
	_, err := s.change(ctx, roomID, op)
	if err == nil {
		s.sessionsMu.Lock()
		delete(s.sessions, member{roomID, userID})
		s.sessionsMu.Unlock()
	}
	return err
}

// Heartbeat notes a sign of life of a member.
func (s *Service) Heartbeat(ctx context.Context, roomID, userID string) error {
	_, err := s.change(ctx, roomID, func(r room.Room, now time.Time) (room.Room, []room.Event, error) {
		return r.Seen(userID, now)
	})
	return err
}

// Mute notes whether a member sends its microphone and camera; nil stays.
func (s *Service) Mute(ctx context.Context, roomID, userID string, audio, video *bool) (room.Member, error) {
	return s.alter(ctx, roomID, userID, func(r room.Room, _ time.Time) (room.Room, []room.Event, error) {
		return r.Mute(userID, audio, video)
	})
}

// Change gives a member another nickName or role.
func (s *Service) Change(ctx context.Context, roomID, userID string, to room.Changing) (room.Member, error) {
	return s.alter(ctx, roomID, userID, func(r room.Room, _ time.Time) (room.Room, []room.Event, error) {
		return r.Change(userID, to)
	})
}

func (s *Service) alter(ctx context.Context, roomID, userID string, op operation) (room.Member, error) {
	r, err := s.change(ctx, roomID, op)
	if err != nil {
		return room.Member{}, err
	}
	p, _ := r.Place(userID)
	return p.Member, nil
}

// Say sends a message to a room or to one member.
func (s *Service) Say(ctx context.Context, roomID string, what room.Saying) (room.Message, error) {
	var said room.Message
	var did announcement
	_, err := s.write(ctx, roomID, &did, func(r room.Room, now time.Time) (room.Room, error) {
		next, m, err := r.Message(what, now)
		said = m
		did = announcement{CreatedAt: r.CreatedAt, Message: &m}
		return next, err
	})
	if err != nil {
		return room.Message{}, err
	}
	return said, nil
}

// History returns what a member may read of a room's last messages with a number
// above after, oldest first.
func (s *Service) History(ctx context.Context, roomID, userID string, after uint64) ([]room.Message, error) {
	r, err := s.load(ctx, roomID)
	if err != nil {
		return nil, err
	}
	return r.History(userID, after), nil
}

// Connect notes a member's WebSocket session on this node, which keeps the place
// until Disconnect. A session replaces the one before.
func (s *Service) Connect(ctx context.Context, roomID, userID, sessionID string) error {
	m := member{roomID, userID}
	// First, so that nobody takes the hold for a leftover.
	s.sessionsMu.Lock()
	s.sessions[m] = sessionID
	s.sessionsMu.Unlock()
	_, err := s.change(ctx, roomID, s.connected(userID, sessionID))
	if err != nil {
		s.forget(m, sessionID)
	}
	return err
}

func (s *Service) forget(m member, sessionID string) {
	s.sessionsMu.Lock()
	defer s.sessionsMu.Unlock()
	if s.sessions[m] == sessionID {
		delete(s.sessions, m)
	}
}

func (s *Service) connected(userID, sessionID string) operation {
	hold := room.Hold{ID: sessionID, Node: s.o.Node}
	return func(r room.Room, now time.Time) (room.Room, []room.Event, error) {
		if p, ok := r.Place(userID); ok && p.Session == hold {
			return r, nil, nil
		}
		return r.Connected(userID, hold, now)
	}
}

// Disconnect notes the end of a session; the grace period begins, unless the
// member publishes.
func (s *Service) Disconnect(ctx context.Context, roomID, userID, sessionID string) error {
	s.forget(member{roomID, userID}, sessionID)
	_, err := s.change(ctx, roomID, func(r room.Room, now time.Time) (room.Room, []room.Event, error) {
		return r.Disconnected(userID, sessionID, now)
	})
	return err
}

// RoomOf returns the room and the member that a stream is bound to.
func (s *Service) RoomOf(stream string) (roomID, userID string, ok bool) {
	m, ok := s.index.owner(stream)
	return m.roomID, m.userID, ok
}
