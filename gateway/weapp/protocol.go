package weapp

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"hutong/gateway/room"
)

// The codes of replies on the WebSocket: those of the cloud's IM, as far as its
// clients know them.
const (
	imNotNow  = 10002
	imBad     = 10004
	imNoRight = 10007
	imNoGroup = 10010
	imEmpty   = 10016
	imTooLong = 10017
	imUnknown = 10018
	imExists  = 10021
	imAbsent  = 20003
	imTooFast = 20012
	imNoLogin = 6014
	imBadSig  = 70001
	imKicked  = 91101
)

// id is a group, room or app: a text, or the number it is.
type id string

func (i *id) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, (*string)(i))
	}
	if _, err := strconv.ParseInt(string(b), 10, 64); err != nil {
		return errors.New("neither a text nor a whole number")
	}
	*i = id(b)
	return nil
}

// request is what a client sends.
type request struct {
	Cmd           string          `json:"cmd"`
	ID            json.RawMessage `json:"id"`
	SDKAppID      id              `json:"sdkAppID"`
	UserID        string          `json:"userID"`
	UserSig       string          `json:"userSig"`
	Nick          string          `json:"nick"`
	Resume        *resumption     `json:"resume"`
	Group         id              `json:"group"`
	User          string          `json:"user"`
	After         *uint64         `json:"after"`
	Random        id              `json:"random"`
	Elems         []elem          `json:"elems"`
	RoomID        id              `json:"roomID"`
	PrivateMapKey string          `json:"privateMapKey"`
}

type resumption struct {
	Session string `json:"session"`
	C2C     uint64 `json:"c2c"`
}

// reply answers a request; what it says beside id and code is set by the command.
type reply map[string]any

// no refuses a request.
type no struct {
	code int
	info string
}

func (n *no) Error() string { return n.info }

// noOf tells an error as a reply.
func noOf(err error) *no {
	var n *no
	var f *failure
	switch {
	case errors.As(err, &n):
		return n
	case isGone(err):
		return &no{imNoGroup, "there is no such group"}
	case errors.Is(err, room.ErrNotMember):
		return &no{imAbsent, err.Error()}
	case errors.Is(err, room.ErrMessageTooLong):
		return &no{imTooLong, err.Error()}
	case errors.Is(err, room.ErrBadMessage):
		return &no{imEmpty, err.Error()}
	case errors.Is(err, errAbsent):
		return &no{imAbsent, err.Error()}
	case errors.Is(err, errKicked):
		return &no{imKicked, err.Error()}
	case errors.As(err, &f) && f.code == codeNoRoom:
		return &no{imNoRight, f.message}
	}
	return &no{imNotNow, "the gateway could not do it now; try again"}
}

// im is a message as clients get it.
type im struct {
	Group   string `json:"group,omitempty"`
	Seq     uint64 `json:"seq"`
	Random  string `json:"random,omitempty"`
	Time    int64  `json:"time"`
	From    string `json:"from"`
	Nick    string `json:"nick"`
	To      string `json:"to,omitempty"`
	SubType int    `json:"subType"`
	Elems   any    `json:"elems"`
}

// size is roughly what a direct message takes.
func (m im) size() int {
	b, err := json.Marshal(m.Elems)
	if err != nil {
		return 0
	}
	return len(b)
}

// Sub-types and system users.
const (
	subTip     = 2
	systemUser = "@TIM#SYSTEM"
	admin      = "administrator"
)

// orAdmin names the sender of what the gateway or a back end says.
func orAdmin(from string) string {
	if from == "" {
		return admin
	}
	return from
}

// tip is what a tip's only element says.
type tip struct {
	Type  string   `json:"type"`
	Op    int      `json:"opType"`
	User  string   `json:"opUserID"`
	Users []string `json:"userIDList"`
	Nick  string   `json:"nick"`
}

const (
	tipJoin = 1
	tipQuit = 2
)

type messageEvent struct {
	Event   string `json:"event"` // message or c2c
	Message im     `json:"message"`
}

type systemEvent struct {
	Event    string `json:"event"`
	Type     int    `json:"type"`
	Group    string `json:"group"`
	Text     string `json:"text"`
	Operator string `json:"operator"`
	Time     int64  `json:"time"`
}

const (
	systemDissolved = 5
	systemCustom    = 255
	pusherChange    = `{"cmd":"notifyPusherChange","data":""}`
)

type plainEvent struct {
	Event  string `json:"event"`
	Reason string `json:"reason,omitempty"`
}

type membersEvent struct {
	Event    string  `json:"event"`
	UserList []other `json:"userlist"`
	// Recording is what those in the room are told of being recorded, as in room.View.
	Recording string `json:"recording,omitempty"`
}

// oneID says whether an id could be a request's: a short JSON scalar.
func oneID(raw json.RawMessage) bool {
	return len(raw) <= 40 && !strings.ContainsAny(string(raw), "{[")
}
