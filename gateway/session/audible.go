package session

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

const (
	// maxHeard is how many members' audio a session gets.
	maxHeard = 12
	// keepHeard is how long somebody has been silent who gives place to another.
	// Turns in a conversation are shorter, so that it changes rarely.
	keepHeard = 3 * time.Second
)

// voice is a member whose audio can be had.
type voice struct {
	userID string
	loud   time.Time // last, zero for never
	level  float64   // dBov
}

// audible says whose audio somebody gets who got that of heard before: nil for
// everybody's. Of more than maxHeard it is those who spoke last. Who speaks is
// let in at once, in place of the one who has been silent longest.
func audible(voices []voice, heard map[string]bool, now time.Time) map[string]bool {
	if len(voices) <= maxHeard {
		return nil
	}
	order := slices.Clone(voices)
	slices.SortStableFunc(order, func(a, b voice) int {
		return cmp.Or(b.loud.Compare(a.loud), cmp.Compare(b.level, a.level))
	})
	next := make(map[string]bool, maxHeard)
	for _, v := range order {
		if heard[v.userID] {
			next[v.userID] = true
		}
	}
	for _, v := range order {
		switch {
		case next[v.userID]:
		case len(next) < maxHeard:
			next[v.userID] = true
		case now.Sub(v.loud) < hangover:
			quiet := quietest(order, next)
			if now.Sub(quiet.loud) < keepHeard {
				return next // all who are heard have something to say
			}
			delete(next, quiet.userID)
			next[v.userID] = true
		}
	}
	return next
}

// quietest is the last of order that is heard.
func quietest(order []voice, heard map[string]bool) voice {
	for _, v := range slices.Backward(order) {
		if heard[v.userID] {
			return v
		}
	}
	return voice{}
}

// hear notes whose audio the session gets from now on.
func (s *Session) hear(voices []voice, now time.Time) {
	others := slices.DeleteFunc(slices.Clone(voices), func(v voice) bool { return v.userID == s.who.UserID })
	s.mu.Lock()
	next := audible(others, s.heard, now)
	changed := !maps.Equal(next, s.heard)
	s.heard = next
	s.mu.Unlock()
	if changed {
		s.lookAgain()
	}
}
