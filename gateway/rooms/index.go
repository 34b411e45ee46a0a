package rooms

import (
	"slices"
	"sync"
	"time"

	"hutong/gateway/room"
	"hutong/gateway/store"
)

// index is what this node knows of all rooms. The watch of the store feeds it;
// what this node writes is noted at once.
type index struct {
	mu      *sync.RWMutex
	rooms   map[string]room.Room
	streams map[string]member
	shelves shelves
	ended   *ended
}

func newIndex() index {
	return index{mu: new(sync.RWMutex), rooms: map[string]room.Room{}, streams: map[string]member{}, shelves: shelves{}, ended: newEnded()}
}

// set files a room as the watch has it, which may be behind what this node has
// written since.
func (x index) set(r room.Room) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if known, ok := x.rooms[r.RoomID]; ok && known.CreatedAt.Equal(r.CreatedAt) && newer(known, r) {
		return
	}
	x.setLocked(r)
}

func (x index) setLocked(r room.Room) {
	x.shelves.move(x.rooms[r.RoomID], r)
	x.forget(r.RoomID)
	x.rooms[r.RoomID] = r
	for _, p := range r.Members {
		x.streams[p.Stream] = member{r.RoomID, p.UserID}
	}
}

// note files what this node has written, unless the watch has been faster. A
// change that neither an event nor a message tells of is left to the watch.
func (x index) note(r room.Room) {
	x.mu.Lock()
	defer x.mu.Unlock()
	known, ok := x.rooms[r.RoomID]
	if ok && (known.CreatedAt.After(r.CreatedAt) || known.CreatedAt.Equal(r.CreatedAt) && !newer(r, known)) {
		return
	}
	if r.Closed {
		x.shelves.move(known, room.Room{})
		x.forget(r.RoomID)
		x.ended.add(r.RoomID)
		return
	}
	x.setLocked(r)
}

func newer(a, b room.Room) bool {
	return a.Revision > b.Revision && a.LastSeq >= b.LastSeq || a.Revision >= b.Revision && a.LastSeq > b.LastSeq
}

// bar notes at once that somebody who had no place was removed: no event tells of
// it, so note leaves it to the watch.
func (x index) bar(roomID, userID string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	r, ok := x.rooms[roomID]
	if _, back := r.Place(userID); ok && !back && !slices.Contains(r.Removed, userID) {
		r.Removed = append(slices.Clone(r.Removed), userID)
		x.rooms[roomID] = r
	}
}

// remove forgets a room that is gone, unless another has its roomID by now.
func (x index) remove(roomID string, created time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if r, ok := x.rooms[roomID]; ok && r.CreatedAt.Equal(created) {
		x.shelves.move(r, room.Room{})
		x.forget(roomID)
		x.ended.add(roomID)
	}
}

func (x index) forget(roomID string) {
	for _, p := range x.rooms[roomID].Members {
		if x.streams[p.Stream] == (member{roomID, p.UserID}) {
			delete(x.streams, p.Stream)
		}
	}
	delete(x.rooms, roomID)
}

func (x index) get(roomID string) (room.Room, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	r, ok := x.rooms[roomID]
	return r, ok
}

func (x index) created(roomID string) time.Time {
	r, _ := x.get(roomID)
	return r.CreatedAt
}

func (x index) owner(stream string) (member, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	m, ok := x.streams[stream]
	return m, ok
}

func (x index) all() []room.Room {
	x.mu.RLock()
	defer x.mu.RUnlock()
	all := make([]room.Room, 0, len(x.rooms))
	for _, r := range x.rooms {
		all = append(all, r)
	}
	return all
}

func (x index) count() (rooms, members int) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.rooms), len(x.streams)
}

// follow keeps the index by the watch until it ends. ready is closed once all
// rooms there were are filed.
func (s *Service) follow(entries <-chan store.Entry, ready chan struct{}) {
	for e := range entries {
		switch {
		case e.Key == "":
			if ready != nil {
				close(ready)
				ready = nil
			}
		case e.Deleted:
			s.index.remove(e.Key, s.index.created(e.Key))
			s.feeds.gone(e.Key)
		default:
			r, err := room.Decode(e.Value)
			if err != nil || r.RoomID != e.Key {
				s.o.Log.Error("a room in the store cannot be read", "room", e.Key, "error", err)
				continue
			}
			s.index.set(r)
			s.feeds.seen(r)
			s.compare(r)
		}
	}
}
