package stream

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"hutong/bridge/audio"
	"hutong/bridge/h264"
)

// ErrComposed refuses a second composition beside the first.
var ErrComposed = errors.New("the stream has a composition already")

// Composition is what a stream's audience gets in place of the publisher's own
// frames: the same timeline, other pictures and sound. While it exists, readers
// with the Audience option go over to it at its next keyframe, and come back
// when it is closed; nobody reconnects. Its methods may be called from several
// goroutines.
type Composition struct {
	s   *Stream
	log *Log

	mu      sync.Mutex
	tracks  Tracks
	current *Tracks // the published snapshot of tracks
	last    [Meta]time.Duration
	keyed   bool
	over    bool
}

// Compose begins a composition. The caller must Close it; the stream's end ends
// it too.
func (s *Stream) Compose() (*Composition, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return nil, fmt.Errorf("%w: %s", ErrNotFound, s.Name)
	}
	if s.composed.Load() != nil {
		return nil, fmt.Errorf("%w: %s", ErrComposed, s.Name)
	}
	c := &Composition{s: s, log: newLog(s.r.opts.GOPMaxBytes, s.r.opts.GOPMaxSpan)}
	c.log.players = s.log.players
	s.composed.Store(c)
	return c, nil
}

// Composed tells whether the stream has a composition.
func (s *Stream) Composed() bool { return s.composed.Load() != nil }

// Tracks returns what the stream consists of now, or its composition for its
// audience; nil before the first frame.
func (p *Player) Tracks(audience bool) *Tracks {
	if c := p.s.composed.Load(); audience && c != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.keyed && c.current != nil {
			return c.current
		}
	}
	return p.s.Tracks()
}

// Ended tells whether the stream has ended and will not come back.
func (s *Stream) Ended() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// Close sends the audience back to the publisher's own frames.
func (c *Composition) Close() {
	c.mu.Lock()
	c.over = true
	c.mu.Unlock()
	c.s.composed.CompareAndSwap(c, nil)
	c.log.end()
}

// SetVideo states the video's configuration from the next frame on. The same
// pointer as before, or as the publisher's, is not signalled again.
func (c *Composition) SetVideo(v *h264.Config) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tracks.Video != v {
		c.tracks.Video, c.current = v, nil
	}
}

// SetAudio states the audio's configuration from the next frame on.
func (c *Composition) SetAudio(a *audio.Config) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tracks.Audio != a {
		c.tracks.Audio, c.current = a, nil
	}
}

// WriteVideo adds one access unit; body is a complete FLV VIDEODATA, which may
// be shared with other frames. dts is on the stream's own timeline, cts is what
// to add to it for the presentation time. Time that would go back goes on by a millisecond.
func (c *Composition) WriteVideo(dts, cts time.Duration, key bool, body []byte) {
	c.write(&Frame{Kind: Video, Key: key, DTS: dts, Body: body}, cts)
}

// WriteAudio adds one AAC access unit; body is a complete FLV AUDIODATA.
func (c *Composition) WriteAudio(pts time.Duration, body []byte) {
	c.write(&Frame{Kind: Audio, DTS: pts, Body: body}, 0)
}

func (c *Composition) write(f *Frame, cts time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	missing := f.Kind == Audio && c.tracks.Audio == nil || f.Kind == Video && (c.tracks.Video == nil || !c.keyed && !f.Key)
	if c.over || missing {
		return
	}
	if c.current == nil {
		snapshot := c.tracks
		c.current = &snapshot
	}
	if last := &c.last[f.Kind-1]; f.DTS > *last {
		*last = f.DTS
	} else {
		*last += step(f.Kind)
		f.DTS = *last
	}
	f.PTS, f.Tracks, f.Arrival = max(0, f.DTS+cts), c.current, time.Now()
	c.log.append(f)
	if f.Kind == Video && !c.keyed {
		c.keyed = true
		c.s.log.wakeNow() // who waits for the publisher is waited for here
	}
}

// follow takes an audience's reader to where its frames come from now. Going
// over waits for a keyframe there; coming back begins at the cached one, as a
// join does, so that the picture does not stand still.
func (r *Reader) follow() {
	own, from := r.s.log, r.s.log
	if c := r.s.composed.Load(); c != nil {
		from = c.log
	}
	if from == r.log {
		return
	}
	head, key := from.newest()
	if from != own && key == nil && !(r.s.soundOnly() && head.seq > 0) {
		if r.log == own {
			return
		}
		// The composition that was read has given way to one that has nothing yet.
		from = own
		head, key = own.newest()
	}
	place := key
	if key == nil || from.ended.Load() {
		place = head
	}
	r.log, r.cur, r.waitKey = from, place, true
	r.caughtUp, r.joinLag = false, 0
	if first := place.next.Load(); first != nil {
		r.joinLag = head.DTS - first.DTS
	}
}

// soundOnly tells whether the publisher sends no pictures, so that no keyframe is
// to be waited for.
func (s *Stream) soundOnly() bool {
	t := s.Tracks()
	return t != nil && t.Video == nil
}

// step is by how much time goes on where it would go back: players like each
// picture to have a time of its own.
func step(kind Kind) time.Duration {
	if kind == Video {
		return time.Millisecond
	}
	return 0
}

// smooth keeps time from going back for an audience that has gone over: sound it
// has had already is left out, pictures are told again at once, in a copy.
func (r *Reader) smooth(f *Frame) *Frame {
	if f.Kind == Meta {
		return f
	}
	last := &r.last[f.Kind-1]
	if f.DTS >= *last {
		*last = f.DTS
		return f
	}
	if f.Kind == Audio {
		return nil
	}
	*last += step(Video)
	return &Frame{Kind: f.Kind, Key: f.Key, DTS: *last, PTS: *last + f.PTS - f.DTS, Body: f.Body, Tracks: f.Tracks, Arrival: f.Arrival}
}
