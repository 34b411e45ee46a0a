package recording

import (
	"context"
	"errors"
	"time"

	"hutong/bridge/record"
	"hutong/gateway/room"
	"hutong/gateway/rooms"
)

// notice tells those in a room whether they are recorded now.
func (s *Service) notice(meta record.Meta) {
	if !s.cfg.Load().Notice {
		return
	}
	roomID := meta.RoomID
	if roomID == "" {
		roomID, _, _ = s.o.Rooms.RoomOf(meta.Stream)
	}
	if roomID == "" {
		return
	}
	state := room.RecordingOff
	s.mu.Lock()
	for _, a := range s.active {
		of := a.meta.RoomID
		if of == "" {
			of, _, _ = s.o.Rooms.RoomOf(a.meta.Stream)
		}
		if of != roomID || a.ending {
			continue
		}
		if !a.rec.Paused() {
			state = room.RecordingOn
			break
		}
		state = room.RecordingPaused
	}
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	_, err := s.o.Rooms.Alter(ctx, roomID, func(r room.Room, _ time.Time) (room.Room, []room.Event, error) { return r.Record(state) })
	if err != nil && !errors.Is(err, rooms.ErrRoomNotFound) && !errors.Is(err, room.ErrClosed) {
		s.log.Warn("a room does not know whether it is recorded", "room", roomID, "error", err)
	}
}

// remark writes down what happens in a room beside its media.
func (s *Service) remark(rec *record.Recording, u rooms.Update) {
	e := record.Event{At: time.Now().UTC()}
	switch {
	case u.Event != nil:
		e.Event, e.UserID = string(u.Event.Type), u.Event.UserID
		if u.Event.Member != nil {
			e.NickName = u.Event.Member.NickName
		}
	case u.Message != nil && u.Message.To == "":
		e.Event, e.UserID, e.NickName, e.Text = "message", u.Message.From, u.Message.NickName, u.Message.Text
	default:
		return
	}
	if err := rec.Note(e); err != nil {
		s.log.Warn("an event is not in the recording", "recording", rec.Meta().RecordingID, "event", e.Event, "error", err)
	}
}
