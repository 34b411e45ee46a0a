package weapp

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"hutong/gateway/room"
	"hutong/gateway/rooms"
)

// MixInput is one picture and voice of a mixed stream. Without a geometry it
// fills the canvas. Higher layers cover lower ones.
type MixInput struct {
	Stream              string // app/name
	Layer               int
	X, Y, Width, Height int
}

// MixResult tells a client how a mix went: Code 0 is mixed.
type MixResult struct {
	Code    int
	Message string
	// Going says that voices, at least, are mixed.
	Going bool
}

// Mixer makes the one picture and sound of a live room that its audience gets in
// place of the anchor's own.
type Mixer interface {
	// Mix lays inputs out as the audience's view of the stream called output, from
	// now on; with the anchor alone it may show the plain stream. It is called again
	// after every change. An input that is not published yet is shown once it is.
	Mix(ctx context.Context, output string, inputs []MixInput) (MixResult, error)
	// Unmix gives the audience the plain stream back.
	Unmix(output string)
}

// mixes follow the rooms that are mixed through this node, and end a mix with its
// room.
type mixes struct {
	o     Options
	mixer Mixer
	wg    sync.WaitGroup

	mu     sync.Mutex
	active map[string]*mix // by output
	closed bool
}

type mix struct {
	roomID      string
	unsubscribe func()
}

func newMixes(o Options) *mixes {
	m := &mixes{o: o, mixer: o.Mixer, active: map[string]*mix{}}
	if m.mixer == nil {
		m.mixer = noMixer{}
	}
	return m
}

// noMixer is for a gateway without one.
type noMixer struct{}

func (noMixer) Mix(context.Context, string, []MixInput) (MixResult, error) {
	return MixResult{Code: codeNotMixed, Message: "this gateway does not mix"}, nil
}
func (noMixer) Unmix(string) {}

// start mixes, and watches the room for its end.
func (m *mixes) start(ctx context.Context, roomID, output string, inputs []MixInput) (MixResult, error) {
	result, err := m.mixer.Mix(ctx, output, inputs)
	if err != nil {
		return result, err
	}
	for _, before := range m.others(roomID, output) {
		m.stop(before) // the anchor has come back with another stream
	}
	m.mu.Lock()
	known := m.active[output] != nil || m.closed
	if !known {
		m.active[output] = &mix{roomID: roomID}
	}
	m.mu.Unlock()
	if known {
		return result, nil
	}
	unsubscribe, err := m.o.Rooms.Subscribe(roomID, func(u rooms.Update) {
		if u.Event != nil && u.Event.Type == room.RoomClosed {
			m.stop(output)
		}
	})
	if err != nil {
		m.stop(output)
		return result, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if x := m.active[output]; x != nil {
		x.unsubscribe = unsubscribe
	} else {
		unsubscribe()
	}
	return result, nil
}

// others are the mixes of a room under other names.
func (m *mixes) others(roomID, output string) (outputs []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, x := range m.active {
		if x.roomID == roomID && name != output {
			outputs = append(outputs, name)
		}
	}
	return outputs
}

func (m *mixes) stop(output string) {
	m.mu.Lock()
	x := m.active[output]
	delete(m.active, output)
	m.mu.Unlock()
	if x == nil {
		return
	}
	if x.unsubscribe != nil {
		x.unsubscribe()
	}
	m.mixer.Unmix(output)
}

func (m *mixes) close() {
	m.mu.Lock()
	m.closed = true
	var all []string
	for output := range m.active {
		all = append(all, output)
	}
	m.mu.Unlock()
	for _, output := range all {
		m.stop(output)
	}
	m.wg.Wait()
}

// resumeMixes takes up what was mixed when the gateway went.
func (s *Service) resumeMixes() {
	if s.o.Mixer == nil {
		return
	}
	s.mixes.wg.Go(func() {
		for skip := 0; ; skip += maxPage {
			page := s.o.Rooms.Page(rooms.Shelf(room.LiveRoom, ""), skip, maxPage)
			for _, r := range page {
				s.resumeMix(r)
			}
			if len(page) < maxPage {
				return
			}
		}
	})
}

func (s *Service) resumeMix(r room.Room) {
	if r.Weapp == nil || len(r.Weapp.Mix) == 0 {
		return
	}
	inputs, err := parseStoredMix(r.Weapp.Mix)
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if _, err := s.mixes.start(ctx, r.RoomID, r.Weapp.Stream, inputs); err != nil && !errors.Is(err, context.Canceled) {
		s.o.Log.Warn("a mix was not taken up again", slog.String("room", r.RoomID), slog.Any("error", err))
	}
}
