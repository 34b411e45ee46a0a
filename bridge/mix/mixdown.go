package mix

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"hutong/bridge/stream"
)

// source is where the pictures of a composition come from.
type source int

const (
	fromNobody  source = iota // a keyframe of either is waited for
	fromAnchor                // passed on
	fromEncoder               // mixed
)

// mixdown is a mix while it runs: from somebody's arrival beside the anchor until
// they, or the anchor, have gone.
type mixdown struct {
	session  *session
	mixer    *Mixer
	streams  *stream.Registry
	log      *slog.Logger
	began    time.Time // of wall times
	stream   *stream.Stream
	pictures bool
	comp     *stream.Composition
	anchor   *input
	// shift is added to the mix's time in the composition, so that its frames have
	// about the times that the anchor's own have when they come out.
	shift time.Duration

	mu      sync.Mutex
	linked  map[string]*input
	order   []*input // all of them, lowest layer first
	present int      // linked inputs whose stream is there
	canvas  canvas

	out      sync.Mutex // guards what follows, and writing pictures
	source   source
	leaving  bool // the anchor's next keyframe ends the mix
	yielding bool // the anchor's next keyframe ends the mixed picture

	passMu sync.Mutex
	pass   *passing
}

// encoding is about what encoding takes, added to the shift.
const encoding = 40 * time.Millisecond

func newMixdown(s *session, anchor *stream.Stream) *mixdown {
	m := &mixdown{session: s, mixer: s.mixer, streams: s.mixer.opts.Streams, log: s.log, began: s.mixer.began,
		stream: anchor, pictures: s.wantsPictures(), linked: map[string]*input{}}
	m.anchor = newInput(m, Input{Stream: s.output}, size{2, 2})
	return m
}

// wall is the time since the mixer's beginning.
func (m *mixdown) wall() time.Duration { return time.Since(m.began) }

// now is the mix's time: of the anchor's media that is due.
func (m *mixdown) now() (time.Duration, bool) { return m.anchor.clock.now(m.wall()) }

// time is when an input's media is due, in the mix's time.
func (m *mixdown) time(in *input, media time.Duration) (time.Duration, bool) {
	return m.anchor.clock.now(in.clock.due(media))
}

// back is the inverse of time.
func (m *mixdown) back(in *input, at time.Duration) (time.Duration, bool) {
	return in.clock.now(m.anchor.clock.due(at))
}

// all are the inputs, lowest layer first.
func (m *mixdown) all() []*input {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.order
}

// joined counts an input whose stream has come or gone.
func (m *mixdown) joined(in *input, here bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case in == m.anchor:
	case here:
		m.present++
	default:
		m.present--
	}
}

// run mixes until the anchor has been alone for a while, its stream has ended, or
// ctx has; in all but the second case it hands over to the anchor's own stream at
// a keyframe.
func (m *mixdown) run(ctx context.Context) {
	var err error
	if m.comp, err = m.stream.Compose(); err != nil {
		if !errors.Is(err, stream.ErrComposed) { // an earlier mix that is leaving
			m.log.Info("not mixed", "error", err)
		}
		return
	}
	defer m.comp.Close()
	m.mixer.stats.mixes.Add(1)
	defer m.mixer.stats.mixes.Add(-1)
	m.log.Info("mix started", "pictures", m.pictures)
	defer m.log.Info("mix ended")

	inner, cancel := context.WithCancel(m.mixer.ctx) // outlives ctx, to hand over
	var wg sync.WaitGroup
	defer func() {
		cancel()
		m.arrange(inner, nil)
		m.anchor.stop()
		m.stopPassing()
		wg.Wait()
	}()
	layout := m.session.layout()
	m.arrange(inner, layout)
	m.anchor.start(inner)
	if !m.awaitAnchor(ctx) {
		return
	}
	m.shift = m.anchor.clock.delay() + encoding
	channels := 1
	if t := m.stream.Tracks(); t != nil && t.Audio != nil && t.Audio.Channels == 2 {
		channels = 2
	}
	sound := newSound(m, channels)
	wg.Add(1)
	go func() {
		defer wg.Done()
		sound.run(inner)
	}()
	m.startPassing(inner, stream.ReaderOptions{LiveOnly: true})
	painting, stopPainting := context.WithCancel(inner)
	defer stopPainting()
	if m.pictures {
		wg.Add(1)
		go func() {
			defer wg.Done()
			m.paint(painting)
		}()
	}
	m.attend(ctx, inner, layout)
	m.leave(inner)
}

// tiled tells whether there is a picture beside the anchor's.
func (m *mixdown) tiled() bool {
	for _, in := range m.all() {
		if in != m.anchor && in.visible() {
			return true
		}
	}
	return false
}

// awaitTiles waits until there is a picture beside the anchor's; false when ctx
// has ended.
func (m *mixdown) awaitTiles(ctx context.Context) bool {
	t := time.NewTicker(20 * time.Millisecond)
	defer t.Stop()
	for !m.tiled() {
		select {
		case <-t.C:
		case <-ctx.Done():
			return false
		}
	}
	return ctx.Err() == nil
}

// awaitAnchor waits for the anchor's first frame; false when there will be none.
func (m *mixdown) awaitAnchor(ctx context.Context) bool {
	t := time.NewTicker(10 * time.Millisecond)
	defer t.Stop()
	for {
		if _, ok := m.now(); ok {
			return true
		}
		if m.stream.Ended() {
			return false
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return false
		}
	}
}

// attend keeps to the layout while there is somebody to mix.
func (m *mixdown) attend(ctx, inner context.Context, layout []Input) {
	t := time.NewTicker(look)
	defer t.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-t.C:
			if next := m.session.layout(); !slices.Equal(next, layout) {
				layout = next
				m.arrange(inner, layout)
			}
			m.mu.Lock()
			present := m.present
			m.mu.Unlock()
			if present > 0 {
				last = now
			}
			if m.stream.Ended() || now.Sub(last) > alone || m.session.wantsPictures() != m.pictures {
				return
			}
		}
	}
}

// arrange brings the inputs in line with a layout; nil ends all but the anchor.
func (m *mixdown) arrange(ctx context.Context, layout []Input) {
	m.mu.Lock()
	wanted := map[string]bool{}
	var gone []*input
	order := []*input{m.anchor}
	for i, place := range layout {
		wanted[place.Stream] = true
		tile := m.canvas.tile(place)
		if i == 0 {
			m.anchor.put(Input{Stream: place.Stream, Layer: place.Layer}, m.canvas.tile(Input{}))
			continue
		}
		in := m.linked[place.Stream]
		if in == nil {
			in = newInput(m, place, tile)
			m.linked[place.Stream] = in
			in.start(ctx)
		}
		in.put(place, tile)
		order = append(order, in)
	}
	for name, in := range m.linked {
		if !wanted[name] {
			gone = append(gone, in)
			delete(m.linked, name)
		}
	}
	slices.SortStableFunc(order, func(a, b *input) int { return cmp.Compare(a.layer(), b.layer()) })
	m.order = order
	m.mu.Unlock()
	for _, in := range gone {
		in.stop()
	}
}

// leave hands over to the anchor's own stream: it shows the anchor alone from the
// anchor's next keyframe on, which readers of that stream begin at.
func (m *mixdown) leave(ctx context.Context) {
	m.out.Lock()
	m.leaving = true
	mixed := m.source == fromEncoder
	m.out.Unlock()
	if !mixed {
		return
	}
	m.startPassing(ctx, stream.ReaderOptions{LiveOnly: true})
	t := time.NewTicker(10 * time.Millisecond)
	defer t.Stop()
	deadline := time.NewTimer(leaveWithin)
	defer deadline.Stop()
	for {
		select {
		case <-t.C:
			m.out.Lock()
			done := m.source == fromAnchor
			m.out.Unlock()
			if done || m.stream.Ended() {
				return
			}
		case <-deadline.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// leaveWithin bounds the wait for the anchor's keyframe.
const leaveWithin = 4 * time.Second
