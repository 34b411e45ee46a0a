package mix

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"hutong/bridge/audio"
	"hutong/bridge/stream"
)

// input is one stream that goes into a mix: its clock, its voice, its pictures.
type input struct {
	m     *mixdown
	name  string
	log   *slog.Logger
	clock clock
	voice voice

	mu       sync.Mutex
	place    Input // where its pictures go
	size     size  // of its tile
	resize   chan struct{}
	gallery  gallery
	interval time.Duration // between its pictures, on average
	lastDTS  time.Duration
	seen     time.Time // when the newest picture was decoded

	cancel context.CancelFunc
	done   chan struct{}
}

// still is how long a tile stays whose input sends no pictures.
const still = 6 * time.Second

func newInput(m *mixdown, place Input, s size) *input {
	return &input{m: m, name: place.Stream, place: place, size: s, resize: make(chan struct{}, 1),
		log: m.log.With("input", place.Stream), done: make(chan struct{})}
}

// start runs the input until stop.
func (in *input) start(ctx context.Context) {
	ctx, in.cancel = context.WithCancel(ctx)
	go func() {
		defer close(in.done)
		in.run(ctx)
	}()
}

func (in *input) stop() {
	in.cancel()
	<-in.done
}

// put moves the input's tile.
func (in *input) put(place Input, s size) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.place = place
	if s == in.size {
		return
	}
	in.size = s
	select {
	case in.resize <- struct{}{}:
	default:
	}
}

// run takes the stream up whenever it is there.
func (in *input) run(ctx context.Context) {
	for {
		s, err := in.m.streams.Wait(ctx, in.name, forever)
		switch {
		case ctx.Err() != nil, errors.Is(err, stream.ErrClosed):
			return
		case err != nil:
			continue
		}
		in.take(ctx, s)
	}
}

// forever is longer than any mix.
const forever = 1000 * time.Hour

// take mixes one stream until it ends.
func (in *input) take(ctx context.Context, s *stream.Stream) {
	player, err := s.Play(stream.Mix)
	if err != nil {
		in.log.Warn("input left out of the mix", "error", err)
		rest(ctx, time.Second)
		return
	}
	defer player.Close()
	in.log.Info("input joined the mix")
	in.m.joined(in, true)
	defer in.m.joined(in, false)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		defer cancel()
		in.hear(ctx, player)
	}()
	if in.m.pictures {
		in.watch(ctx, player)
	}
	wg.Wait()
	in.voice.clear()
	in.mu.Lock()
	in.gallery.clear()
	in.mu.Unlock()
	in.log.Info("input left the mix")
}

// hear reads the stream's live edge: it tells the clock what arrives when, and
// decodes the sound. It ends with the stream.
func (in *input) hear(ctx context.Context, player *stream.Player) {
	h := hearing{in: in}
	defer h.close()
	r := player.Reader(stream.ReaderOptions{LiveOnly: true})
	var batch []*stream.Frame
	for {
		var err error
		if batch, err = r.Next(ctx, batch); err != nil {
			return
		}
		for _, f := range batch {
			if f.Config || f.Kind == stream.Meta {
				continue
			}
			if f.Kind == stream.Video {
				in.clock.arrived(0, f.DTS, in.m.wall())
				in.measure(f.DTS)
				continue
			}
			if time.Since(f.Arrival) > staleSound {
				continue
			}
			in.clock.arrived(1, f.DTS, in.m.wall())
			h.unit(f)
		}
		clear(batch)
	}
}

// staleSound is how long sound may lie about before it is left out rather than
// decoded: on a machine that is too slow, some of it is then in time.
const staleSound = 300 * time.Millisecond

// measure keeps the average interval of the input's pictures.
func (in *input) measure(dts time.Duration) {
	in.mu.Lock()
	defer in.mu.Unlock()
	d, first := dts-in.lastDTS, in.lastDTS == 0
	in.lastDTS = dts
	switch {
	case first, d <= 0, d > time.Second:
	case in.interval == 0:
		in.interval = d
	default:
		in.interval += (d - in.interval) / 16
	}
}

// paced tells whether it is known how often the input's pictures come.
func (in *input) paced() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.interval > 0
}

// hearing decodes an input's sound into its voice.
type hearing struct {
	in     *input
	config *audio.Config
	usable bool
	dec    *audio.ToPCM
	warned bool
}

func (h *hearing) unit(f *stream.Frame) {
	if f.Tracks.Audio == nil || len(f.Payload()) == 0 {
		return
	}
	if f.Tracks.Audio != h.config && !h.configure(f.Tracks.Audio) || !h.usable {
		return
	}
	at, ok := h.in.m.time(h.in, f.DTS)
	if !ok {
		return
	}
	err := h.dec.Push(at, f.Payload(), func(start time.Duration, pcm []float32, channels int) {
		h.in.voice.write(position(start), pcm, channels)
	})
	if err != nil && !h.warned {
		h.warned = true
		h.in.log.Warn("voice has a gap in the mix: an AAC access unit did not decode", "error", err)
	}
}

func (h *hearing) configure(c *audio.Config) bool {
	h.config, h.usable = c, false
	if h.dec == nil {
		h.dec = audio.NewToPCM()
	}
	if err := h.dec.SetConfig(c); err != nil {
		h.in.log.Warn("the mix is without this input's voice", "error", err)
		return false
	}
	h.usable = true
	return true
}

func (h *hearing) close() {
	if h.dec != nil {
		h.dec.Close()
	}
}

// rest waits, or until ctx ends.
func rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
