package session

import (
	"encoding/json"

	"github.com/pion/webrtc/v4"

	"hutong/gateway/room"
)

// request is what a client sends. ID, if there is one, is echoed in the ack or
// the error that answers it.
type request struct {
	Type      string                   `json:"type"`
	ID        json.RawMessage          `json:"id,omitempty"`
	SDP       string                   `json:"sdp,omitempty"`
	PC        string                   `json:"pc,omitempty"` // "pub" or "sub"
	Candidate *webrtc.ICECandidateInit `json:"candidate,omitempty"`
	Tiles     []tile                   `json:"tiles,omitempty"`
	Audio     *bool                    `json:"audio,omitempty"`
	Video     *bool                    `json:"video,omitempty"`
	To        string                   `json:"to,omitempty"`
	UserID    string                   `json:"userID,omitempty"` // whom to remove
	Kind      room.Kind                `json:"kind,omitempty"`
	Text      string                   `json:"text,omitempty"`
	Data      json.RawMessage          `json:"data,omitempty"`
	Revision  uint64                   `json:"revision,omitempty"`
}

// tile is a member's picture on the client's page; sizes are in pixels of its
// screen.
type tile struct {
	UserID string `json:"userID"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
	Fit    string `json:"fit"` // as CSS object-fit: cover, or contain
}

type me struct {
	UserID string    `json:"userID"`
	Stream string    `json:"stream"`
	Role   room.Role `json:"role"`
}

// ICEServer is a STUN or TURN server a client may use.
type ICEServer struct {
	URLs       []string `json:"urls"`
	Username   string   `json:"username,omitempty"`
	Credential string   `json:"credential,omitempty"`
}

type welcome struct {
	Type       string         `json:"type"`
	Session    string         `json:"session"`
	Resumed    bool           `json:"resumed"`
	Me         me             `json:"me"`
	Room       any            `json:"room"`
	Messages   []room.Message `json:"messages"`
	ICEServers []ICEServer    `json:"iceServers"`
}

type state struct {
	Type string `json:"type"`
	Room any    `json:"room"`
}

type event struct {
	Type     string         `json:"type"`
	Revision uint64         `json:"revision"`
	Event    room.EventType `json:"event"`
	UserID   string         `json:"userID,omitempty"`
	Member   any            `json:"member,omitempty"`
	Reason   string         `json:"reason,omitempty"`
}

type said struct {
	Type string `json:"type"`
	room.Message
}

type speaker struct {
	UserID   string  `json:"userID"`
	Level    float64 `json:"level"` // dBov, 0 is the loudest
	Speaking bool    `json:"speaking"`
}

type speaking struct {
	Type  string    `json:"type"`
	Users []speaker `json:"users"`
}

// offer is of the receiving peer connection.
type offer struct {
	Type   string  `json:"type"`
	PC     string  `json:"pc"`
	SDP    string  `json:"sdp"`
	Tracks []track `json:"tracks"`
}

// candidate is a way to the gateway that was not yet known when it made its newest
// offer.
type candidate struct {
	Type      string                  `json:"type"`
	PC        string                  `json:"pc"`
	Candidate webrtc.ICECandidateInit `json:"candidate"`
}

// answer is to an offer of the publishing peer connection.
type answer struct {
	Type string `json:"type"`
	PC   string `json:"pc"`
	SDP  string `json:"sdp"`
}

// track says whose media an m-line of an offer carries.
type track struct {
	MID    string `json:"mid"`
	UserID string `json:"userID"`
	Kind   string `json:"kind"`
}

type ack struct {
	Type string          `json:"type"`
	ID   json.RawMessage `json:"id"`
}

type failure struct {
	Type    string          `json:"type"`
	ID      json.RawMessage `json:"id,omitempty"`
	Code    string          `json:"code"`
	Message string          `json:"message"`
}

type simple struct {
	Type   string `json:"type"` // pong, closed
	Reason string `json:"reason,omitempty"`
}
