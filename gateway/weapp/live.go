package weapp

import (
	"slices"
	"time"

	"hutong/gateway/room"
)

// Bounds of what a live room keeps.
const (
	maxUserInfo  = 4096 // bytes
	maxFields    = 64
	maxFieldName = 64 // bytes
)

// alter changes what is kept of the room that the body names.
func (s *Service) alter(k *call, f func(r room.Room, w *room.Weapp) error) (room.Room, error) {
	roomID, err := k.text("roomID")
	if err != nil {
		return room.Room{}, err
	}
	if room.CheckRoomID(roomID) != nil {
		return room.Room{}, noSuchRoom(roomID)
	}
	return s.o.Rooms.Alter(k.ctx, roomID, func(r room.Room, _ time.Time) (room.Room, []room.Event, error) {
		return r.Alter(func(w *room.Weapp) error { return f(r, w) })
	})
}

func (s *Service) addAudience(k *call) (answer, error) {
	if _, err := k.text("roomID"); err != nil {
		return nil, err
	}
	info, err := k.text("userInfo")
	if err != nil {
		return nil, err
	}
	if len(info) > maxUserInfo {
		return nil, refuse(codeTooLong, "userInfo is %d bytes long; send at most %d", len(info), maxUserInfo)
	}
	_, err = s.alter(k, func(r room.Room, w *room.Weapp) error {
		v := room.Viewer{UserID: k.userID, Info: info}
		if i := slices.IndexFunc(w.Audience, func(v room.Viewer) bool { return v.UserID == k.userID }); i >= 0 {
			w.Audience[i] = v
			return nil
		}
		if len(w.Audience) >= s.c.MaxAudience {
			return refuse(codeFull, "room %s lists %d viewers already", r.RoomID, len(w.Audience))
		}
		w.Audience = append(w.Audience, v)
		return nil
	})
	return nil, err
}

// deleteAudience succeeds too when there is nobody to delete.
func (s *Service) deleteAudience(k *call) (answer, error) {
	roomID, err := k.text("roomID")
	if err != nil {
		return nil, err
	}
	return nil, s.unlist(k.ctx, roomID, k.userID)
}

func (s *Service) audiences(k *call) (answer, error) {
	roomID, err := k.text("roomID")
	if err != nil {
		return nil, err
	}
	list := []answer{}
	if room.CheckRoomID(roomID) == nil {
		r, err := s.o.Rooms.Load(k.ctx, roomID)
		if err != nil && !isGone(err) {
			return nil, err
		}
		if r.Weapp != nil {
			for _, v := range r.Weapp.Audience {
				list = append(list, answer{"userID": v.UserID, "userInfo": v.Info})
			}
		}
	}
	return answer{"audienceCount": len(list), "audiences": list}, nil
}

func (s *Service) setCustomField(k *call) (answer, error) {
	if _, err := k.text("roomID"); err != nil {
		return nil, err
	}
	name, err := k.text("fieldName")
	if err != nil {
		return nil, err
	}
	operation, err := k.text("operation")
	if err != nil {
		return nil, err
	}
	change, err := k.fieldChange(operation)
	if err != nil {
		return nil, err
	}
	if name == "" || len(name) > maxFieldName {
		return nil, refuse(codeMissing, "fieldName is %d bytes long; use 1 to %d", len(name), maxFieldName)
	}
	r, err := s.alter(k, func(r room.Room, w *room.Weapp) error {
		if w.Custom == nil {
			w.Custom = map[string]int64{}
		}
		if _, known := w.Custom[name]; !known && len(w.Custom) >= maxFields {
			return refuse(codeTooLong, "room %s has %d fields already", r.RoomID, len(w.Custom))
		}
		w.Custom[name] = change(w.Custom[name])
		return nil
	})
	if err != nil {
		return nil, err
	}
	return answer{"custom": customText(r.Weapp.Custom)}, nil
}

// maxField keeps fields where JavaScript knows all whole numbers.
const maxField = 1<<53 - 1

// fieldChange is what an operation does to a field.
func (k *call) fieldChange(operation string) (func(int64) int64, error) {
	switch operation {
	case "inc":
		return func(n int64) int64 { return min(n+1, maxField) }, nil
	case "dec":
		return func(n int64) int64 { return max(n-1, 0) }, nil
	case "set":
		value, err := k.number("value", 0, true)
		return func(int64) int64 { return int64(value) }, err
	}
	return nil, refuse(codeMissing, "operation %s is none of inc, dec and set", clip(operation))
}

func (s *Service) customInfo(k *call) (answer, error) {
	r, err := s.room(k)
	if err != nil {
		return nil, err
	}
	text := "{}"
	if r.Weapp != nil {
		text = customText(r.Weapp.Custom)
	}
	return answer{"custom": text, "customInfo": text}, nil
}
