package flv

import (
	"context"
	"errors"
	"net"
	"slices"
	"time"

	"hutong/bridge/stream"
)

// Options say how one HTTP-FLV player is served.
type Options struct {
	// Merge trades delay for fewer writes; zero sends frames at once.
	Merge time.Duration
	// Audience plays the stream's composition where it has one.
	Audience bool
	// Gate withholds frames; nil withholds none.
	Gate stream.Gate
	// WriteTimeout is how long a write may make no progress; zero means 10 s.
	WriteTimeout time.Duration
	// TCP is the connection under conn when conn is not one itself.
	TCP *net.TCPConn
}

// settle is how long a stream that has only begun may take to show its second
// half before a player is told that there is none.
const settle = 300 * time.Millisecond

// ServeConn plays p's stream as FLV to conn, after an HTTP response header that
// the caller has written, until the stream ends (nil), the peer closes
// (net.ErrClosed), a write times out, or ctx is done. It returns the bytes
// written. It neither closes conn nor p. Whatever the peer sends is read and
// thrown away.
func ServeConn(ctx context.Context, conn net.Conn, p *stream.Player, o Options) (int64, error) {
	if o.WriteTimeout <= 0 {
		o.WriteTimeout = 10 * time.Second
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watched := watch(ctx, cancel, conn)
	defer func() {
		// Ends the watching read.
		_ = conn.SetReadDeadline(time.Unix(1, 0))
		<-watched
	}()
	s := &server{w: NewBlockWriter(conn, o.TCP, o.WriteTimeout), p: p, o: o, sent: stream.Tally{Tell: p.Sent}}
	err := s.run(ctx)
	sent := s.sent.Total()
	switch {
	case errors.Is(err, stream.ErrEnded):
		return sent, nil
	case ctx.Err() != nil:
		return sent, context.Cause(ctx)
	}
	return sent, err
}

// watch cancels when the peer closes, which a player waiting for frames would
// not notice. It ends with a read deadline or the connection.
func watch(ctx context.Context, cancel context.CancelCauseFunc, conn net.Conn) <-chan struct{} {
	_ = conn.SetReadDeadline(time.Time{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		var b [256]byte
		for ctx.Err() == nil {
			if _, err := conn.Read(b[:]); err != nil {
				cancel(net.ErrClosed)
				return
			}
		}
	}()
	return done
}

type server struct {
	w      *BlockWriter
	p      *stream.Player
	o      Options
	blocks [][]byte
	sent   stream.Tally
}

func (s *server) run(ctx context.Context) error {
	r := s.p.Reader(stream.ReaderOptions{Merge: s.o.Merge, Audience: s.o.Audience, Gate: s.o.Gate})
	batch, err := r.Next(ctx, nil)
	if err != nil {
		return err
	}
	t, err := s.tracks(ctx, batch)
	if err != nil {
		return err
	}
	s.blocks = append(s.blocks, Header(t.Video != nil, t.Audio != nil))
	return r.Pump(ctx, s, batch)
}

// Write is a [stream.Sink]'s.
func (s *server) Write(frames []*stream.Frame) error {
	if len(frames) == 0 {
		return s.write(nil)
	}
	for some := range slices.Chunk(frames, MaxBlocks) {
		if err := s.write(some); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) write(frames []*stream.Frame) error {
	for _, f := range frames {
		s.blocks = append(s.blocks, Block(f))
	}
	n, err := s.w.WriteBlocks(s.blocks)
	s.blocks = s.blocks[:0]
	s.sent.Add(n)
	return err
}

// TryWrite is a [stream.Sink]'s.
func (s *server) TryWrite(frames []*stream.Frame) (stream.Taken, error) {
	if len(frames) > MaxBlocks {
		return stream.Busy, nil
	}
	for _, f := range frames {
		s.blocks = append(s.blocks, Block(f))
	}
	n, taken, err := s.w.TryWriteBlocks(s.blocks)
	s.blocks = s.blocks[:0]
	s.sent.Add(n)
	return taken, err
}

// CanTry is a [stream.Sink]'s.
func (s *server) CanTry() bool { return s.w.CanTry() }

// Touch is a [stream.Sink]'s.
func (s *server) Touch() int { return cap(s.blocks) + s.w.Touch() }

// tracks says what the header promises. Players that are promised audio wait for
// it, and others never look for it, so a stream that has just begun gets a moment
// to be complete.
func (s *server) tracks(ctx context.Context, batch []*stream.Frame) (*stream.Tracks, error) {
	first := batch[0]
	for _, f := range batch {
		if !f.Arrival.IsZero() {
			first = f
			break
		}
	}
	t := first.Tracks
	end := first.Arrival.Add(settle)
	tick := time.NewTicker(settle / 10)
	defer tick.Stop()
	for {
		if now := s.p.Tracks(s.o.Audience); now != nil {
			t = now
		}
		if t.Video != nil && t.Audio != nil || !time.Now().Before(end) {
			return t, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
