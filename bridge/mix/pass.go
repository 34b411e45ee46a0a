package mix

import (
	"context"
	"time"

	"hutong/bridge/h264"
	"hutong/bridge/stream"
)

// passing is the goroutine that passes the anchor's own pictures on.
type passing struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// startPassing begins to pass the anchor's pictures on, after any that does so
// already has ended. It takes the place of the encoder's at a keyframe, and only
// while there are none of these or the mix is leaving.
func (m *mixdown) startPassing(ctx context.Context, o stream.ReaderOptions) {
	m.stopPassing()
	player, err := m.stream.Play(stream.Mix)
	if err != nil {
		return // it has ended
	}
	ctx, cancel := context.WithCancel(ctx)
	p := &passing{cancel: cancel, done: make(chan struct{})}
	m.passMu.Lock()
	m.pass = p
	m.passMu.Unlock()
	go func() {
		defer close(p.done)
		defer player.Close()
		m.passOn(ctx, player.Reader(o))
	}()
}

// stopPassing waits for the goroutine; it must not be called by what that calls.
func (m *mixdown) stopPassing() {
	m.passMu.Lock()
	p := m.pass
	m.pass = nil
	m.passMu.Unlock()
	if p != nil {
		p.cancel()
		<-p.done
	}
}

// quitPassing tells the goroutine to end, without waiting.
func (m *mixdown) quitPassing() {
	m.passMu.Lock()
	defer m.passMu.Unlock()
	if m.pass != nil {
		m.pass.cancel()
	}
}

// maxHold bounds how long one picture is held until it is due.
const maxHold = time.Second

func (m *mixdown) passOn(ctx context.Context, r *stream.Reader) {
	var batch []*stream.Frame
	for {
		var err error
		if batch, err = r.Next(ctx, batch); err != nil {
			return
		}
		for _, f := range batch {
			if f.Kind != stream.Video || f.Config {
				continue
			}
			if wait := m.anchor.clock.due(f.DTS) - m.wall(); wait > 0 {
				rest(ctx, min(wait, maxHold))
			}
			if ctx.Err() != nil {
				return
			}
			m.passed(f)
		}
		clear(batch)
	}
}

func (m *mixdown) passed(f *stream.Frame) {
	m.out.Lock()
	defer m.out.Unlock()
	switch {
	case m.source == fromAnchor:
	case f.Key && (m.source == fromNobody || m.leaving || m.yielding):
		m.source = fromAnchor
	default:
		return
	}
	m.comp.SetVideo(f.Tracks.Video)
	m.comp.WriteVideo(f.DTS+m.shift, f.PTS-f.DTS, f.Key, f.Body)
}

// encoded takes a mixed picture; the first keyframe ends the anchor's own.
func (m *mixdown) encoded(c *h264.Config, p packed) {
	m.out.Lock()
	defer m.out.Unlock()
	if (m.leaving || m.yielding) && m.source == fromAnchor || c == nil {
		return
	}
	if m.source != fromEncoder {
		if !p.key {
			return
		}
		m.source = fromEncoder
		if !m.leaving && !m.yielding {
			m.quitPassing()
		}
		m.session.failing.Store(nil)
	}
	m.mixer.stats.encoded.Add(1)
	m.comp.SetVideo(c)
	m.comp.WriteVideo(p.at+m.shift, 0, p.key, p.body)
}

// blinded goes back to the anchor's own pictures at once: from the cached keyframe
// on, those that are past as fast as they can be read.
func (m *mixdown) blinded(ctx context.Context) {
	m.out.Lock()
	was := m.source
	if was == fromEncoder {
		m.source = fromNobody
	}
	m.out.Unlock()
	if was == fromEncoder {
		m.startPassing(ctx, stream.ReaderOptions{})
	}
}

// yield lets the anchor's own pictures take over at its next keyframe, or with
// wanted unset takes that back; it reports whether they have.
func (m *mixdown) yield(ctx context.Context, wanted bool) (done bool) {
	m.out.Lock()
	begin := wanted && !m.yielding && m.source == fromEncoder
	m.yielding = wanted
	done = wanted && m.source == fromAnchor
	m.out.Unlock()
	if begin {
		m.startPassing(ctx, stream.ReaderOptions{LiveOnly: true})
	}
	return done
}
