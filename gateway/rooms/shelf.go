package rooms

import (
	"slices"
	"strings"
	"time"

	"hutong/gateway/room"
)

// shelves are the rooms that mini-programs list: those that somebody is in, by
// kind, the oldest first. They change with the index, under its lock, so that a
// page of thousands of rooms costs what the page holds.
type shelves map[string][]shelved

type shelved struct {
	created time.Time
	roomID  string
}

func (a shelved) compare(b shelved) int {
	if c := a.created.Compare(b.created); c != 0 {
		return c
	}
	return strings.Compare(a.roomID, b.roomID)
}

// Shelf is the name of the list that a room of a kind, and for a WebRTCRoom a
// type, is on.
func Shelf(kind, typ string) string {
	if kind == room.WebRTCRoom {
		return kind + "/" + typ
	}
	return kind
}

// shelfOf is the list that a room is on, "" for none. Rooms that others made are
// listed as what they hold.
func shelfOf(r room.Room) string {
	switch {
	case r.RoomID == "" || r.Closed || !slices.ContainsFunc(r.Members, func(p room.Place) bool { return p.Role != room.Audience }):
		return ""
	case r.Weapp != nil && r.Weapp.Kind != "":
		return Shelf(r.Weapp.Kind, r.Weapp.Type)
	case r.Capacity <= 2:
		return room.DoubleRoom
	}
	return room.MultiRoom
}

// move puts a room where it belongs now. Either may be none.
func (x shelves) move(old, now room.Room) {
	from, to := shelfOf(old), shelfOf(now)
	a, b := shelved{old.CreatedAt, old.RoomID}, shelved{now.CreatedAt, now.RoomID}
	if from == to && a.compare(b) == 0 {
		return
	}
	if from != "" {
		if i, found := slices.BinarySearchFunc(x[from], a, shelved.compare); found {
			x[from] = slices.Delete(x[from], i, i+1)
		}
		if len(x[from]) == 0 {
			delete(x, from) // types are the clients' words
		}
	}
	if to != "" {
		if i, found := slices.BinarySearchFunc(x[to], b, shelved.compare); !found {
			x[to] = slices.Insert(x[to], i, b)
		}
	}
}

// Page returns up to limit rooms of a shelf after the first skip ones, as this
// node knows them.
func (s *Service) Page(shelf string, skip, limit int) []room.Room {
	s.index.mu.RLock()
	defer s.index.mu.RUnlock()
	list := s.index.shelves[shelf]
	list = list[min(skip, len(list)):]
	list = list[:min(limit, len(list))]
	page := make([]room.Room, 0, len(list))
	for _, l := range list {
		page = append(page, s.index.rooms[l.roomID])
	}
	return page
}
