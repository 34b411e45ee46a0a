package mix

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"hutong/bridge/stream"
)

// session keeps one output's mix, whether its anchor is there or not, until it is
// cancelled.
type session struct {
	mixer    *Mixer
	output   string
	log      *slog.Logger
	pictures bool // it has a place among those with pictures; guarded by mixer.mu
	// failing says why pictures are not being mixed although they might be.
	failing atomic.Pointer[string]
	ctx     context.Context
	cancel  context.CancelFunc

	mu     sync.Mutex
	inputs []Input
}

const (
	// look is how often a session looks who is there.
	look = 200 * time.Millisecond
	// alone is how long an anchor may be alone before the mix ends.
	alone = 2 * time.Second
)

func newSession(m *Mixer, output string) *session {
	s := &session{mixer: m, output: output, log: m.opts.Log.With("mix", output)}
	s.ctx, s.cancel = context.WithCancel(m.ctx)
	return s
}

// change sets the layout.
func (s *session) change(inputs []Input) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inputs = append([]Input(nil), inputs...)
}

func (s *session) layout() []Input {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inputs
}

func (s *session) wantsPictures() bool {
	s.mixer.mu.Lock()
	defer s.mixer.mu.Unlock()
	return s.pictures
}

func (s *session) run() {
	defer s.cancel()
	for {
		anchor, err := s.mixer.opts.Streams.Wait(s.ctx, s.output, forever)
		switch {
		case s.ctx.Err() != nil, errors.Is(err, stream.ErrClosed):
			return
		case err != nil:
			continue
		}
		s.serve(anchor)
	}
}

// serve mixes whenever somebody is there beside the anchor, until the anchor's
// stream ends.
func (s *session) serve(anchor *stream.Stream) {
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	t := time.NewTicker(look)
	defer t.Stop()
	for ctx.Err() == nil && !anchor.Ended() {
		if s.linked() {
			newMixdown(s, anchor).run(ctx)
		}
		select {
		case <-t.C:
		case <-ctx.Done():
		}
	}
}

// linked tells whether a stream is there beside the anchor.
func (s *session) linked() bool {
	for _, in := range s.layout()[1:] {
		if s.mixer.opts.Streams.Get(in.Stream) != nil {
			return true
		}
	}
	return false
}
