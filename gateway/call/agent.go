package call

import (
	"encoding/json"
	"fmt"
	"time"
)

// AgentState is what an agent does.
type AgentState string

const (
	Offline    AgentState = "offline"
	Ready      AgentState = "ready"
	AgentRings AgentState = "ringing"
	Busy       AgentState = "busy"
	WrapUp     AgentState = "wrap_up"
	Break      AgentState = "break"
)

// AgentStates are all there are.
var AgentStates = []AgentState{Offline, Ready, AgentRings, Busy, WrapUp, Break}

// Engagement is how an agent takes part in a call.
type Engagement string

const (
	AtRing Engagement = "ringing"
	AtWork Engagement = "busy"  // of whom a wrap-up follows
	Beside Engagement = "aside" // supervising: no wrap-up follows
)

// Engaged are the agents that the call names.
func (c Call) Engaged() map[string]Engagement {
	out := map[string]Engagement{}
	if c.State == Ended {
		return out
	}
	if c.Ring != nil {
		out[c.Ring.AgentID] = AtRing
	}
	for _, g := range c.Guests {
		if g.AgentID != "" {
			out[g.AgentID] = AtRing
			if g.Joined {
				out[g.AgentID] = AtWork
			}
		}
	}
	for _, s := range c.Supervisors {
		out[s.AgentID] = Beside
	}
	if c.Move != nil && c.Move.AgentID != "" {
		out[c.Move.AgentID] = AtRing
		if c.Move.Consulting {
			out[c.Move.AgentID] = AtWork
		}
	}
	if c.AgentID != "" {
		out[c.AgentID] = AtWork
	}
	return out
}

// Console is the window that an agent works in, and the node that has it.
type Console struct {
	ID   string `json:"id"`
	Node string `json:"node"`
}

// Agent is what one agent does. It is a value as [Call] is.
type Agent struct {
	AgentID string `json:"agentID"`
	// Wants is what the agent chose: Offline, Ready or Break.
	Wants AgentState `json:"wants"`
	Note  string     `json:"note,omitempty"`

	CallID     string     `json:"callID,omitempty"`
	Engaged    Engagement `json:"engaged,omitempty"`
	Ticket     uint64     `json:"ticket,omitempty"` // the revision of the call that the reservation is for
	Seen       uint64     `json:"seen,omitempty"`   // the newest revision of the call that Engaged is of
	ReservedAt time.Time  `json:"reservedAt,omitzero"`

	WrapUntil time.Time `json:"wrapUntil,omitzero"`
	IdleSince time.Time `json:"idleSince,omitzero"` // of the last call's end, or of coming
	Since     time.Time `json:"since"`              // of the present state
	Missed    int       `json:"missed,omitempty"`   // calls in a row

	Console Console   `json:"console,omitzero"`
	SeenAt  time.Time `json:"seenAt,omitzero"` // the console's last sign of life
}

// NewAgent is an agent who has not come yet.
func NewAgent(agentID string, now time.Time) Agent {
	return Agent{AgentID: agentID, Wants: Offline, Since: stamp(now)}
}

// State is what the agent does now.
func (a Agent) State(now time.Time) AgentState {
	switch {
	case a.Engaged == AtRing && a.CallID != "":
		return AgentRings
	case a.CallID != "":
		return Busy
	case a.Wants != Offline && now.Before(a.WrapUntil):
		return WrapUp
	}
	return a.Wants
}

// ConsoleStale is how long a console may give no sign of life.
const ConsoleStale = 25 * time.Second

// Here says whether the agent has a console open.
func (a Agent) Here(now time.Time) bool {
	return a.Console != Console{} && now.Sub(a.SeenAt) < ConsoleStale
}

// Choose sets what the agent wants to be, after a call if there is one.
func (a Agent) Choose(s AgentState, note string, now time.Time) (Agent, error) {
	switch s {
	case Offline, Ready, Break:
	default:
		return a, fmt.Errorf("%w: state %q; choose ready, break or offline", ErrBadData, clip(string(s)))
	}
	if err := CheckName("note", note); err != nil {
		return a, err
	}
	before := a.State(now)
	if s == Ready && a.Wants != Ready {
		a.IdleSince = stamp(now)
	}
	a.Wants, a.Note, a.Missed = s, note, 0
	if (a.Console == Console{}) {
		a.SeenAt = stamp(now) // there is the grace period to open one
	}
	if a.CallID == "" {
		a.WrapUntil = time.Time{}
	}
	return a.since(before, now), nil
}

func (a Agent) since(before AgentState, now time.Time) Agent {
	if a.State(now) != before {
		a.Since = stamp(now)
	}
	return a
}

// Reserve binds the agent to a call at its revision. Only who is ready is rung
// at; supervising takes only being free.
func (a Agent) Reserve(callID string, revision uint64, e Engagement, now time.Time) (Agent, error) {
	if a.CallID != "" {
		return a, fmt.Errorf("%w: %s is in call %s", ErrBusy, a.AgentID, a.CallID)
	}
	if e != Beside && (a.State(now) != Ready || !a.Here(now)) {
		return a, fmt.Errorf("%w: agent %s is not ready", ErrWrongState, a.AgentID)
	}
	before := a.State(now)
	a.CallID, a.Engaged, a.Ticket, a.Seen, a.ReservedAt = callID, e, revision, revision, stamp(now)
	return a.since(before, now), nil
}

// Follow brings the agent into step with the call that it is bound to, as the
// call is at a revision; gone says that there is no such call any more. wrap is
// how long a wrap-up takes.
func (a Agent) Follow(c Call, gone bool, wrap time.Duration, now time.Time) Agent {
	if a.CallID == "" || a.CallID != c.CallID || !gone && c.Revision < a.Seen {
		return a
	}
	before := a.State(now)
	e, engaged := c.Engaged()[a.AgentID]
	switch {
	case engaged && !gone:
		a.Engaged, a.Seen = e, c.Revision
	case gone || c.Revision > a.Ticket:
		worked := a.Engaged == AtWork
		a.CallID, a.Engaged, a.Ticket, a.Seen, a.ReservedAt = "", "", 0, 0, time.Time{}
		a.IdleSince = stamp(now)
		if worked {
			a.Missed = 0
			if wrap > 0 {
				a.WrapUntil = stamp(now.Add(wrap))
			}
		}
	}
	return a.since(before, now)
}

// Miss counts a call that the agent let ring; after so many in a row, 0 never,
// the agent is taken to be on a break.
func (a Agent) Miss(most int, now time.Time) Agent {
	before := a.State(now)
	a.Missed++
	if most > 0 && a.Missed >= most && a.Wants == Ready {
		a.Wants, a.Note = Break, "missed"
	}
	return a.since(before, now)
}

// Opened notes a console, which replaces the one before.
func (a Agent) Opened(c Console, now time.Time) Agent {
	a.Console, a.SeenAt = c, stamp(now)
	return a
}

// SeenOpen notes that a console lives.
func (a Agent) SeenOpen(id string, now time.Time) Agent {
	if a.Console.ID == id && id != "" {
		a.SeenAt = stamp(now)
	}
	return a
}

// Closed notes the end of a console; that of one that was replaced changes
// nothing.
func (a Agent) Closed(id string, now time.Time) Agent {
	if a.Console.ID == id {
		a.Console, a.SeenAt = Console{}, stamp(now)
	}
	return a
}

// Lost says that the agent has been without a console for the grace period and
// has something to lose.
func (a Agent) Lost(grace time.Duration, now time.Time) bool {
	return !a.Here(now) && (a.CallID != "" || a.Wants != Offline) && now.Sub(a.SeenAt) >= grace
}

// Gone takes an agent who was lost off duty. The call has to let go by itself.
func (a Agent) Gone(now time.Time) Agent {
	before := a.State(now)
	a.Wants, a.Note, a.WrapUntil = Offline, "", time.Time{}
	return a.since(before, now)
}

// Encode returns the JSON that [DecodeAgent] reads.
func (a Agent) Encode() ([]byte, error) { return encode("agent "+a.AgentID, a) }

// DecodeAgent reads an agent that [Agent.Encode] wrote.
func DecodeAgent(data []byte) (Agent, error) {
	var a Agent
	if err := json.Unmarshal(data, &a); err != nil || CheckID("agentID", a.AgentID) != nil {
		return Agent{}, fmt.Errorf("%w: an agent of %d bytes (%v)", ErrCorrupt, len(data), err)
	}
	return a, nil
}
