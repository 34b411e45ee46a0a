package call

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"hutong/gateway/room"
)

// Who did something, in timelines and as EndedBy; an agent is "agent".
const (
	ByCaller     = "caller"
	ByAgent      = "agent"
	BySupervisor = "supervisor"
	ByBackend    = "backend"
	BySystem     = "system"
)

const (
	agentPrefix = "agent-"
	guestPrefix = "guest-"
	maxID       = 48
	// MaxAgentID leaves room for the prefix in a userID.
	MaxAgentID = maxID - len(agentPrefix)
)

// UserOf is an agent's userID in rooms.
func UserOf(agentID string) string { return agentPrefix + agentID }

// CheckID says what is wrong with an ID, wrapping [ErrBadID].
func CheckID(what, id string) error {
	if id == "" || len(id) > maxID || strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
		return fmt.Errorf("%w: %s %q; use 1 to %d letters, digits, _ and -", ErrBadID, what, clip(id), maxID)
	}
	return nil
}

func (p Placing) check() error {
	if err := room.CheckUserID(p.Caller.UserID); err != nil {
		return err
	}
	if strings.HasPrefix(p.Caller.UserID, agentPrefix) || strings.HasPrefix(p.Caller.UserID, guestPrefix) {
		return fmt.Errorf("%w %q: those that begin with %s or %s are the desk's own; use another", room.ErrBadUserID, p.Caller.UserID, agentPrefix, guestPrefix)
	}
	if p.Caller.Client != room.WebRTC && p.Caller.Client != room.RTMP {
		return fmt.Errorf("%w %q: use webrtc or rtmp", room.ErrBadClient, clip(string(p.Caller.Client)))
	}
	if err := CheckName("nickName", p.Caller.NickName); err != nil {
		return err
	}
	if p.Priority < -100 || p.Priority > 100 {
		return fmt.Errorf("%w: priority %d; use -100 to 100", ErrBadData, p.Priority)
	}
	if len(p.Skills) > 16 {
		return fmt.Errorf("%w: %d skills; use at most 16", ErrBadData, len(p.Skills))
	}
	for _, s := range p.Skills {
		if err := CheckID("skill", s); err != nil {
			return err
		}
	}
	return CheckJSON("userData", p.Caller.UserData)
}

// CheckJSON says what is wrong with JSON that somebody else's program made.
func CheckJSON(what string, data json.RawMessage) error {
	if len(data) > MaxUserData {
		return fmt.Errorf("%w: %s of %d bytes; send at most %d", ErrBadData, what, len(data), MaxUserData)
	}
	if len(data) > 0 && (!json.Valid(data) || !utf8.Valid(data)) {
		return fmt.Errorf("%w: %s is not JSON; send JSON", ErrBadData, what)
	}
	return nil
}

// CheckName checks what people read in one line.
func CheckName(what, name string) error {
	if n := utf8.RuneCountInString(name); n > 64 {
		return fmt.Errorf("%w: %s of %d characters; use at most 64", room.ErrBadName, what, n)
	}
	if !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return fmt.Errorf("%w: %s %q has a control character or is not UTF-8", room.ErrBadName, what, clip(name))
	}
	return nil
}

// CheckText checks what people write in several lines, of at most n bytes.
func CheckText(what, text string, n int) error {
	if len(text) > n || !utf8.ValidString(text) {
		return fmt.Errorf("%w: %s of %d bytes; send at most %d, of UTF-8", ErrBadData, what, len(text), n)
	}
	return nil
}

func encode(what string, v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// later is the younger of two instants: clocks of nodes differ a little.
func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// due says that an instant has come.
func due(at, now time.Time) bool { return !at.IsZero() && !now.Before(at) }

func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}
