package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"hutong/sfu"
)

var (
	// ErrInUse refuses a publisher because the name has one and the policy is
	// to keep it.
	ErrInUse = errors.New("stream name in use")
	// ErrNotFound ends a wait for a stream that nobody publishes.
	ErrNotFound = errors.New("no such stream")
	// ErrTooMany refuses what would pass a configured limit.
	ErrTooMany = errors.New("limit reached")
	// ErrClosed refuses because the registry is closing.
	ErrClosed = errors.New("the gateway is shutting down")
	// ErrReplaced tells a publisher that a newcomer took its name over.
	ErrReplaced = errors.New("replaced by a new publisher of the same stream")
)

// Options of a [Registry]. Zero limits mean none.
type Options struct {
	RefuseTakeover bool          // keep the first publisher of a name
	Grace          time.Duration // how long a stream waits for its publisher to return
	Linger         time.Duration // how long a crossing nobody wants stays
	MaxLag         time.Duration // how far a player may fall behind
	GOPMaxBytes    int
	GOPMaxSpan     time.Duration
	MaxStreams     int
	MaxPlayers     int // per stream
	Crossings      Crossings
	Log            *slog.Logger
	// OnChange is told the name of a stream that has got or lost its publisher,
	// or has ended. It is called without locks held and must not block.
	OnChange func(name string)
	// OnDrop counts frames dropped, by reason.
	OnDrop func(reason string, frames int)
}

// Registry holds the live streams by name.
type Registry struct {
	opts       Options
	maxPlayers atomic.Int64
	shards     *shards

	mu      sync.Mutex
	streams map[string]*Stream
	waiters map[string]*waiter
	closed  bool
	wg      sync.WaitGroup
}

// NewRegistry returns an empty registry.
func NewRegistry(o Options) *Registry {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.OnChange == nil {
		o.OnChange = func(string) {}
	}
	if o.OnDrop == nil {
		o.OnDrop = func(string, int) {}
	}
	r := &Registry{opts: o, shards: newShards(), streams: map[string]*Stream{}, waiters: map[string]*waiter{}}
	r.maxPlayers.Store(int64(o.MaxPlayers))
	return r
}

// PublisherInfo says who publishes.
type PublisherInfo struct {
	Protocol string // "rtmp", "whip"
	Remote   string // address and port
	Origin   Origin
	// Kick is called once, from a goroutine of the registry, when the
	// publisher has to go: replaced, or the gateway closes.
	Kick func(reason error)
}

// Publication is one publisher's hold on a stream.
type Publication struct {
	stream *Stream
	info   PublisherInfo
	origin Origin
	since  time.Time
	turn   *Turn // nil for FromWebRTC
	once   sync.Once
}

// Stream returns what is published to.
func (p *Publication) Stream() *Stream { return p.stream }

// Turn takes the publisher's frames; nil for a WebRTC publisher, which feeds
// the stream's source.
func (p *Publication) Turn() *Turn { return p.turn }

// Publish gives name to a publisher. A name that is live is taken over, or, by
// policy, ErrInUse is returned. The caller must Close the publication.
func (r *Registry) Publish(name string, info PublisherInfo) (*Publication, error) {
	defer r.opts.OnChange(name)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, ErrClosed
	}
	s := r.streams[name]
	if s == nil {
		if r.opts.MaxStreams > 0 && len(r.streams) >= r.opts.MaxStreams {
			return nil, fmt.Errorf("%w: %d streams are live; raise stream.max_streams", ErrTooMany, len(r.streams))
		}
		s = &Stream{Name: name, r: r, created: time.Now(), slog: r.opts.Log.With("stream", name),
			log: newLog(r.opts.GOPMaxBytes, r.opts.GOPMaxSpan), source: sfu.NewSource(name)}
		r.streams[name] = s
	}
	p := &Publication{stream: s, info: info, origin: info.Origin, since: time.Now()}
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.pub
	if old != nil && r.opts.RefuseTakeover {
		return nil, fmt.Errorf("%w: %s is published by %s; stop it first, or set stream.takeover: replace", ErrInUse, name, old.info.Remote)
	}
	if s.grace != nil {
		s.grace.Stop()
		s.grace = nil
	}
	s.pub = p
	if info.Origin == FromFrames {
		s.egress.stop()
		p.turn = s.newTurn()
	}
	s.adjust()
	if old != nil {
		s.slog.Info("publisher replaced", "old", old.info.Remote, "new", info.Remote, "protocol", info.Protocol)
		r.kick(old, ErrReplaced)
	} else {
		s.slog.Info("published", "protocol", info.Protocol, "remote", info.Remote)
	}
	if w := r.waiters[name]; w != nil {
		close(w.published)
		delete(r.waiters, name)
	}
	return p, nil
}

func (r *Registry) kick(p *Publication, reason error) {
	if p.info.Kick == nil {
		return
	}
	r.wg.Add(1)
	go func() {
		defer r.wg.Done()
		p.info.Kick(reason)
	}()
}

// Close gives the name up. final ends the stream at once, as a publisher that
// says goodbye wants; otherwise the stream waits for its return.
func (p *Publication) Close(final bool) {
	p.once.Do(func() { p.close(final) })
}

func (p *Publication) close(final bool) {
	s := p.stream
	r := s.r
	defer r.opts.OnChange(s.Name)
	r.mu.Lock()
	defer r.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pub != p {
		return
	}
	s.pub = nil
	if p.turn != nil {
		p.turn.end()
	}
	s.log.forget()
	if final || r.closed || r.opts.Grace <= 0 {
		r.end(s)
		return
	}
	s.slog.Info("publisher lost, waiting for its return", "remote", p.info.Remote, "grace", r.opts.Grace)
	var t *time.Timer
	t = time.AfterFunc(r.opts.Grace, func() {
		defer r.opts.OnChange(s.Name)
		r.mu.Lock()
		defer r.mu.Unlock()
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.grace == t && s.pub == nil {
			r.end(s)
		}
	})
	s.grace = t
}

// end removes a stream. The caller holds r.mu and s.mu.
func (r *Registry) end(s *Stream) {
	if s.ended {
		return
	}
	s.ended = true
	delete(r.streams, s.Name)
	s.adjust()
	s.log.end()
	if c := s.composed.Load(); c != nil {
		c.Close()
	}
	s.source.Close()
	s.slog.Info("stream ended", "seconds", int(time.Since(s.created).Seconds()))
}

// Get returns a live stream, or nil.
func (r *Registry) Get(name string) *Stream {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.streams[name]
}

// Wait returns a stream once it is published, and ErrNotFound after wait.
func (r *Registry) Wait(ctx context.Context, name string, wait time.Duration) (*Stream, error) {
	var timeout <-chan time.Time
	for {
		r.mu.Lock()
		if r.closed {
			r.mu.Unlock()
			return nil, ErrClosed
		}
		if s := r.streams[name]; s != nil {
			r.mu.Unlock()
			return s, nil
		}
		if wait <= 0 {
			r.mu.Unlock()
			return nil, fmt.Errorf("%w: %s", ErrNotFound, name)
		}
		w := r.waiters[name]
		if w == nil {
			w = &waiter{published: make(chan struct{})}
			r.waiters[name] = w
		}
		w.waiting++
		r.mu.Unlock()
		if timeout == nil {
			t := time.NewTimer(wait)
			defer t.Stop()
			timeout = t.C
		}
		select {
		case <-w.published:
		case <-timeout:
			wait = 0
		case <-ctx.Done():
		}
		r.leave(name, w)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
}

// waiter is those who wait for a name.
type waiter struct {
	published chan struct{} // closed when it is published
	waiting   int
}

// leave forgets a name nobody waits for any more: who waits may make names up.
func (r *Registry) leave(name string, w *waiter) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if w.waiting--; w.waiting == 0 && r.waiters[name] == w {
		delete(r.waiters, name)
	}
}

// Streams returns the live streams by name.
func (r *Registry) Streams() []*Stream {
	r.mu.Lock()
	out := make([]*Stream, 0, len(r.streams))
	for _, s := range r.streams {
		out = append(out, s)
	}
	r.mu.Unlock()
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// Close ends every stream and waits for the registry's goroutines. Publishers
// are told to go.
func (r *Registry) Close() {
	r.mu.Lock()
	r.closed = true
	for _, w := range r.waiters {
		close(w.published)
	}
	clear(r.waiters)
	for _, s := range r.streams {
		s.mu.Lock()
		if s.pub != nil {
			r.kick(s.pub, ErrClosed)
			s.pub = nil
		}
		if s.grace != nil {
			s.grace.Stop()
		}
		r.end(s)
		s.mu.Unlock()
	}
	r.mu.Unlock()
	r.wg.Wait()
}
