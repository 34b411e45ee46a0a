package room

import (
	"fmt"
	"slices"
	"time"
)

// EventType says what happened.
type EventType string

const (
	MemberJoined   EventType = "member_joined"
	MemberLeft     EventType = "member_left"
	MemberChanged  EventType = "member_changed" // nickName, role or client
	Muted          EventType = "muted"          // microphone or camera, off or on
	PublishStarted EventType = "publish_started"
	PublishStopped EventType = "publish_stopped"
	RoomClosed     EventType = "room_closed"
)

// Event is one step of a room. Member is how the member is after it; it is nil
// when the member has left or the room is closed.
type Event struct {
	Revision uint64    `json:"revision"`
	Type     EventType `json:"event"`
	UserID   string    `json:"userID,omitempty"`
	Member   *Member   `json:"member,omitempty"`
	Reason   string    `json:"reason,omitempty"`
}

// View is what clients see of a room, and can follow by events.
type View struct {
	RoomID    string    `json:"roomID"`
	Name      string    `json:"name"`
	Capacity  int       `json:"capacity"`
	CreatedAt time.Time `json:"createdAt"`
	Revision  uint64    `json:"revision"`
	Closed    bool      `json:"closed,omitempty"`
	Recording string    `json:"recording,omitempty"`
	Members   []Member  `json:"members"`
}

// View returns what clients see of the room now.
func (r Room) View() View {
	v := View{RoomID: r.RoomID, Name: r.Name, Capacity: r.Capacity, CreatedAt: r.CreatedAt,
		Revision: r.Revision, Closed: r.Closed, Recording: r.Recording, Members: make([]Member, len(r.Members))}
	for i, p := range r.Members {
		v.Members[i] = p.Member
	}
	return v
}

// Apply returns the view after an event. An event that v already has changes
// nothing; one that does not follow is refused with [ErrGap], and the holder
// needs a fresh view.
func Apply(v View, e Event) (View, error) {
	if e.Revision <= v.Revision {
		return v, nil
	}
	if e.Revision != v.Revision+1 {
		return v, fmt.Errorf("%w: event %d of room %s does not follow %d; get the state again",
			ErrGap, e.Revision, v.RoomID, v.Revision)
	}
	next := v
	next.Revision = e.Revision
	next.Members = slices.Clone(v.Members)
	if state, ok := recordingOf[e.Type]; ok {
		next.Recording = state
		return next, nil
	}
	i := slices.IndexFunc(v.Members, func(m Member) bool { return m.UserID == e.UserID })
	switch {
	case e.Type == RoomClosed:
		next.Closed = true
		next.Members = []Member{}
	case e.Type == MemberLeft && i >= 0:
		next.Members = slices.Delete(next.Members, i, i+1)
	case e.Member != nil && i >= 0:
		next.Members[i] = *e.Member
	case e.Member != nil:
		next.Members = append(next.Members, *e.Member)
	}
	return next, nil
}
