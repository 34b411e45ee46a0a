package room

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"
)

// Limits of messages.
const (
	MaxText = 4 << 10  // bytes of UTF-8
	MaxData = 16 << 10 // bytes of JSON
	// A late joiner gets the last messages: as many as both allow. The bytes
	// bound what each change of a busy room writes to the store.
	MaxHistory      = 50
	MaxHistoryBytes = 128 << 10
)

// Kind of a message.
type Kind string

const (
	Text   Kind = "text"
	Custom Kind = "custom"
)

// Message is something said in a room, to everyone or to one member.
type Message struct {
	Seq      uint64          `json:"seq"` // 1 is the room's first
	From     string          `json:"from,omitempty"`
	NickName string          `json:"nickName,omitempty"`
	To       string          `json:"to,omitempty"`
	Kind     Kind            `json:"kind"`
	Text     string          `json:"text,omitempty"`
	Data     json.RawMessage `json:"data,omitempty"`
	At       time.Time       `json:"at"`
}

// For says whether a member may read the message.
func (m Message) For(userID string) bool {
	return m.To == "" || userID != "" && (m.To == userID || m.From == userID)
}

func (m Message) size() int { return len(m.Text) + len(m.Data) }

// Saying is a message to be sent. A text has Text; a custom message has Data,
// and may have Text for those who cannot read it.
type Saying struct {
	From string // empty: the gateway or a back end, which need not be a member
	To   string // empty: everyone
	Kind Kind
	Text string
	Data json.RawMessage
}

func (s Saying) check() error {
	switch s.Kind {
	case Text:
		if s.Text == "" {
			return fmt.Errorf("%w: a text message without text; send some", ErrBadMessage)
		}
		if len(s.Data) > 0 {
			return fmt.Errorf("%w: a text message with data; send it as custom", ErrBadMessage)
		}
	case Custom:
		if len(s.Data) == 0 {
			return fmt.Errorf("%w: a custom message without data; send some JSON", ErrBadMessage)
		}
	default:
		return fmt.Errorf("%w: type %q; use text or custom", ErrBadMessage, clip(string(s.Kind)))
	}
	if len(s.Text) > MaxText {
		return fmt.Errorf("%w: %d bytes of text; send at most %d", ErrMessageTooLong, len(s.Text), MaxText)
	}
	if len(s.Data) > MaxData {
		return fmt.Errorf("%w: %d bytes of data; send at most %d", ErrMessageTooLong, len(s.Data), MaxData)
	}
	if !utf8.ValidString(s.Text) || !utf8.Valid(s.Data) {
		return fmt.Errorf("%w: it is not UTF-8; send UTF-8", ErrBadMessage)
	}
	if len(s.Data) > 0 && !json.Valid(s.Data) {
		return fmt.Errorf("%w: data %q is not JSON; send JSON", ErrBadMessage, clip(string(s.Data)))
	}
	return nil
}

// Message adds a message to the room and returns it with its number. It is for
// the members [Message.For] says.
func (r Room) Message(s Saying, now time.Time) (Room, Message, error) {
	c, err := r.change()
	if err != nil {
		return r, Message{}, err
	}
	if err := s.check(); err != nil {
		return r, Message{}, err
	}
	m := Message{From: s.From, To: s.To, Kind: s.Kind, Text: s.Text, At: stamp(now)}
	if s.From != "" {
		p, ok := r.Place(s.From)
		if !ok {
			return r, Message{}, r.notMember(s.From)
		}
		m.NickName = p.NickName
	}
	if s.To != "" && r.index(s.To) < 0 {
		return r, Message{}, r.notMember(s.To)
	}
	if len(s.Data) > 0 {
		var b bytes.Buffer
		if err := json.Compact(&b, s.Data); err != nil {
			return r, Message{}, fmt.Errorf("%w: data is not JSON: %w; send JSON", ErrBadMessage, err)
		}
		m.Data = b.Bytes()
	}
	c.room.LastSeq++
	m.Seq = c.room.LastSeq
	c.room.Messages = newest(append(slices.Clip(r.Messages), m))
	return c.room, m, nil
}

// newest drops old messages until the limits hold.
func newest(all []Message) []Message {
	from, size := len(all), 0
	for from > 0 && len(all)-from < MaxHistory {
		size += all[from-1].size()
		if size > MaxHistoryBytes {
			break
		}
		from--
	}
	return all[from:]
}

// History is what a member may read of the kept messages with a number above
// after, oldest first.
func (r Room) History(userID string, after uint64) []Message {
	said := []Message{}
	for _, m := range r.Messages {
		if m.Seq > after && m.For(userID) {
			said = append(said, m)
		}
	}
	return said
}
