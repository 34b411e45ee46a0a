package room

import (
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// The kinds of rooms that the mini-program API makes.
const (
	DoubleRoom = "double_room"
	MultiRoom  = "multi_room"
	LiveRoom   = "live_room"
	WebRTCRoom = "webrtc_room"
)

// Reasons for which such a room closes by itself.
const (
	ReasonEmpty       = "empty"
	ReasonCreatorLeft = "creator_left"
)

// Weapp is what the mini-program API keeps of a room beside what everybody knows.
type Weapp struct {
	Kind string `json:"kind"`           // the service that made the room; "" when another did
	Type string `json:"type,omitempty"` // of a WebRTCRoom, by which it is listed
	Info string `json:"info"`
	// Creator is the first who entered, and Stream what they published then.
	Creator string `json:"creator"`
	Stream  string `json:"stream"`
	// Speakers is how many may be in the room beside the audience; 0 is as many as
	// its capacity.
	Speakers int `json:"speakers,omitempty"`
	// KeepEmpty is how long the room waits for its first member; 0 is as long as
	// other rooms.
	KeepEmpty time.Duration    `json:"keepEmpty,omitempty"`
	Custom    map[string]int64 `json:"custom,omitempty"`
	// Audience are those who watch the mixed stream and have no place.
	Audience []Viewer `json:"audience,omitempty"`
	// Mix is what the creator last asked to be mixed.
	Mix json.RawMessage `json:"mix,omitempty"`
}

// Viewer is one of the audience of a LiveRoom.
type Viewer struct {
	UserID string `json:"userID"`
	Info   string `json:"info"` // as the mini-program sent it
}

// Phone is what the mini-program API keeps of a member.
type Phone struct {
	// Service is that by which the member entered, such as MultiRoom.
	Service string `json:"service,omitempty"`
	Avatar  string `json:"avatar,omitempty"`
	// Grace is how long the member stays without a sign of life; 0 is as long as
	// others.
	Grace time.Duration `json:"grace,omitempty"`
	// BeatsOnly says that a stream is no sign of life.
	BeatsOnly bool `json:"beatsOnly,omitempty"`
}

// Alter changes what the mini-program API keeps, by f of a copy of it. An error of
// f is returned as it is.
func (r Room) Alter(f func(w *Weapp) error) (Room, []Event, error) {
	c, err := r.change()
	if err != nil {
		return r, nil, err
	}
	if c.room.Weapp == nil {
		c.room.Weapp = &Weapp{}
	}
	w := c.room.Weapp
	w.Custom, w.Audience = maps.Clone(w.Custom), slices.Clone(w.Audience)
	if err := f(w); err != nil {
		return r, nil, err
	}
	return c.room, nil, nil
}

// entered notes who is first. w may be nil.
func (w *Weapp) entered(m Member) {
	if w != nil && w.Creator == "" && m.Role != Audience {
		w.Creator, w.Stream = m.UserID, m.Stream
	}
}

// moved notes another stream of the first. w may be nil.
func (w *Weapp) moved(m Member) {
	if w != nil && w.Creator == m.UserID {
		w.Stream = m.Stream
	}
}

// over says whether the departure of a member ends the room, and why.
func (r Room) over(left string) (why string, over bool) {
	switch w := r.Weapp; {
	case w == nil || w.Kind == "":
		return "", false
	case w.Kind == LiveRoom && left == w.Creator:
		return ReasonCreatorLeft, true
	}
	return ReasonEmpty, len(r.Members) == 0
}

// speakers counts the members beside the audience.
func (r Room) speakers() int {
	n := 0
	for _, p := range r.Members {
		if p.Role != Audience {
			n++
		}
	}
	return n
}

func (r Room) mostSpeakers(j Joining) int {
	most := r.Capacity
	if r.Weapp != nil && r.Weapp.Speakers > 0 {
		most = min(most, r.Weapp.Speakers)
	}
	if j.Limit > 0 {
		most = min(most, j.Limit)
	}
	return most
}

// grace is how long the member stays without a sign of life.
func (p Place) grace(usual time.Duration) time.Duration {
	if p.Phone.Grace > 0 {
		return p.Phone.Grace
	}
	return usual
}
