package store

import (
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/nats-io/nats.go"
)

// What a subscriber that lags may have waiting; it loses what comes on top.
const (
	maxPendingEvents = 16384
	maxPendingBytes  = 16 << 20
)

const eventSubjects = namespace + ".event."

// Publish sends an event to the subscribers of a subject that there are now, on
// every node. It does not wait for them. A subject is a path such as
// rooms/r42/events.
func (s *Store) Publish(subject string, data []byte) error {
	token, err := escape(subject)
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	if most := s.nc.MaxPayload(); int64(len(data)) > most {
		return fmt.Errorf("publish %s: %w: %d bytes; at most %d fit", subject, ErrTooLarge, len(data), most)
	}
	if err := s.nc.Publish(eventSubjects+token, data); err != nil {
		return fmt.Errorf("publish %s: %w: %w", subject, ErrUnavailable, err)
	}
	return nil
}

// Subscribe calls handler for each event of a subject, one after another, in
// the order in which a node published them. A segment * stands for any one
// segment, and > as the last for all that follow. The data belongs to the
// handler. Until unsubscribe is called, or the store closes, it stays, across
// outages; what is published during one is lost. A call under way may still end
// after unsubscribe has returned; none begins.
func (s *Store) Subscribe(subject string, handler func(subject string, data []byte)) (unsubscribe func(), err error) {
	token, err := pattern(subject)
	if err != nil {
		return nil, fmt.Errorf("subscribe: %w", err)
	}
	var over atomic.Bool
	sub, err := s.nc.Subscribe(eventSubjects+token, func(m *nats.Msg) {
		if !over.Load() {
			handler(unescape(strings.TrimPrefix(m.Subject, eventSubjects)), m.Data)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("subscribe %s: %w: %w", subject, ErrUnavailable, err)
	}
	unsubscribe = func() {
		over.Store(true)
		sub.Unsubscribe() // fails only when the connection has been closed
	}
	if err := sub.SetPendingLimits(maxPendingEvents, maxPendingBytes); err != nil {
		unsubscribe()
		return nil, fmt.Errorf("subscribe %s: %w: %w", subject, ErrUnavailable, err)
	}
	// The server knows the subscription when it has answered: an event that is
	// published from now on arrives.
	if err := s.nc.FlushTimeout(s.timeout); err != nil {
		unsubscribe()
		return nil, fmt.Errorf("subscribe %s: %w: %w", subject, ErrUnavailable, err)
	}
	return unsubscribe, nil
}

// pattern is escape for subjects with wildcards.
func pattern(subject string) (string, error) {
	if _, err := escape(subject); err != nil {
		return "", err
	}
	segments := strings.Split(subject, "/")
	for i, s := range segments {
		switch {
		case s == "*", s == ">" && i == len(segments)-1:
		default:
			segments[i] = tokens(s)
		}
	}
	return strings.Join(segments, "."), nil
}
