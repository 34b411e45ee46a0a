package call

import "slices"

// Share is what one member of a call's room gets of another: whether it may know
// of the other at all, and whose media it gets.
type Share struct {
	Known, Audio, Video bool
}

// part is what somebody is in a call.
type part int

const (
	stranger part = iota
	caller
	agent
	consulted
	guest
	listener
	whisperer
	joiner
)

func (c Call) part(userID string) part {
	switch {
	case c.State == Ended || userID == "":
		return stranger
	case userID == c.Caller.UserID:
		return caller
	case c.AgentID != "" && userID == UserOf(c.AgentID):
		return agent
	case c.Move != nil && c.Move.Consulting && userID == UserOf(c.Move.AgentID):
		return consulted
	case slices.ContainsFunc(c.Guests, func(g Guest) bool { return g.UserID == userID && (g.Joined || g.AgentID == "") }):
		return guest
	}
	for _, s := range c.Supervisors {
		if UserOf(s.AgentID) == userID {
			return map[Mode]part{Listen: listener, Whisper: whisperer, Join: joiner}[s.Mode]
		}
	}
	return stranger
}

// TakesPart says whether somebody belongs in the call's room.
func (c Call) TakesPart(userID string) bool { return c.part(userID) != stranger }

// Talking says that nothing is between the caller and the others.
func (c Call) Talking() bool { return c.State == Answered }

// Share says what a listener gets of a speaker, both by their userIDs. Without
// one, the listener may be anybody, and gets what everybody in the call gets.
func (c Call) Share(listenerID, speakerID string) Share {
	if listenerID == speakerID && listenerID != "" {
		return Share{true, true, true}
	}
	speaker := c.part(speakerID)
	var s Share
	if listenerID == "" {
		open := c.Talking() && (speaker == caller || speaker == agent || speaker == guest || speaker == joiner)
		s = Share{open, open, open}
	} else {
		s = c.shared(c.part(listenerID), speaker)
	}
	for _, m := range c.Mutes {
		if m.UserID == speakerID {
			s.Audio, s.Video = s.Audio && !m.Audio, s.Video && !m.Video
		}
	}
	return s
}

func (c Call) shared(to, from part) Share {
	staff := to != caller && to != guest
	switch {
	case to == stranger || from == stranger:
		return Share{}
	case from == listener:
		return Share{Known: staff}
	case from == whisperer:
		return Share{Known: staff, Audio: to == agent, Video: to == agent}
	case (to == caller) != (from == caller) && !c.Talking():
		return Share{Known: from != consulted}
	}
	return Share{Known: true, Audio: true, Video: true}
}
