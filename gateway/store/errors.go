package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The errors of this package wrap one of these, or the error of a context.
var (
	ErrNotFound    = errors.New("not found")
	ErrExists      = errors.New("exists already")
	ErrConflict    = errors.New("changed meanwhile")
	ErrBadKey      = errors.New("bad key")
	ErrTooLarge    = errors.New("value too large")
	ErrInUse       = errors.New("state directory in use")
	ErrUnavailable = errors.New("state store unavailable")
)

// failed names what could not be done, and sorts the engine's errors into ours.
func failed(ctx context.Context, what string, err error) error {
	var api *jetstream.APIError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", what, ctx.Err()) // the caller's own deadline or end
	case errors.Is(err, jetstream.ErrKeyNotFound), errors.Is(err, jetstream.ErrKeyDeleted):
		return fmt.Errorf("%s: %w", what, ErrNotFound)
	case errors.Is(err, nats.ErrMaxPayload):
		return fmt.Errorf("%s: %w: %w; raise max_payload of the NATS server", what, ErrTooLarge, err)
	case wrongRevision(err):
		return fmt.Errorf("%s: %w; read it again", what, ErrConflict)
	case errors.As(err, &api) && api.Code < 500:
		return fmt.Errorf("%s: NATS refused: %w", what, err)
	}
	return fmt.Errorf("%s: %w: %w; try again, and see that NATS runs and is reachable", what, ErrUnavailable, err)
}

// wrongRevision says whether a compare-and-set lost. Replicated streams say so
// with a code of their own.
func wrongRevision(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence ||
		api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}
