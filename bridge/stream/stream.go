package stream

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"hutong/sfu"
)

// Origin is the side of the bridge a publisher is on.
type Origin uint8

const (
	FromFrames Origin = iota + 1 // RTMP
	FromWebRTC
)

// Crossing carries a stream from the face its publisher feeds to the other one.
type Crossing interface {
	// Close stops it and waits until it has stopped.
	Close()
}

// Crossings make the crossings of a registry's streams.
type Crossings interface {
	// Ingress carries frames to s.Source().
	Ingress(s *Stream) Crossing
	// Egress carries s.Source() to the turn.
	Egress(s *Stream, t *Turn) Crossing
}

// Stream is one publisher's audio and video under a name. It lives from the
// first publish until the grace period after the last has passed.
type Stream struct {
	Name    string
	r       *Registry
	log     *Log
	source  *sfu.Source
	created time.Time
	slog    *slog.Logger

	tracks   atomic.Pointer[Tracks] // what the newest frame consisted of
	composed atomic.Pointer[Composition]
	turnMu   sync.Mutex
	turn     *Turn

	stats streamStats

	mu      sync.Mutex
	pub     *Publication
	ended   bool
	grace   *time.Timer
	players [protocols]int
	ingress crossing
	egress  crossing
}

type crossing struct {
	c      Crossing
	linger *time.Timer
}

// Source is the stream's WebRTC face.
func (s *Stream) Source() *sfu.Source { return s.source }

// Created is the wall instant of the stream's media time zero.
func (s *Stream) Created() time.Time { return s.created }

// Tracks returns what the frame face consists of now, nil before its first frame.
func (s *Stream) Tracks() *Tracks { return s.tracks.Load() }

// Reader returns a reader that is not counted as a player: for crossings.
func (s *Stream) Reader(o ReaderOptions) *Reader {
	if o.MaxLag == 0 {
		o.MaxLag = s.r.opts.MaxLag
	}
	return newReader(s, o)
}

// publisher returns the current publication, nil in the grace period.
func (s *Stream) publisher() *Publication {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pub
}

// adjust starts and stops crossings to match who publishes and who plays.
// The caller holds s.mu.
func (s *Stream) adjust() {
	frames, rtc := s.players[RTMP]+s.players[FLV]+s.players[Recorder]+s.players[Mix], s.players[WHEP]
	origin := Origin(0)
	if s.pub != nil {
		origin = s.pub.origin
	}
	if s.ended {
		s.ingress.stop()
		s.egress.stop()
		return
	}
	s.ingress.want(s, rtc > 0, origin, FromFrames, func() Crossing { return s.r.opts.Crossings.Ingress(s) })
	s.egress.want(s, frames > 0, origin, FromWebRTC, func() Crossing { return s.r.opts.Crossings.Egress(s, s.newTurn()) })
}

// want keeps a crossing while it is wanted and the publisher is on its side;
// without a publisher things stay as they are until the grace period ends.
func (c *crossing) want(s *Stream, wanted bool, origin, side Origin, start func() Crossing) {
	switch {
	case origin != 0 && origin != side:
		c.stop()
	case wanted:
		if c.linger != nil {
			c.linger.Stop()
			c.linger = nil
		}
		if c.c == nil && origin == side {
			c.c = start()
		}
	case c.c != nil && c.linger == nil:
		var t *time.Timer
		t = time.AfterFunc(s.r.opts.Linger, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			if c.linger == t {
				c.stop()
			}
		})
		c.linger = t
	}
}

func (c *crossing) stop() {
	if c.linger != nil {
		c.linger.Stop()
		c.linger = nil
	}
	if c.c != nil {
		c.c.Close()
		c.c = nil
	}
}
