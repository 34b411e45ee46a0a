package weapp

import (
	"context"
	"errors"
	"fmt"

	"github.com/gofiber/fiber/v2"

	"hutong/gateway/room"
	"hutong/gateway/rooms"
	"hutong/gateway/store"
)

// Codes of answers. Clients tell zero from the others, and show the text.
const (
	codeMissing       = 1 // RoomService: a field is missing or of the wrong type
	codeMissingWebRTC = 2 // webrtc_room: the same
	codeNoRoom        = 3 // also: not the room's creator
	codeNoLogin       = 4
	codeNotMember     = 5
	codeDenied        = 7
	codeTooMany       = 9 // rooms
	codeTooLong       = 10
	codeTaken         = 11
	codeNotMixed      = 20
	codeFull          = 5001
	codeInternal      = -1
)

// failure is an answer that says no.
type failure struct {
	status  int // of HTTP; 0 is 200
	code    int
	message string
	reason  string // for metrics; "" is not counted, being usual
}

func (f *failure) Error() string { return f.message }

func refuse(code int, format string, args ...any) *failure {
	return &failure{code: code, message: fmt.Sprintf(format, args...)}
}

func deny(format string, args ...any) *failure {
	return &failure{code: codeDenied, message: fmt.Sprintf(format, args...), reason: "denied"}
}

var errTooOften = &failure{status: fiber.StatusTooManyRequests, code: fiber.StatusTooManyRequests, message: "too many calls; wait a second", reason: "too_many"}

// failureOf tells an error of the rooms as an answer. An unknown room has the
// code that the command gives it.
func failureOf(err error, noRoom int) *failure {
	var f *failure
	if errors.As(err, &f) {
		return f
	}
	for _, e := range []struct {
		err    error
		code   int
		reason string
	}{
		{rooms.ErrRoomNotFound, noRoom, ""},
		{room.ErrClosed, noRoom, ""},
		{room.ErrNotMember, codeNotMember, ""},
		{room.ErrFull, codeFull, "full"},
		{rooms.ErrRoomExists, codeTaken, ""},
		{rooms.ErrTooMany, codeTooMany, "too_many_rooms"},
		{room.ErrStreamTaken, codeDenied, "denied"},
		{room.ErrBadRoomID, codeMissing, ""},
		{room.ErrBadUserID, codeDenied, ""},
		{room.ErrBadName, codeMissing, ""},
		{room.ErrBadStream, codeMissing, ""},
	} {
		if errors.Is(err, e.err) {
			return &failure{code: e.code, message: err.Error(), reason: e.reason}
		}
	}
	if errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrConflict) || errors.Is(err, context.DeadlineExceeded) {
		return &failure{status: fiber.StatusServiceUnavailable, code: codeInternal, message: "the gateway could not do it now; try again", reason: "unavailable"}
	}
	return &failure{status: fiber.StatusInternalServerError, code: codeInternal, message: "internal error; the gateway's log says more", reason: "internal"}
}
