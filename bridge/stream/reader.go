package stream

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// ErrEnded is what [Reader.Next] returns when the stream has ended.
var ErrEnded = errors.New("stream ended")

// maxBatch bounds the frames one Next returns, and so one vectored write.
const maxBatch = 256

// mergeTurns is how many crowds the merging readers of a process are split into.
const mergeTurns = 8

var (
	mergeEpoch = time.Now()
	mergeTurn  atomic.Uint32 // of the next reader
)

// ReaderOptions say how a player reads.
type ReaderOptions struct {
	// Merge trades delay for fewer writes: frames are handed out at most once
	// per Merge. Zero hands them out at once, or, to one of a crowd of players,
	// within 30 ms.
	Merge time.Duration
	// MaxLag is how far, in media time, a player may be behind before it loses
	// frames up to a keyframe. Zero takes the stream's.
	MaxLag time.Duration
	// OnDrop is told how many frames were skipped for lag.
	OnDrop func(frames int)
	// LiveOnly begins at the live edge, not at the cached keyframe.
	LiveOnly bool
	// Audience reads the stream's composition where it has one; see
	// [Stream.Compose].
	Audience bool
	// Gate withholds frames; nil withholds none.
	Gate Gate

	joinAge time.Duration // do not begin at a keyframe older than this; 0: any
}

// Reader is one player's place in a stream's frames. It is used by one goroutine
// at a time.
type Reader struct {
	s    *Stream
	log  *Log // of the stream, or of its composition
	opts ReaderOptions

	cur      *Frame
	tracks   *Tracks
	caughtUp bool
	joinLag  time.Duration
	waitKey  bool
	shut     bool // the gate was, for pictures
	handed   bool // something, already
	turn     uint32
	timer    *time.Timer
	last     [Meta]time.Duration // of an audience: the newest time of each kind
}

func newReader(s *Stream, o ReaderOptions) *Reader {
	r := &Reader{s: s, log: s.log, opts: o, turn: mergeTurn.Add(1) % mergeTurns}
	if o.Audience {
		if r.follow(); r.log != s.log {
			return r
		}
	}
	head, _ := r.log.newest()
	r.cur = head
	if !o.LiveOnly {
		r.cur = r.log.start()
	}
	if first := r.cur.next.Load(); first != nil {
		r.joinLag = head.DTS - first.DTS
		if o.joinAge > 0 && r.joinLag > o.joinAge {
			r.cur = head
		}
	}
	r.waitKey = r.cur == head
	return r
}

// Next waits for frames and appends all that are there, up to a bound, to
// batch[:0]. Sequence headers and metadata come as frames of their own, before
// the first frame they apply to. It returns ErrEnded when the stream has ended,
// or the context's error.
func (r *Reader) Next(ctx context.Context, batch []*Frame) ([]*Frame, error) {
	batch = batch[:0]
	if err := r.pause(ctx); err != nil {
		return batch, err
	}
	for {
		if batch = r.take(batch); len(batch) > 0 {
			return batch, nil
		}
		if err := r.wait(ctx); err != nil {
			return batch, err
		}
	}
}

// take appends what is there, up to a bound.
func (r *Reader) take(batch []*Frame) []*Frame {
	if r.opts.Audience {
		r.follow()
	}
	r.skipLag()
	for len(batch) < maxBatch {
		f := r.cur.next.Load()
		if f == nil {
			r.caughtUp = true
			break
		}
		r.cur = f
		if r.open(f) {
			batch = r.add(batch, f)
		}
	}
	r.handed = r.handed || len(batch) > 0
	return batch
}

func (r *Reader) wait(ctx context.Context) error {
	wake, alive := r.log.wait(r.cur)
	defer r.log.waiting.Add(-1)
	if !alive {
		if r.log != r.s.log {
			return nil // the composition has ended, the stream may not have
		}
		return ErrEnded
	}
	select {
	case <-wake:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pause holds a merging reader until its next turn. Turns are at times that many
// readers share: an idle machine then wakes for a crowd a few times in a Merge,
// not for each player.
func (r *Reader) pause(ctx context.Context) error {
	if r.opts.Merge <= 0 || !r.handed {
		return nil
	}
	phase := r.opts.Merge * time.Duration(r.turn) / mergeTurns
	d := r.opts.Merge - (time.Since(mergeEpoch)+phase)%r.opts.Merge
	if r.timer == nil {
		r.timer = time.NewTimer(d)
	} else {
		r.timer.Reset(d)
	}
	select {
	case <-r.timer.C:
		return nil
	case <-ctx.Done():
		r.timer.Stop()
		return ctx.Err()
	}
}

// skipLag moves a reader that has fallen behind to the newest keyframe, or,
// when that is not ahead of it, to the live edge to wait for one.
func (r *Reader) skipLag() {
	first := r.cur.next.Load()
	if first == nil || first.next.Load() == nil {
		return
	}
	bound := r.opts.MaxLag
	if !r.caughtUp {
		bound += r.joinLag
	}
	if r.log.head.Load().DTS-first.DTS <= bound {
		return
	}
	head, key := r.log.newest()
	to := head
	if key != nil && key.seq > r.cur.seq && head.DTS-key.DTS <= bound {
		to = key
	}
	if to.seq <= r.cur.seq {
		return
	}
	if r.opts.OnDrop != nil {
		r.opts.OnDrop(int(to.seq - r.cur.seq))
	}
	r.cur, r.waitKey = to, true
}

func (r *Reader) add(batch []*Frame, f *Frame) []*Frame {
	if f.Tracks != r.tracks {
		batch = r.headers(batch, f)
	}
	if f.Kind == Video {
		if r.waitKey && !f.Key {
			return batch
		}
		r.waitKey = false
	}
	if r.opts.Audience {
		if f = r.smooth(f); f == nil {
			return batch
		}
	}
	return append(batch, f)
}

// headers tells a player what changed: metadata once at the start and on every
// change, and the sequence headers that are new.
func (r *Reader) headers(batch []*Frame, f *Frame) []*Frame {
	old, now := r.tracks, f.Tracks
	r.tracks = now
	if now == nil {
		return batch
	}
	if old == nil {
		old = &Tracks{}
	}
	at := func(kind Kind) time.Duration {
		if last := r.last[kind-1]; last > 0 {
			return last
		}
		return f.DTS
	}
	batch = append(batch, &Frame{Kind: Meta, Config: true, DTS: f.DTS, PTS: f.DTS, Tracks: now})
	if now.Video != nil && now.Video != old.Video {
		batch = append(batch, &Frame{Kind: Video, Config: true, Key: true, DTS: at(Video), PTS: at(Video), Tracks: now, Body: videoHeader(now.Video)})
	}
	if now.Audio != nil && now.Audio != old.Audio {
		batch = append(batch, &Frame{Kind: Audio, Config: true, DTS: at(Audio), PTS: at(Audio), Tracks: now, Body: audioHeader(now.Audio)})
	}
	return batch
}
