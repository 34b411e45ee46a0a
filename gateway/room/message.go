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
	// MaxElems bounds what a mini-program sends, in bytes of JSON, and the text in it.
	MaxElems = 64 << 10
	maxNonce = 32
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
	// Elems is the message as a mini-program sent it, where Kind, Text and Data do
	// not say all. Nonce is its sender's name for it.
	Elems json.RawMessage `json:"elems,omitempty"`
	Nonce string          `json:"nonce,omitempty"`
}

// For says whether a member may read the message.
func (m Message) For(userID string) bool {
	return m.To == "" || userID != "" && (m.To == userID || m.From == userID)
}

func (m Message) size() int { return len(m.Text) + len(m.Data) + len(m.Elems) }

// Saying is a message to be sent. A text has Text; a custom message has Data,
// and may have Text for those who cannot read it.
type Saying struct {
	From string // empty: the gateway or a back end, which need not be a member
	To   string // empty: everyone
	Kind Kind
	Text string
	Data json.RawMessage
	// NickName is of a sender who need not be a member: one of the audience that a
	// mini-program's room has beside its members.
	NickName string
	Elems    json.RawMessage
	// Nonce, if any, keeps a message that is sent twice from being said twice.
	Nonce string
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
	most := MaxText
	if len(s.Elems) > 0 || s.NickName != "" {
		most = MaxData
	}
	if len(s.Text) > most {
		return fmt.Errorf("%w: %d bytes of text; send at most %d", ErrMessageTooLong, len(s.Text), most)
	}
	if len(s.Elems) > MaxElems || len(s.Nonce) > maxNonce {
		return fmt.Errorf("%w: %d bytes of elements; send at most %d", ErrMessageTooLong, len(s.Elems), MaxElems)
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
	if said, ok := r.saidBefore(s); ok {
		return r, said, nil
	}
	m := Message{From: s.From, To: s.To, Kind: s.Kind, Text: s.Text, At: stamp(now), NickName: s.NickName, Elems: s.Elems, Nonce: s.Nonce}
	if s.From != "" {
		p, ok := r.Place(s.From)
		if !ok && s.NickName == "" {
			return r, Message{}, r.notMember(s.From)
		}
		if ok {
			m.NickName = p.NickName
		}
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

// saidBefore finds the message that s repeats.
func (r Room) saidBefore(s Saying) (Message, bool) {
	for _, m := range slices.Backward(r.Messages) {
		if s.Nonce != "" && m.Nonce == s.Nonce && m.From == s.From {
			return m, true
		}
	}
	return Message{}, false
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
