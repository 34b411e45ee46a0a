package call

import (
	"fmt"
	"slices"
	"time"
)

// Inviting is a third party to be. An agent has been reserved for the call at
// the revision.
type Inviting struct {
	AgentID        string // or empty: somebody from outside
	NickName, Role string
	Revision       uint64 // for agents
	For            time.Duration
}

// Invite asks a third party into the call.
func (c Call) Invite(by string, i Inviting, now time.Time) (Call, Guest, error) {
	if err := c.owned(by); err != nil {
		return c, Guest{}, err
	}
	if len(c.Guests) >= MaxGuests {
		return c, Guest{}, fmt.Errorf("%w: %d others take part; remove one", ErrFull, len(c.Guests))
	}
	if err := CheckName("nickName", i.NickName); err != nil {
		return c, Guest{}, err
	}
	n := c.change()
	g := Guest{AgentID: i.AgentID, NickName: i.NickName, Role: i.Role, Until: stamp(now.Add(i.For))}
	if i.AgentID != "" {
		if c.Revision != i.Revision {
			return c, Guest{}, fmt.Errorf("%w: %s", ErrMoved, c.CallID)
		}
		if _, engaged := c.Engaged()[i.AgentID]; engaged {
			return c, Guest{}, fmt.Errorf("%w: %s is in call %s already", ErrBusy, clip(i.AgentID), c.CallID)
		}
		g.UserID = UserOf(i.AgentID)
	} else {
		n.LastGuest++
		g.UserID = fmt.Sprint(guestPrefix, n.LastGuest)
		if g.NickName == "" {
			g.NickName = g.UserID
		}
	}
	n.Guests = append(n.Guests, g)
	n.note(Entry{At: now, Event: "invited", AgentID: i.AgentID, By: ByAgent, Note: g.UserID})
	return n, g, nil
}

// GuestIn notes that a guest from outside has come.
func (c Call) GuestIn(userID string, now time.Time) (Call, error) {
	i := slices.IndexFunc(c.Guests, func(g Guest) bool { return g.UserID == userID })
	if i < 0 || c.State == Ended {
		return c, fmt.Errorf("%w: %q is not invited to call %s", ErrNotYours, clip(userID), c.CallID)
	}
	if c.Guests[i].Joined {
		return c, nil
	}
	n := c.change()
	n.Guests[i].Joined, n.Guests[i].Until = true, time.Time{}
	n.note(Entry{At: now, Event: "guest_joined", By: "guest", Note: userID})
	return n, nil
}

// Dismiss takes a third party out.
func (c Call) Dismiss(by, userID string, now time.Time) (Call, error) {
	if err := c.owned(by); err != nil {
		return c, err
	}
	i := slices.IndexFunc(c.Guests, func(g Guest) bool { return g.UserID == userID })
	if i < 0 {
		return c, fmt.Errorf("%w: %q is no third party of call %s", ErrNotYours, clip(userID), c.CallID)
	}
	return c.withoutGuest(i, "guest_removed", ByAgent, now), nil
}

func (c Call) withoutGuest(i int, event, by string, now time.Time) Call {
	n := c.change()
	g := n.Guests[i]
	n.Guests = slices.Delete(n.Guests, i, i+1)
	n.note(Entry{At: now, Event: event, AgentID: g.AgentID, By: by, Note: g.UserID})
	return n
}

// Supervise has a supervisor look after the call, or do it in another way. A
// newcomer has been reserved for the call at the revision.
func (c Call) Supervise(agentID string, m Mode, revision uint64, now time.Time) (Call, error) {
	switch m {
	case Listen, Whisper, Join:
	default:
		return c, fmt.Errorf("%w: mode %q; use listen, whisper or join", ErrBadData, clip(string(m)))
	}
	if c.State == Ended || c.State == Waiting || c.State == Ringing {
		return c, fmt.Errorf("%w: call %s is %s; nobody talks", ErrWrongState, c.CallID, c.State)
	}
	n := c.change()
	if i := c.supervisor(agentID); i >= 0 {
		n.Supervisors[i].Mode = m
	} else {
		if c.Revision != revision {
			return c, fmt.Errorf("%w: %s", ErrMoved, c.CallID)
		}
		if _, engaged := c.Engaged()[agentID]; engaged {
			return c, fmt.Errorf("%w: %s takes part in call %s already", ErrBusy, clip(agentID), c.CallID)
		}
		if len(c.Supervisors) >= MaxSupervisors {
			return c, fmt.Errorf("%w: %d supervisors look after it", ErrFull, len(c.Supervisors))
		}
		n.Supervisors = append(n.Supervisors, Supervisor{agentID, m})
	}
	n.note(Entry{At: now, Event: "supervised", AgentID: agentID, By: BySupervisor, Note: string(m)})
	return n, nil
}

func (c Call) supervisor(agentID string) int {
	return slices.IndexFunc(c.Supervisors, func(s Supervisor) bool { return s.AgentID == agentID })
}

// Leave takes a third party, a supervisor, or who is consulted, out at their own
// wish. The call's agent transfers or hangs up.
func (c Call) Leave(agentID string, now time.Time) (Call, error) {
	return c.without(agentID, "left", now)
}

func (c Call) without(agentID, why string, now time.Time) (Call, error) {
	if c.State == Ended {
		return c, fmt.Errorf("%w: call %s has ended", ErrWrongState, c.CallID)
	}
	if i := c.supervisor(agentID); i >= 0 {
		n := c.change()
		n.Supervisors = slices.Delete(n.Supervisors, i, i+1)
		n.note(Entry{At: now, Event: "supervisor_" + why, AgentID: agentID, By: BySupervisor})
		return n, nil
	}
	if i := slices.IndexFunc(c.Guests, func(g Guest) bool { return g.AgentID == agentID }); i >= 0 {
		return c.withoutGuest(i, "guest_"+why, ByAgent, now), nil
	}
	if c.Move != nil && c.Move.AgentID == agentID && c.Move.Consulting {
		return c.change().unmoved(Entry{At: now, Event: "consulted_" + why, AgentID: agentID, By: ByAgent})
	}
	return c, fmt.Errorf("%w: %s is neither third party nor supervisor of call %s", ErrNotYours, clip(agentID), c.CallID)
}
