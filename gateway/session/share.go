package session

import (
	"slices"

	"hutong/gateway/call"
	"hutong/gateway/room"
	"hutong/sfu"
)

// share says what the session gets of another member.
func (s *Session) share(userID string) call.Share {
	if s.h.o.Share == nil {
		return call.Share{Known: true, Audio: true, Video: true}
	}
	return s.h.o.Share(s.who.RoomID, s.who.UserID, userID)
}

// knew says whether the session may read what somebody has said, who may have
// gone meanwhile.
func (s *Session) knew(userID string) bool {
	here := slices.ContainsFunc(s.view.Members, func(m room.Member) bool { return m.UserID == userID })
	return !here || s.share(userID).Known
}

// shown presents the room without the members that the session may not know of.
type shown struct {
	Presenter
	s *Session
}

// Room is called with s.mu held.
func (p shown) Room(v room.View) any {
	p.s.hidden = p.s.hides(v)
	v.Members = slices.DeleteFunc(slices.Clone(v.Members), func(m room.Member) bool { return slices.Contains(p.s.hidden, m.UserID) })
	return p.Presenter.Room(v)
}

// hides are the members that the session may not know of.
func (s *Session) hides(v room.View) []string {
	var hidden []string
	if s.h.o.Share != nil {
		for _, m := range v.Members {
			if !s.share(m.UserID).Known {
				hidden = append(hidden, m.UserID)
			}
		}
	}
	return hidden
}

// conceal tells the room without the one an event is of, which may not be known
// of: the revision goes on, and no client misses an event. The caller holds mu.
func (s *Session) conceal(userID string) bool {
	if userID == "" || !slices.Contains(s.hidden, userID) && (s.h.o.Share == nil || userID == s.who.UserID || s.share(userID).Known) {
		return false
	}
	s.sendLocked(state{"state", s.show.Room(s.view)})
	return true
}

// reveal tells the room again when others may be known of than before.
func (s *Session) reveal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.hides(s.view), s.hidden) {
		s.sendLocked(state{"state", s.show.Room(s.view)})
	}
}

// speakersFor leaves out whom the session does not hear.
func (s *Session) speakersFor(all []speaker) []speaker {
	if s.h.o.Share == nil {
		return all
	}
	users := make([]speaker, 0, len(all))
	for _, u := range all {
		if u.UserID == s.who.UserID || s.share(u.UserID).Audio {
			users = append(users, u)
		}
	}
	return users
}

// Recheck has the sessions of a room compare what they get with what they may
// get.
func (h *Hub) Recheck(roomID string) {
	for _, s := range h.byRoom()[roomID] {
		s.lookAgain()
	}
}

// Stats are the connections of a member.
type Stats struct {
	Publisher *sfu.Stats // nil while nothing is published from a browser
	Viewer    sfu.Stats
}

// Stats returns those of the members of a room that are here, by userID.
func (h *Hub) Stats(roomID string) map[string]Stats {
	out := map[string]Stats{}
	for _, s := range h.byRoom()[roomID] {
		var st Stats
		s.pubMu.Lock()
		p := s.publisher
		s.pubMu.Unlock()
		if p != nil {
			now := p.Stats()
			st.Publisher = &now
		}
		s.mu.Lock()
		v := s.viewer
		s.mu.Unlock()
		if v != nil {
			st.Viewer = v.Stats()
		}
		out[s.who.UserID] = st
	}
	return out
}
