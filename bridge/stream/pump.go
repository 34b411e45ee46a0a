package stream

import (
	"context"
	"slices"
)

// Sink is a player's connection. It is used by one goroutine at a time.
type Sink interface {
	// Write waits until the connection has taken what TryWrite kept, and frames.
	Write(frames []*Frame) error
	// TryWrite writes what the connection takes at once. The sink keeps the rest
	// and says Kept, or takes none of the frames and says Busy: either way Write
	// is called next.
	TryWrite(frames []*Frame) (Taken, error)
	// CanTry tells whether TryWrite may be called at all.
	CanTry() bool
	// Touch reads what TryWrite will read first. It may return anything.
	Touch() int
}

// Taken is what became of frames that a [Sink] was to write without waiting.
type Taken uint8

const (
	Written Taken = iota // all of them
	Kept                 // a part; the sink has the others
	Busy                 // none
)

// Pump writes frames to a player, those in first before all others, until the
// stream has ended (ErrEnded), the sink fails, or ctx is done. A player that
// keeps up is written to by a goroutine that it shares with others; whenever its
// connection does not take everything at once, its own waits for it.
func (r *Reader) Pump(ctx context.Context, sink Sink, first []*Frame) error {
	batch := first
	st := &seat{r: r, sink: sink, back: make(chan struct{}, 1)}
	for {
		if err := sink.Write(batch); err != nil {
			return err
		}
		clear(batch)
		if r.keepsUp() && sink.CanTry() {
			r.s.r.shards.enter(st)
			select {
			case <-st.back:
			case <-ctx.Done():
				st.leave()
				return ctx.Err()
			}
			if st.err != nil {
				return st.err
			}
			if err := sink.Write(st.left); err != nil {
				return err
			}
			st.left = nil
		}
		var err error
		if batch, err = r.Next(ctx, batch); err != nil {
			return err
		}
	}
}

// keepsUp says that the reader has had everything, or will with its next turn.
func (r *Reader) keepsUp() bool {
	return r.caughtUp && (r.opts.Merge > 0 || r.cur.next.Load() == nil)
}

// seat is a player's place among those that a shard writes for.
type seat struct {
	r    *Reader
	sink Sink
	row  *row
	at   int           // in the row; -1 outside
	back chan struct{} // the player's goroutine is to go on:
	left []*Frame      // with what the sink was too busy for,
	err  error         // or not at all
}

// touch reads what serve will need, in each line of the cache. Since the last
// frame the kernel's memory has taken its place there, and serve would wait for
// one thing after the other; of several players the core fetches all at once.
func (st *seat) touch() int {
	r := st.r
	return int(r.opts.Merge) + int(r.cur.seq) + int(r.last[Video-1]) + st.sink.Touch()
}

// serve writes what there is for a player. It says whether that may go on.
func (st *seat) serve(s *shard) bool {
	r := st.r
	log := r.log
	s.batch = r.take(s.batch[:0])
	if len(s.batch) > 0 {
		taken, err := st.sink.TryWrite(s.batch)
		switch {
		case err != nil:
			st.err = err
			return false
		case taken == Busy:
			st.left = slices.Clone(s.batch)
			return false
		case taken == Kept:
			return false
		}
	}
	return r.log == log && !log.ended.Load()
}

// leave takes the player out if it has not been given back meanwhile.
func (st *seat) leave() {
	w := st.row
	w.mu.Lock()
	inside := st.at >= 0
	if inside {
		w.remove(st)
	}
	w.mu.Unlock()
	if inside {
		w.shard.leave(w)
	}
}
