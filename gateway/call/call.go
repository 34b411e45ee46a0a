package call

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"hutong/gateway/room"
)

// Limits of a call.
const (
	MaxGuests      = 8
	MaxSupervisors = 4
	MaxUserData    = 16 << 10 // bytes of JSON
	MaxNotes       = 8000     // bytes
	maxTimeline    = 200
)

// Caller is who calls.
type Caller struct {
	UserID   string          `json:"userID"`
	NickName string          `json:"nickName"`
	Client   room.Client     `json:"client"`
	UserData json.RawMessage `json:"userData,omitempty"`
	// AwaySince is since when the caller has not been in the room; zero: is there.
	AwaySince time.Time `json:"awaySince,omitzero"`
}

// Ring is a call at one agent.
type Ring struct {
	AgentID string    `json:"agentID"`
	Since   time.Time `json:"since"`
	Until   time.Time `json:"until"`
}

// Move is a transfer that is on its way.
type Move struct {
	From    string `json:"from"`              // agentID
	AgentID string `json:"agentID,omitempty"` // at whom it rings, or who consults
	Queue   string `json:"queue,omitempty"`   // where an agent is looked for
	Warm    bool   `json:"warm"`
	// Consulting says that both agents talk.
	Consulting bool      `json:"consulting"`
	Since      time.Time `json:"since"`
	// Until is when the agent has to have answered, or one has to be found.
	Until  time.Time `json:"until"`
	GiveUp time.Time `json:"giveUp"` // the same for all agents of a queue together
}

// Guest is a third party: another agent, or somebody from outside.
type Guest struct {
	UserID   string    `json:"userID"`
	AgentID  string    `json:"agentID,omitempty"`
	NickName string    `json:"nickName"`
	Role     string    `json:"role"`
	Joined   bool      `json:"joined"`
	Until    time.Time `json:"until,omitzero"` // of the invitation
}

// Mode is what a supervisor does in a call.
type Mode string

const (
	Listen  Mode = "listen"  // heard by nobody
	Whisper Mode = "whisper" // heard by the agent alone
	Join    Mode = "join"    // heard by everybody
)

// Supervisor is somebody who looks after a call.
type Supervisor struct {
	AgentID string `json:"agentID"`
	Mode    Mode   `json:"mode"`
}

// Mute is what the others do not get of a member.
type Mute struct {
	UserID string `json:"userID"`
	Audio  bool   `json:"audio"`
	Video  bool   `json:"video"`
}

// Rating is what the caller thought of it.
type Rating struct {
	Stars   int    `json:"stars"` // 1 to 5
	Comment string `json:"comment,omitempty"`
}

// Entry is one thing that happened.
type Entry struct {
	At      time.Time `json:"at"`
	Event   string    `json:"event"`
	State   State     `json:"state"` // after it
	By      string    `json:"by,omitempty"`
	AgentID string    `json:"agentID,omitempty"`
	Queue   string    `json:"queue,omitempty"`
	Note    string    `json:"note,omitempty"`
}

// Call is the state of one call. It is a value: operations return the next one
// and never alter the slices of this one. Instants are UTC, in milliseconds. The
// roomID is the callID.
type Call struct {
	CallID   string   `json:"callID"`
	Queue    string   `json:"queue"`
	State    State    `json:"state"`
	Reason   Reason   `json:"reason,omitempty"`
	EndedBy  string   `json:"endedBy,omitempty"`
	Priority int      `json:"priority"`
	Skills   []string `json:"skills"`
	Caller   Caller   `json:"caller"`

	CreatedAt  time.Time `json:"createdAt"`
	QueuedAt   time.Time `json:"queuedAt"` // into the present line
	Front      bool      `json:"front,omitempty"`
	StateAt    time.Time `json:"stateAt"`
	AnsweredAt time.Time `json:"answeredAt,omitzero"` // first
	EndedAt    time.Time `json:"endedAt,omitzero"`

	Ring        *Ring                `json:"ring,omitempty"`
	AgentID     string               `json:"agentID,omitempty"` // who talks with the caller
	Move        *Move                `json:"move,omitempty"`
	Guests      []Guest              `json:"guests"`
	Supervisors []Supervisor         `json:"supervisors"`
	Mutes       []Mute               `json:"mutes"`
	Tried       map[string]time.Time `json:"tried,omitempty"`  // agentIDs that did not take it, and when
	Served      []string             `json:"served,omitempty"` // agentIDs that talked
	Transfers   int                  `json:"transfers"`
	Been        []string             `json:"been,omitempty"` // queues that it has flowed over from
	LastGuest   int                  `json:"lastGuest"`

	Notes   string  `json:"notes"`
	Outcome string  `json:"outcome"`
	Rating  *Rating `json:"rating,omitempty"`

	// Spent is the time in states that are over.
	Spent    Durations `json:"spent"`
	Timeline []Entry   `json:"timeline"`
	// Revision grows by one with each change.
	Revision uint64 `json:"revision"`
}

// Placing is a call to be made.
type Placing struct {
	CallID, Queue string
	Caller        Caller
	Priority      int
	Skills        []string
}

// Place puts a call in line.
func Place(p Placing, now time.Time) (Call, error) {
	if err := CheckID("callID", p.CallID); err != nil {
		return Call{}, err
	}
	if err := p.check(); err != nil {
		return Call{}, err
	}
	if p.Caller.NickName == "" {
		p.Caller.NickName = p.Caller.UserID
	}
	at := stamp(now)
	c := Call{CallID: p.CallID, Queue: p.Queue, State: Waiting, Priority: p.Priority, Skills: slices.Clone(p.Skills), Caller: p.Caller,
		CreatedAt: at, QueuedAt: at, StateAt: at, Guests: []Guest{}, Supervisors: []Supervisor{}, Mutes: []Mute{}}
	if c.Skills == nil {
		c.Skills = []string{}
	}
	c.note(Entry{At: at, Event: "created", By: ByCaller, Queue: p.Queue})
	c.Revision = 1
	return c, nil
}

// change begins to alter a copy.
func (c Call) change() Call {
	c.Guests = slices.Clone(c.Guests)
	c.Supervisors = slices.Clone(c.Supervisors)
	c.Mutes = slices.Clone(c.Mutes)
	c.Served = slices.Clone(c.Served)
	c.Timeline = slices.Clone(c.Timeline)
	c.Tried = maps.Clone(c.Tried)
	if c.Ring != nil {
		r := *c.Ring
		c.Ring = &r
	}
	if c.Move != nil {
		m := *c.Move
		c.Move = &m
	}
	c.Revision++
	return c
}

// move makes a trigger happen to a copy that change has made.
func (c *Call) move(t Trigger, e Entry) error {
	to, err := Next(c.State, t)
	if err != nil {
		return err
	}
	if to != c.State {
		c.Spent = c.Durations(e.At)
		c.StateAt = later(c.StateAt, stamp(e.At))
	}
	c.State = to
	c.note(e)
	return nil
}

// moved is move of a copy.
func (c Call) moved(t Trigger, e Entry) (Call, error) {
	err := c.move(t, e)
	return c, err
}

// note writes into the timeline, of which the middle goes when it is full.
func (c *Call) note(e Entry) {
	e.At, e.State = stamp(e.At), c.State
	if len(c.Timeline) >= maxTimeline {
		c.Timeline = slices.Delete(c.Timeline, maxTimeline/2, maxTimeline/2+1)
	}
	c.Timeline = append(c.Timeline, e)
}

// Touch is a change that changes nothing: reservations for the revision before
// are void after it.
func (c Call) Touch() Call {
	c.Revision++
	return c
}

// Encode returns the JSON that [Decode] reads.
func (c Call) Encode() ([]byte, error) { return encode("call "+c.CallID, c) }

// Decode reads a call that [Call.Encode] wrote.
func Decode(data []byte) (Call, error) {
	var c Call
	if err := json.Unmarshal(data, &c); err != nil || CheckID("callID", c.CallID) != nil {
		return Call{}, fmt.Errorf("%w: a call of %d bytes (%v)", ErrCorrupt, len(data), err)
	}
	return c, nil
}
