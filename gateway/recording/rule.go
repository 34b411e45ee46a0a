package recording

import (
	"path"
	"strings"

	"hutong/gateway/config"
)

// place is where a stream is published.
type place struct {
	stream string
	roomID string // "" outside of rooms
	userID string
	call   Call
}

// Call is a call of the desk that a room is for.
type Call struct {
	CallID string
	Queue  string
	Agents []string
}

// ruleFor is the first rule that wants a stream recorded. whole says that it wants
// all of its room.
func ruleFor(rules []config.RecordingRule, p place) (rule config.RecordingRule, whole, ok bool) {
	for _, r := range rules {
		switch {
		case r.All, r.Queue != "" && r.Queue == p.call.Queue, r.Room != "" && p.roomID != "" && matches(r.Room, p.roomID):
			return r, p.roomID != "", true
		case r.Stream != "" && matches(r.Stream, p.stream):
			return r, false, true
		}
	}
	return config.RecordingRule{}, false, false
}

// matches is path.Match in which * stands for slashes too.
func matches(pattern, name string) bool {
	ok, err := path.Match(strings.ReplaceAll(pattern, "/", "\x00"), strings.ReplaceAll(name, "/", "\x00"))
	return ok && err == nil
}

// nameOf is what recordings of a rule say.
func nameOf(r config.RecordingRule) string {
	switch {
	case r.Name != "":
		return r.Name
	case r.Queue != "":
		return "queue " + r.Queue
	case r.Room != "":
		return "room " + r.Room
	case r.Stream != "":
		return "stream " + r.Stream
	}
	return "all"
}
