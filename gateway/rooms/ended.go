package rooms

import "time"

// maxEnded bounds the rooms whose end is remembered.
const maxEnded = 10_000

// ended are the rooms that this node has seen end, the latest last. It is guarded
// by the index's mu.
type ended struct {
	at    map[string]time.Time
	order []string
}

func newEnded() *ended { return &ended{at: map[string]time.Time{}} }

func (e *ended) add(roomID string) {
	if _, known := e.at[roomID]; !known {
		e.order = append(e.order, roomID)
	}
	e.at[roomID] = time.Now()
	if len(e.order) > maxEnded {
		delete(e.at, e.order[0])
		e.order = e.order[1:]
	}
}

// endedAt is when a room was seen to end that is no more, zero if it was not.
func (x index) endedAt(roomID string) time.Time {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if _, there := x.rooms[roomID]; there {
		return time.Time{}
	}
	return x.ended.at[roomID]
}
