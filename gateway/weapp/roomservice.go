package weapp

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"hutong/gateway/room"
	"hutong/gateway/rooms"
)

// maxPage bounds the rooms of one answer.
const maxPage = 1000

func (s *Service) pushURL(k *call) (answer, error) {
	if _, err := k.optional("roomID"); err != nil {
		return nil, err
	}
	return answer{"pushURL": s.push(s.hostsOf(k.c.BaseURL()), app+"/"+s.newStream(k.userID))}, nil
}

func (s *Service) roomList(k *call) (answer, error) {
	index, err := k.number("index", 0, true)
	if err != nil {
		return nil, err
	}
	cnt, err := k.number("cnt", 0, true)
	if err != nil {
		return nil, err
	}
	h := s.hostsOf(k.c.BaseURL())
	list := []answer{}
	for _, r := range s.o.Rooms.Page(rooms.Shelf(k.service, ""), index, min(cnt, maxPage)) {
		list = append(list, s.describe(h, k.service, r))
	}
	return answer{"rooms": list}, nil
}

// describe is a room as clients know it.
func (s *Service) describe(h hosts, service string, r room.Room) answer {
	w := weappOf(r)
	pushers := []answer{}
	for _, p := range r.Members {
		if p.Role != room.Audience {
			pushers = append(pushers, answer{"userID": p.UserID, "userName": p.NickName, "userAvatar": p.Phone.Avatar, "accelerateURL": s.play(h, p.Stream)})
		}
	}
	d := answer{"roomID": r.RoomID, "roomInfo": w.Info, "roomCreator": w.Creator, "mixedPlayURL": h.mixed(w.Stream), "pushers": pushers,
		"custom": customText(w.Custom)}
	if service == room.LiveRoom {
		d["audienceCount"] = len(w.Audience)
	}
	if r.Recording != room.RecordingOff {
		d["recording"] = r.Recording
	}
	return d
}

// weappOf is what clients are told of a room, also of one that others made: its
// creator is then its host, or else the first who is in it.
func weappOf(r room.Room) room.Weapp {
	if r.Weapp != nil && r.Weapp.Kind != "" {
		return *r.Weapp
	}
	w := room.Weapp{}
	if r.Weapp != nil {
		w = *r.Weapp
	}
	w.Info = r.Name
	for _, p := range r.Members {
		if p.Role != room.Audience && (w.Creator == "" || p.Role == room.Host) {
			w.Creator, w.Stream = p.UserID, p.Stream
			if p.Role == room.Host {
				break
			}
		}
	}
	return w
}

func customText(fields map[string]int64) string {
	if fields == nil {
		return "{}"
	}
	text, err := json.Marshal(fields)
	if err != nil {
		return "{}"
	}
	return string(text)
}

// entered says whether somebody is in a room beside an audience.
func entered(r room.Room) bool {
	for _, p := range r.Members {
		if p.Role != room.Audience {
			return true
		}
	}
	return false
}

func (s *Service) createRoom(k *call) (answer, error) {
	info, err := k.text("roomInfo")
	if err != nil {
		return nil, err
	}
	roomID, err := k.optional("roomID")
	if err != nil {
		return nil, err
	}
	if err := s.checkInfo(info); err != nil {
		return nil, err
	}
	if roomID != "" {
		_, err := s.o.Rooms.Create(k.ctx, s.roomOptions(k.service, roomID, info, ""))
		return answer{"roomID": roomID}, err
	}
	for {
		roomID = "room_" + random(4) + "_" + random(2)
		_, err := s.o.Rooms.Create(k.ctx, s.roomOptions(k.service, roomID, info, ""))
		if !errors.Is(err, rooms.ErrRoomExists) {
			return answer{"roomID": roomID}, err
		}
	}
}

func (s *Service) checkInfo(info string) error {
	if n := len(info); n > s.c.MaxRoomInfo {
		return refuse(codeTooLong, "roomInfo is %d bytes long; send at most %d", n, s.c.MaxRoomInfo)
	}
	return nil
}

// entering is the body of add_pusher.
type entering struct{ roomID, name, avatar, pushURL, info string }

func (k *call) entering() (e entering, err error) {
	for _, f := range []struct {
		into *string
		name string
		must bool
	}{{&e.roomID, "roomID", true}, {&e.name, "userName", true}, {&e.pushURL, "pushURL", true}, {&e.avatar, "userAvatar", false}, {&e.info, "roomInfo", false}} {
		read := k.optional
		if f.must {
			read = k.text
		}
		if *f.into, err = read(f.name); err != nil {
			return e, err
		}
	}
	return e, nil
}

// maxAvatar bounds the address of a picture in bytes.
const maxAvatar = 1024

func (s *Service) addPusher(k *call) (answer, error) {
	e, err := k.entering()
	if err != nil {
		return nil, err
	}
	if err := s.checkInfo(e.info); err != nil {
		return nil, err
	}
	if err := room.CheckRoomID(e.roomID); err != nil {
		return nil, err
	}
	name := streamOf(e.pushURL)
	if name == "" {
		return nil, refuse(codeMissing, "pushURL names no stream")
	}
	if !s.owns(k.userID, name) {
		return nil, deny("the stream of pushURL is not %s's; use what get_push_url gave", clip(k.userID))
	}
	if len(e.avatar) > maxAvatar {
		return nil, refuse(codeTooLong, "userAvatar is %d bytes long; send at most %d", len(e.avatar), maxAvatar)
	}
	j := room.Joining{UserID: k.userID, NickName: nickName(e.name), Client: room.RTMP, Stream: app + "/" + name,
		Phone: s.phone(k.service, e.avatar), Limit: s.limit(k.service), Anew: true}
	if err := s.enter(k.ctx, k.service, e, j); err != nil {
		return nil, err
	}
	return answer{"roomID": e.roomID}, nil
}

// enter lets a member in, and makes the room first if there is none.
func (s *Service) enter(ctx context.Context, service string, e entering, j room.Joining) error {
	for attempt := 0; ; attempt++ {
		// Who watched in a browser and comes to speak by phone is of the audience no more.
		if r, ok := s.o.Rooms.Known(e.roomID); ok {
			if p, in := r.Place(j.UserID); in && p.Role == room.Audience {
				j.Role = room.Guest
			}
		}
		_, _, err := s.o.Rooms.Join(ctx, e.roomID, j)
		if !errors.Is(err, rooms.ErrRoomNotFound) || attempt == 3 {
			return err
		}
		_, err = s.o.Rooms.Create(ctx, s.roomOptions(service, e.roomID, e.info, ""))
		if err != nil && !errors.Is(err, rooms.ErrRoomExists) {
			return err
		}
	}
}

// maxNick is how many characters of a name rooms keep.
const maxNick = 64

// nickName makes of what a person calls themselves something that rooms take.
func nickName(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return -1
		}
		return r
	}, s)
	if runes := []rune(s); len(runes) > maxNick {
		return string(runes[:maxNick])
	}
	return s
}

func (s *Service) deletePusher(k *call) (answer, error) {
	roomID, err := k.roomOfMember()
	if err != nil {
		return nil, err
	}
	return nil, s.o.Rooms.Leave(k.ctx, roomID, k.userID)
}

func (s *Service) heartbeat(k *call) (answer, error) {
	roomID, err := k.roomOfMember()
	if err != nil {
		return nil, err
	}
	return nil, s.o.Rooms.Heartbeat(k.ctx, roomID, k.userID)
}

// roomOfMember is a roomID of which the caller may be a member: not so of one
// that no room can have, such as the empty one that clients send late.
func (k *call) roomOfMember() (string, error) {
	roomID, err := k.text("roomID")
	if err == nil && room.CheckRoomID(roomID) != nil {
		err = refuse(codeNotMember, "%s is not a member of room %q", clip(k.userID), clip(roomID))
	}
	return roomID, err
}

// room reads a room that the body names.
func (s *Service) room(k *call) (room.Room, error) {
	roomID, err := k.text("roomID")
	if err != nil {
		return room.Room{}, err
	}
	if room.CheckRoomID(roomID) != nil {
		return room.Room{}, noSuchRoom(roomID)
	}
	return s.o.Rooms.Load(k.ctx, roomID)
}

func noSuchRoom(roomID string) error { return refuse(codeNoRoom, "there is no room %q", clip(roomID)) }

func (s *Service) pushers(k *call) (answer, error) {
	r, err := s.room(k)
	if err != nil {
		return nil, err
	}
	if !entered(r) {
		return nil, noSuchRoom(r.RoomID)
	}
	return s.describe(s.hostsOf(k.c.BaseURL()), k.service, r), nil
}

func (s *Service) destroyRoom(k *call) (answer, error) {
	roomID, err := k.text("roomID")
	if err != nil {
		return nil, err
	}
	if room.CheckRoomID(roomID) != nil {
		return nil, noSuchRoom(roomID)
	}
	return nil, s.destroy(k.ctx, roomID, k.userID)
}

// reasonDestroyed closes a room whose creator says so.
const reasonDestroyed = "destroyed"

func (s *Service) destroy(ctx context.Context, roomID, userID string) error {
	_, err := s.o.Rooms.Alter(ctx, roomID, func(r room.Room, now time.Time) (room.Room, []room.Event, error) {
		if r.Weapp == nil || r.Weapp.Creator != userID {
			return r, nil, refuse(codeNoRoom, "only the creator of room %s may destroy it", roomID)
		}
		return r.Close(reasonDestroyed, now)
	})
	return err
}
