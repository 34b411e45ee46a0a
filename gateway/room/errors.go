package room

import "errors"

// The errors of this package wrap one of these.
var (
	ErrBadRoomID      = errors.New("bad roomID")
	ErrBadUserID      = errors.New("bad userID")
	ErrBadName        = errors.New("bad name")
	ErrBadCapacity    = errors.New("bad capacity")
	ErrBadRole        = errors.New("bad role")
	ErrBadClient      = errors.New("bad client")
	ErrBadStream      = errors.New("bad stream name")
	ErrStreamTaken    = errors.New("stream name taken")
	ErrBadHold        = errors.New("bad hold")
	ErrBadMessage     = errors.New("bad message")
	ErrMessageTooLong = errors.New("message too long")
	ErrFull           = errors.New("room full")
	ErrNotMember      = errors.New("not a member")
	ErrRemoved        = errors.New("removed")
	ErrNotModerator   = errors.New("neither host nor agent")
	ErrClosed         = errors.New("room closed")
	ErrCorrupt        = errors.New("corrupt room")
	ErrGap            = errors.New("revision gap")
)
