package call

import (
	"fmt"
	"slices"
	"time"
)

// owned refuses an agent who is not the call's.
func (c Call) owned(agentID string) error {
	if c.State == Ended {
		return fmt.Errorf("%w: call %s has ended", ErrWrongState, c.CallID)
	}
	if c.AgentID == "" || c.AgentID != agentID {
		return fmt.Errorf("%w: call %s has another agent, or none", ErrNotYours, c.CallID)
	}
	return nil
}

// Hold puts the caller on hold.
func (c Call) Hold(agentID string, now time.Time) (Call, error) {
	return c.byOwner(agentID, Hold, "held", now)
}

// Resume ends the hold.
func (c Call) Resume(agentID string, now time.Time) (Call, error) {
	return c.byOwner(agentID, Resume, "resumed", now)
}

func (c Call) byOwner(agentID string, t Trigger, event string, now time.Time) (Call, error) {
	if err := c.owned(agentID); err != nil {
		return c, err
	}
	n := c.change()
	if err := n.move(t, Entry{At: now, Event: event, AgentID: agentID, By: ByAgent}); err != nil {
		return c, err
	}
	return n, nil
}

// Muted cuts what the others get of a member; nil stays.
func (c Call) Muted(agentID, userID string, audio, video *bool, now time.Time) (Call, error) {
	if err := c.owned(agentID); err != nil {
		return c, err
	}
	if c.part(userID) == stranger {
		return c, fmt.Errorf("%w: %q takes no part in call %s", ErrNotYours, clip(userID), c.CallID)
	}
	n := c.change()
	m := Mute{UserID: userID}
	i := slices.IndexFunc(n.Mutes, func(m Mute) bool { return m.UserID == userID })
	if i >= 0 {
		m = n.Mutes[i]
		n.Mutes = slices.Delete(n.Mutes, i, i+1)
	}
	if audio != nil {
		m.Audio = *audio
	}
	if video != nil {
		m.Video = *video
	}
	if m.Audio || m.Video {
		n.Mutes = append(n.Mutes, m)
	}
	n.note(Entry{At: now, Event: "muted", AgentID: agentID, By: ByAgent, Note: fmt.Sprintf("%s audio=%t video=%t", userID, m.Audio, m.Video)})
	return n, nil
}

// Annotate sets the notes and the outcome; nil stays. It is for calls that have
// ended too.
func (c Call) Annotate(notes, outcome *string) (Call, error) {
	n := c.change()
	if notes != nil {
		if err := CheckText("notes", *notes, MaxNotes); err != nil {
			return c, err
		}
		n.Notes = *notes
	}
	if outcome != nil {
		if err := CheckName("outcome", *outcome); err != nil {
			return c, err
		}
		n.Outcome = *outcome
	}
	return n, nil
}

// Rate notes what the caller thought of the call.
func (c Call) Rate(r Rating) (Call, error) {
	if r.Stars < 1 || r.Stars > 5 {
		return c, fmt.Errorf("%w: %d stars; give 1 to 5", ErrBadData, r.Stars)
	}
	if err := CheckText("comment", r.Comment, 4000); err != nil {
		return c, err
	}
	n := c.change()
	n.Rating = &r
	return n, nil
}
