package httpapi

import (
	"context"
	"errors"
	"fmt"

	"github.com/gofiber/fiber/v2"

	"hutong/gateway/auth"
	"hutong/gateway/room"
	"hutong/gateway/rooms"
	"hutong/gateway/store"
)

// callError is what a REST call is refused with.
type callError struct {
	status        int
	code, message string
}

func (e *callError) Error() string { return e.message }

var errDraining = &callError{fiber.StatusServiceUnavailable, "draining", "the gateway is shutting down and takes nobody new; try another, or later"}

func badCapacity() error {
	return fmt.Errorf("%w 0: use 1 to %d", room.ErrBadCapacity, room.MaxCapacity)
}

// roomErrors are the errors of rooms as REST tells them.
var roomErrors = []struct {
	err    error
	status int
	code   string
}{
	{room.ErrBadRoomID, fiber.StatusBadRequest, "bad_room_id"},
	{room.ErrBadUserID, fiber.StatusBadRequest, "bad_user_id"},
	{room.ErrBadName, fiber.StatusBadRequest, "bad_name"},
	{room.ErrBadCapacity, fiber.StatusBadRequest, "bad_capacity"},
	{room.ErrBadRole, fiber.StatusBadRequest, "bad_role"},
	{room.ErrBadClient, fiber.StatusBadRequest, "bad_client"},
	{room.ErrBadMessage, fiber.StatusBadRequest, "bad_message"},
	{room.ErrMessageTooLong, fiber.StatusRequestEntityTooLarge, "message_too_long"},
	{room.ErrNotMember, fiber.StatusNotFound, "not_a_member"},
	{room.ErrNotModerator, fiber.StatusForbidden, "no_right"},
	{room.ErrRemoved, fiber.StatusForbidden, "removed"},
	{room.ErrFull, fiber.StatusConflict, "room_full"},
	{room.ErrStreamTaken, fiber.StatusConflict, "stream_taken"},
	{room.ErrClosed, fiber.StatusNotFound, "room_not_found"},
	{rooms.ErrRoomNotFound, fiber.StatusNotFound, "room_not_found"},
	{rooms.ErrRoomExists, fiber.StatusConflict, "room_exists"},
	{rooms.ErrTooMany, fiber.StatusServiceUnavailable, "too_many_rooms"},
	{store.ErrUnavailable, fiber.StatusServiceUnavailable, "unavailable"},
	{store.ErrConflict, fiber.StatusServiceUnavailable, "unavailable"},
	{store.ErrTooLarge, fiber.StatusServiceUnavailable, "too_large"},
	{context.DeadlineExceeded, fiber.StatusServiceUnavailable, "unavailable"},
	{context.Canceled, fiber.StatusServiceUnavailable, "unavailable"},
}

func callErrorOf(err error) *callError {
	var e *callError
	if errors.As(err, &e) {
		return e
	}
	if d := auth.DenialOf(err); d != nil {
		return &callError{d.Status, d.Label, err.Error()}
	}
	for _, r := range roomErrors {
		if errors.Is(err, r.err) {
			return &callError{r.status, r.code, err.Error()}
		}
	}
	return &callError{fiber.StatusInternalServerError, "internal", "internal error; the gateway's log says more"}
}

// refuseRoomCall tells an error, and counts and logs it.
func (s *Server) refuseRoomCall(c *fiber.Ctx, err error) error {
	e := callErrorOf(err)
	s.Metrics.Refused.WithLabelValues("rest", e.code).Inc()
	level := s.Log.Debug
	switch {
	case e.status == fiber.StatusInternalServerError:
		level = s.Log.Error
	case e.status == fiber.StatusServiceUnavailable:
		level = s.Log.Warn
	}
	level("refused", "protocol", "rest", "method", c.Method(), "path", c.Path(), "remote", c.Context().RemoteAddr().String(), "reason", e.code, "error", err)
	switch e.status {
	case fiber.StatusServiceUnavailable:
		c.Set(fiber.HeaderRetryAfter, "2")
	case fiber.StatusTooManyRequests:
		c.Set(fiber.HeaderRetryAfter, "1")
	case fiber.StatusUnauthorized:
		c.Set(fiber.HeaderWWWAuthenticate, "Bearer")
	}
	return apiError(c, e.status, e.code, e.message)
}
