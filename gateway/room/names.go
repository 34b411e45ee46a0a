package room

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxIDLength     = 48  // bytes of a roomID or userID
	maxNameLength   = 64  // characters of a nickName or room name
	maxStreamLength = 255 // bytes of a stream name
)

// Role is what a member is in the room for. What a role may do is decided
// elsewhere.
type Role string

const (
	Host     Role = "host"
	Agent    Role = "agent"
	Guest    Role = "guest" // what a member is unless told
	Audience Role = "audience"
)

func (r Role) check() error {
	switch r {
	case Host, Agent, Guest, Audience:
		return nil
	}
	return fmt.Errorf("%w %q: use host, agent, guest or audience", ErrBadRole, clip(string(r)))
}

// Client is which of the two worlds a member is in.
type Client string

const (
	WebRTC Client = "webrtc"
	RTMP   Client = "rtmp"
)

func (c Client) check() error {
	switch c {
	case WebRTC, RTMP:
		return nil
	}
	return fmt.Errorf("%w %q: use webrtc or rtmp", ErrBadClient, clip(string(c)))
}

// CheckRoomID says what is wrong with a roomID, wrapping [ErrBadRoomID].
func CheckRoomID(id string) error { return checkID(ErrBadRoomID, id) }

// CheckUserID says what is wrong with a userID, wrapping [ErrBadUserID].
func CheckUserID(id string) error { return checkID(ErrBadUserID, id) }

func checkID(kind error, id string) error {
	if id == "" {
		return fmt.Errorf("%w: it is empty; use 1 to %d letters, digits, _ or -", kind, maxIDLength)
	}
	if len(id) > maxIDLength {
		return fmt.Errorf("%w %q: %d bytes long; use at most %d", kind, clip(id), len(id), maxIDLength)
	}
	for _, c := range id {
		if !idRune(c) {
			return fmt.Errorf("%w %q: character %q; use letters, digits, _ and - only", kind, id, c)
		}
	}
	return nil
}

func idRune(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}

// checkName checks what people read: a nickName or the name of a room.
func checkName(what, name string) error {
	if !utf8.ValidString(name) {
		return fmt.Errorf("%w: %s %q is not UTF-8; send UTF-8", ErrBadName, what, clip(name))
	}
	if n := utf8.RuneCountInString(name); n > maxNameLength {
		return fmt.Errorf("%w: %s %q is %d characters long; use at most %d", ErrBadName, what, clip(name), n, maxNameLength)
	}
	for _, c := range name {
		if unicode.IsControl(c) {
			return fmt.Errorf("%w: %s %q holds the control character %q; leave it out", ErrBadName, what, name, c)
		}
	}
	return nil
}

// checkStream checks a stream name that the caller chose: app/name.
func checkStream(name string) error {
	if len(name) > maxStreamLength {
		return fmt.Errorf("%w: %d bytes long; use at most %d", ErrBadStream, len(name), maxStreamLength)
	}
	app, rest, ok := strings.Cut(name, "/")
	if !ok || app == "" || rest == "" {
		return fmt.Errorf("%w %q: use the form app/name, for example live/alice", ErrBadStream, clip(name))
	}
	for _, c := range app + rest {
		if !idRune(c) {
			return fmt.Errorf("%w %q: character %q; use one segment of letters, digits, _ and - after the app",
				ErrBadStream, clip(name), c)
		}
	}
	return nil
}

// streamName issues the stream name of a member. Two members never share one,
// whatever their IDs: live/a_b_c is user b_c of room a, so room a_b cannot have
// it. A roomID with an underscore gives a name with none, and a hash instead.
func streamName(roomID, userID string) string {
	if !strings.Contains(roomID, "_") {
		return "live/" + roomID + "_" + userID
	}
	sum := sha256.Sum256([]byte(roomID + "/" + userID))
	plain := strings.NewReplacer("_", "-")
	return "live/" + plain.Replace(roomID) + "-" + plain.Replace(userID) + "-" + hex.EncodeToString(sum[:12])
}

// clip shortens a refused value for the error that names it.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}
