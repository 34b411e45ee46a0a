package store

import (
	"errors"
	"fmt"
	"testing"
)

func TestEvents(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		type event struct{ subject, data string }
		got := make(chan event, 1000)
		listen := func(pattern string) func() {
			t.Helper()
			end, err := s.Subscribe(pattern, func(subject string, data []byte) { got <- event{subject, string(data)} })
			if err != nil {
				t.Fatal(err)
			}
			return end
		}
		publish := func(subject, data string) {
			t.Helper()
			if err := s.Publish(subject, []byte(data)); err != nil {
				t.Fatal(err)
			}
		}
		end := listen("rooms/*/events")
		publish("rooms/r1/other", "not this")
		for i := range 500 {
			publish("rooms/r1/events", fmt.Sprint(i))
		}
		for i := range 500 {
			if e := next(t, got); e != (event{"rooms/r1/events", fmt.Sprint(i)}) {
				t.Fatalf("event %d is %+v", i, e)
			}
		}
		end()
		end()
		listen("media/>")
		publish("rooms/r1/events", "not this any more")
		publish("media/live/r1_alice", "frame")
		if e := next(t, got); e != (event{"media/live/r1_alice", "frame"}) {
			t.Errorf("got %+v", e)
		}
		listen("one.*")
		publish("one.*", "plain")
		if e := next(t, got); e != (event{"one.*", "plain"}) {
			t.Errorf("got %+v", e)
		}
		for _, bad := range []string{"", "/a", "a//b"} {
			if err := s.Publish(bad, nil); !errors.Is(err, ErrBadKey) {
				t.Errorf("publish to %q: %v", bad, err)
			}
			if _, err := s.Subscribe(bad, nil); !errors.Is(err, ErrBadKey) {
				t.Errorf("subscribe to %q: %v", bad, err)
			}
		}
		if err := s.Publish("media/x", make([]byte, 2<<20)); !errors.Is(err, ErrTooLarge) {
			t.Errorf("publish of 2 MB: %v", err)
		}
	})
}
