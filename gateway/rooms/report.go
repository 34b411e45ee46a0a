package rooms

import (
	"hutong/gateway/room"
	"hutong/gateway/rooms/webhook"
)

// report tells back ends what happened in a room.
func (s *Service) report(roomID string, events []room.Event) {
	now := s.o.Now().UTC()
	for _, e := range events {
		w := webhook.Event{Event: string(e.Type), At: now, RoomID: roomID, Revision: e.Revision, UserID: e.UserID, Member: e.Member, Reason: e.Reason}
		if e.Member != nil {
			w.Stream = e.Member.Stream
		}
		s.hooks.Send(w)
	}
}

// reportStream tells back ends that a stream has begun or ended here. told is
// what they know.
func (s *Service) reportStream(name string, told map[string]member) {
	live := s.o.Streams.Get(name) != nil
	was, known := told[name]
	if live == known {
		return
	}
	w := webhook.Event{Event: webhook.StreamEnded, At: s.o.Now().UTC(), Stream: name}
	if live {
		w.Event = webhook.StreamStarted
		was, _ = s.index.owner(name)
		told[name] = was
	} else {
		delete(told, name)
		if owner, ok := s.index.owner(name); ok {
			was = owner // it may have joined since
		}
	}
	w.RoomID, w.UserID = was.roomID, was.userID
	s.hooks.Send(w)
}
