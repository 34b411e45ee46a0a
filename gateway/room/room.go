package room

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Capacities of a room.
const (
	DefaultCapacity = 16
	MaxCapacity     = 1000
)

// Room is the state of one room. It is a value: operations return the next one
// and never alter the slices of this one. Instants are UTC, in milliseconds.
type Room struct {
	RoomID    string    `json:"roomID"`
	Name      string    `json:"name"`
	Capacity  int       `json:"capacity"`
	CreatedAt time.Time `json:"createdAt"`
	Revision  uint64    `json:"revision"`
	Closed    bool      `json:"closed,omitempty"`
	// EmptyAt is when the last member left, or the room was created.
	EmptyAt time.Time `json:"emptyAt"`
	// Members in the order in which they joined.
	Members []Place `json:"members"`
	// Removed are the userIDs of those who were removed and not let in since, the
	// latest last.
	Removed []string `json:"removed,omitempty"`
	// LastSeq is the number of the newest message, 0 before the first.
	LastSeq uint64 `json:"lastSeq"`
	// Messages are the newest ones, oldest first, private ones among them:
	// [Room.History] is what one member may read.
	Messages []Message `json:"messages"`
	// Recording is RecordingOff, RecordingOn or RecordingPaused.
	Recording string `json:"recording,omitempty"`
	// Weapp is what the mini-program API keeps; nil for a room it has not touched.
	Weapp *Weapp `json:"weapp,omitempty"`
	// Run says that somebody outside decides who is in the room, as the desk does
	// of a call's: no member removes another or closes it, whatever the role.
	Run bool `json:"run,omitempty"`
}

// Member is what everybody in the room knows of one of them.
type Member struct {
	UserID     string    `json:"userID"`
	NickName   string    `json:"nickName"`
	Role       Role      `json:"role"`
	Client     Client    `json:"client"`
	Stream     string    `json:"stream"`
	Publishing bool      `json:"publishing"`
	AudioMuted bool      `json:"audioMuted"`
	VideoMuted bool      `json:"videoMuted"`
	JoinedAt   time.Time `json:"joinedAt"`
}

// Place is a member and what the gateway alone knows: what keeps the place.
type Place struct {
	Member
	// SeenAt is the last sign of life, to within [SeenEvery].
	SeenAt time.Time `json:"seenAt"`
	// Session is the member's WebSocket, Publication its publisher.
	Session     Hold `json:"session,omitzero"`
	Publication Hold `json:"publication,omitzero"`
	// Phone is set for who joined by the mini-program API.
	Phone Phone `json:"phone,omitzero"`
}

// Hold is a connection that keeps a member in the room without heartbeats, and
// the node that has it: when that node is lost, so is the hold.
type Hold struct {
	ID   string `json:"id"`
	Node string `json:"node"`
}

func (h Hold) check() error {
	if h.ID == "" || h.Node == "" {
		return fmt.Errorf("%w: id %q on node %q; both must be set", ErrBadHold, h.ID, h.Node)
	}
	return nil
}

// Held says whether a connection keeps the place.
func (p Place) Held() bool {
	return p.Session != Hold{} || p.Publication != Hold{} && !p.Phone.BeatsOnly
}

// Options describe a room to be made.
type Options struct {
	RoomID   string
	Name     string // the roomID when empty
	Capacity int    // DefaultCapacity when 0
	Weapp    *Weapp // of a room that the mini-program API makes; kept as it is
	Run      bool   // see [Room]
}

// Create makes an empty room at revision 0.
func Create(o Options, now time.Time) (Room, error) {
	if err := CheckRoomID(o.RoomID); err != nil {
		return Room{}, err
	}
	if err := checkName("room name", o.Name); err != nil {
		return Room{}, err
	}
	if o.Name == "" {
		o.Name = o.RoomID
	}
	if o.Capacity == 0 {
		o.Capacity = DefaultCapacity
	}
	if o.Capacity < 1 || o.Capacity > MaxCapacity {
		return Room{}, fmt.Errorf("%w %d: use 1 to %d", ErrBadCapacity, o.Capacity, MaxCapacity)
	}
	at := stamp(now)
	return Room{RoomID: o.RoomID, Name: o.Name, Capacity: o.Capacity, CreatedAt: at, EmptyAt: at,
		Members: []Place{}, Messages: []Message{}, Weapp: o.Weapp, Run: o.Run}, nil
}

// Close ends the room for everyone in it. A closed room refuses every further
// operation.
func (r Room) Close(reason string, now time.Time) (Room, []Event, error) {
	c, err := r.change()
	if err != nil {
		return r, nil, err
	}
	c.close(reason, now)
	return c.room, c.events, nil
}

func (c *change) close(reason string, now time.Time) {
	c.room.Closed = true
	if len(c.room.Members) > 0 {
		c.room.EmptyAt = stamp(now)
	}
	c.room.Members = []Place{}
	c.emit(Event{Type: RoomClosed, Reason: reason})
}

// EmptyFor is how long nobody has been in the room, 0 while somebody is.
func (r Room) EmptyFor(now time.Time) time.Duration {
	if len(r.Members) > 0 {
		return 0
	}
	return max(0, now.Sub(r.EmptyAt))
}

// Place returns the place of a member.
func (r Room) Place(userID string) (Place, bool) {
	if i := r.index(userID); i >= 0 {
		return r.Members[i], true
	}
	return Place{}, false
}

// ByStream returns the place of the member that a stream name is bound to.
func (r Room) ByStream(stream string) (Place, bool) {
	i := slices.IndexFunc(r.Members, func(p Place) bool { return p.Stream == stream })
	if i < 0 {
		return Place{}, false
	}
	return r.Members[i], true
}

func (r Room) index(userID string) int {
	return slices.IndexFunc(r.Members, func(p Place) bool { return p.UserID == userID })
}

// Encode returns the JSON that [Decode] reads.
func (r Room) Encode() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // messages grow sixfold otherwise
	if err := e.Encode(r); err != nil {
		return nil, fmt.Errorf("room %s: %w", r.RoomID, err)
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// Decode reads a room that [Room.Encode] wrote.
func Decode(data []byte) (Room, error) {
	var r Room
	if err := json.Unmarshal(data, &r); err != nil {
		return Room{}, fmt.Errorf("%w of %d bytes: %w; delete it and create it again", ErrCorrupt, len(data), err)
	}
	if CheckRoomID(r.RoomID) != nil {
		return Room{}, fmt.Errorf("%w: its roomID is %q; delete it and create it again", ErrCorrupt, clip(r.RoomID))
	}
	return r, nil
}

// change is a room being altered, and what happened to it.
type change struct {
	room   Room
	events []Event
}

// change begins to alter a copy of r.
func (r Room) change() (*change, error) {
	if r.Closed {
		return nil, fmt.Errorf("%w: %s; create another", ErrClosed, r.RoomID)
	}
	r.Members = slices.Clone(r.Members)
	if r.Weapp != nil {
		w := *r.Weapp
		r.Weapp = &w
	}
	return &change{room: r}, nil
}

// alter begins to alter a copy of r at the place of a member.
func (r Room) alter(userID string) (*change, *Place, error) {
	c, err := r.change()
	if err != nil {
		return nil, nil, err
	}
	i := r.index(userID)
	if i < 0 {
		return nil, nil, r.notMember(userID)
	}
	return c, &c.room.Members[i], nil
}

func (r Room) notMember(userID string) error {
	return fmt.Errorf("%w: %q in room %s; join first", ErrNotMember, clip(userID), r.RoomID)
}

func (c *change) emit(e Event) {
	c.room.Revision++
	e.Revision = c.room.Revision
	c.events = append(c.events, e)
}

// tell emits an event that carries the member as it is now.
func (c *change) tell(t EventType, m Member) {
	c.emit(Event{Type: t, UserID: m.UserID, Member: &m})
}

func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// later is the younger of two instants: clocks of nodes differ a little, and a
// sign of life never ages a member.
func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
