package weapp

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"strconv"
	"time"
	"unicode/utf8"

	"hutong/gateway/room"
	"hutong/gateway/rooms"
	"hutong/gateway/weapp/usersig"
)

// webrtc_room has no tokens: identity is what userID says. So that nobody is
// thrown out or impersonated who came another way, its commands touch only
// members that entered by it.

// user reads who acts in webrtc_room.
func (k *call) user() (string, error) {
	userID, err := k.text("userID")
	switch {
	case err != nil:
		return "", err
	case userID == "":
		return "", refuse(k.missing, "userID is empty")
	case !webrtcUser.MatchString(userID):
		return "", badWebRTCUser(userID)
	}
	return userID, nil
}

// roomNumber reads a roomID: a number, or its text.
func (k *call) roomNumber() (string, error) {
	var n float64
	if k.has("roomID") && json.Unmarshal(k.body["roomID"], &n) == nil {
		if n != math.Trunc(n) || n < 1 || n > math.MaxInt32 {
			return "", noSuchRoom(string(k.body["roomID"]))
		}
		return strconv.Itoa(int(n)), nil
	}
	roomID, err := k.text("roomID")
	if err != nil {
		return "", err
	}
	if roomID == "" {
		return "", refuse(k.missing, "roomID is empty")
	}
	if _, err := parseNumber(roomID); err != nil {
		return "", noSuchRoom(roomID)
	}
	return roomID, nil
}

// parseNumber reads a roomID of webrtc_room, as it is written by the gateway.
func parseNumber(roomID string) (uint32, error) {
	n, err := strconv.ParseUint(roomID, 10, 31)
	if err != nil || n == 0 || roomID != strconv.FormatUint(n, 10) {
		return 0, errors.New("no room number")
	}
	return uint32(n), nil
}

func (s *Service) webrtcCreate(k *call) (answer, error) {
	userID, err := k.user()
	if err != nil {
		return nil, err
	}
	info, err := k.text("roomInfo")
	if err != nil {
		return nil, err
	}
	nick, err := k.optional("nickName")
	if err != nil {
		return nil, err
	}
	typ, err := k.optional("roomType")
	if err != nil {
		return nil, err
	}
	switch n := utf8.RuneCountInString(info); {
	case n == 0:
		return nil, refuse(k.missing, "roomInfo is empty")
	case n > s.c.MaxRoomInfo:
		return nil, refuse(codeTaken, "roomInfo is %d characters long; send at most %d", n, s.c.MaxRoomInfo)
	case len(typ) > maxFieldName:
		return nil, refuse(codeTaken, "roomType is %d bytes long; send at most %d", len(typ), maxFieldName)
	}
	for {
		roomID := strconv.Itoa(100_000_000 + rand.IntN(900_000_000))
		_, err := s.o.Rooms.Create(k.ctx, s.roomOptions(k.service, roomID, info, typ))
		if errors.Is(err, rooms.ErrRoomExists) {
			continue
		}
		if err == nil {
			err = s.webrtcJoin(k, roomID, userID, nick)
		}
		if err != nil {
			return nil, err
		}
		key, err := s.mapKey(userID, roomID)
		return answer{"userID": userID, "roomID": roomID, "roomInfo": info, "privateMapKey": key}, err
	}
}

func (s *Service) webrtcEnter(k *call) (answer, error) {
	userID, err := k.user()
	if err != nil {
		return nil, err
	}
	roomID, err := k.roomNumber()
	if err != nil {
		return nil, err
	}
	nick, err := k.optional("nickName")
	if err != nil {
		return nil, err
	}
	r, err := s.o.Rooms.Load(k.ctx, roomID)
	if err != nil {
		return nil, err
	}
	if p, in := r.Place(userID); in && p.Phone.Service != room.WebRTCRoom {
		return nil, deny("%s is in room %s another way; choose another userID", userID, roomID)
	}
	if err := s.webrtcJoin(k, roomID, userID, nick); err != nil {
		return nil, err
	}
	key, err := s.mapKey(userID, roomID)
	return answer{"userID": userID, "roomID": roomID, "privateMapKey": key}, err
}

func (s *Service) webrtcJoin(k *call, roomID, userID, nick string) error {
	_, _, err := s.o.Rooms.Join(k.ctx, roomID, room.Joining{UserID: userID, NickName: nickName(nick), Client: room.RTMP,
		Stream: app + "/" + s.newStream(userID), Phone: s.phone(room.WebRTCRoom, ""), Limit: s.limit(room.WebRTCRoom)})
	return err
}

// mapKey is the right to a room's signature.
func (s *Service) mapKey(userID, roomID string) (string, error) {
	n, err := parseNumber(roomID)
	if err != nil {
		return "", err
	}
	now := s.o.Now()
	return usersig.SignMap(s.ec, usersig.Map{UserID: userID, SDKAppID: uint32(s.c.SDKAppID), RoomID: n,
		Expires: now.Add(s.c.MapKeyTTL.Std()), Privileges: usersig.AllPrivileges}, now)
}

func (s *Service) webrtcQuit(k *call) (answer, error) {
	return nil, s.webrtcOwn(k, func(r room.Room, userID string, now time.Time) (room.Room, []room.Event, error) {
		if p, in := r.Place(userID); !in || p.Phone.Service != room.WebRTCRoom {
			return r, nil, refuse(codeNotMember, "%s is not a member of room %s", userID, r.RoomID)
		}
		return r.Leave(userID, room.ReasonLeft, now)
	})
}

func (s *Service) webrtcHeartbeat(k *call) (answer, error) {
	return nil, s.webrtcOwn(k, func(r room.Room, userID string, now time.Time) (room.Room, []room.Event, error) {
		if p, in := r.Place(userID); !in || p.Phone.Service != room.WebRTCRoom {
			return r, nil, nil // a member that has expired is not added again
		}
		return r.Seen(userID, now)
	})
}

func (s *Service) webrtcOwn(k *call, op func(room.Room, string, time.Time) (room.Room, []room.Event, error)) error {
	userID, err := k.user()
	if err != nil {
		return err
	}
	roomID, err := k.roomNumber()
	if err != nil {
		return err
	}
	_, err = s.o.Rooms.Alter(k.ctx, roomID, func(r room.Room, now time.Time) (room.Room, []room.Event, error) { return op(r, userID, now) })
	return err
}

func (s *Service) webrtcList(k *call) (answer, error) {
	index, err := k.number("index", 0, false)
	if err != nil {
		return nil, err
	}
	count, err := k.number("count", 10, false)
	if err != nil {
		return nil, err
	}
	typ, err := k.optional("roomType")
	if err != nil {
		return nil, err
	}
	list := []answer{}
	for _, r := range s.o.Rooms.Page(rooms.Shelf(room.WebRTCRoom, typ), index, min(count, maxPage)) {
		w := weappOf(r)
		list = append(list, answer{"roomID": r.RoomID, "roomInfo": w.Info, "roomCreator": w.Creator})
	}
	return answer{"rooms": list}, nil
}

func (s *Service) webrtcMembers(k *call) (answer, error) {
	roomID, err := k.roomNumber()
	if err != nil {
		return nil, err
	}
	r, err := s.o.Rooms.Load(k.ctx, roomID)
	if err != nil {
		return nil, err
	}
	list := []answer{}
	for _, p := range r.Members {
		if p.Role != room.Audience {
			list = append(list, answer{"userID": p.UserID, "nickName": p.NickName})
		}
	}
	return answer{"members": list}, nil
}
