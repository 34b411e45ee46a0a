package record

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"hutong/bridge/stream"
)

const (
	// merge is how often a recorder wakes.
	merge = 100 * time.Millisecond
	// gatherTracks is how long a stream that has one track is given to show the
	// other, so that both are in one file.
	gatherTracks = 700 * time.Millisecond
	// interrupted is how long nothing has to come for another file to begin.
	interrupted = 3 * time.Second
	// diskRetry is how long a disk that failed is left alone.
	diskRetry = time.Second
	// straggle is how far sound may be behind the pictures that begin another file
	// and still go into the one before.
	straggle = time.Second
)

// recorder writes one stream into one file after another.
type recorder struct {
	r      *Recording
	s      *stream.Stream
	player *stream.Player
	who    Who
	log    *slog.Logger

	cancel context.CancelFunc
	over   chan struct{}
	mu     sync.Mutex // of cancel and over

	clock   Clock
	seg     *segment
	ended   time.Time      // the instant at which the newest file ends
	closing sync.WaitGroup // of the file before
	old     *segment       // takes the sound that belongs before seg
	early   []*stream.Frame
	last    time.Duration // media time of the newest frame
	lastAt  time.Time     // its arrival
	any     bool
	resumed time.Time // the end of the last pause
	needKey bool
	anew    bool // the clock is wrong: begin anew at the next keyframe
	dropped int  // by the reader, since the last look
	blocked time.Time
	refused string // the reason why the present configuration is not recorded
	tracks  *stream.Tracks
}

// stop ends the recorder, and returns when it has.
func (c *recorder) stop() {
	c.mu.Lock()
	cancel, over := c.cancel, c.over
	c.mu.Unlock()
	if cancel != nil {
		cancel()
		<-over
	}
}

func (c *recorder) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	over := make(chan struct{})
	c.mu.Lock()
	c.cancel, c.over = cancel, over
	c.mu.Unlock()
	defer close(over)
	defer cancel()
	defer func() { c.end(ctx.Err() != nil) }()
	live := false
	for {
		p := c.r.pauses()
		if p.paused {
			c.leave(GapPaused, p.since)
			live = true
			select {
			case <-p.asked:
			case <-ctx.Done():
				return
			}
			continue
		}
		reader := c.player.Reader(stream.ReaderOptions{MaxLag: c.r.o.MaxLag, LiveOnly: live, Merge: merge, Audience: c.r.meta.Mixed, OnDrop: func(n int) { c.dropped += n }})
		if live {
			c.needKey = true
		}
		c.resumed = p.since
		if !c.read(ctx, reader, p) {
			return
		}
	}
}

// read takes frames until the recording is paused, which returns true, or the
// stream ends.
func (c *recorder) read(ctx context.Context, reader *stream.Reader, p pauses) bool {
	var batch []*stream.Frame
	for {
		limited, done := context.WithTimeout(ctx, c.r.o.Fragment)
		var err error
		batch, err = reader.Next(limited, batch)
		done()
		if err != nil && (ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded)) {
			return false
		}
		now := c.r.pauses()
		if c.dropped > 0 {
			c.behind()
		}
		for _, f := range batch {
			if now.paused && !f.Arrival.Before(now.since) {
				break
			}
			if f.Config || f.Arrival.Before(p.since) {
				continue
			}
			c.frame(f)
		}
		clear(batch)
		if now.asked != p.asked {
			return true
		}
		c.flush(err != nil)
	}
}

// behind notes frames that were dropped because the disk was too slow.
func (c *recorder) behind() {
	c.r.o.OnDrop(c.dropped)
	c.log.Warn("the disk is too slow for the recording; frames are lost", "frames", c.dropped)
	if c.seg != nil {
		c.seg.dropped += c.dropped
	}
	c.dropped = 0
	c.leave(GapBehind, c.now())
}

func (c *recorder) now() time.Time { return c.r.instant(time.Now()) }

// instantOf is when a media time was, by the clock.
func (c *recorder) instantOf(at time.Duration) time.Time {
	return c.r.instant(c.s.Created().Add(at + c.clock.Offset()))
}

func (c *recorder) frame(f *stream.Frame) {
	if c.any && f.DTS-c.last > interrupted {
		c.leave(GapNoPublisher, c.now())
		c.clock = Clock{}
	}
	c.any, c.last, c.lastAt = true, max(c.last, f.DTS), f.Arrival
	var span time.Duration
	if f.Kind == stream.Audio && f.Tracks.Audio != nil && f.Tracks.Audio.SampleRate > 0 {
		span = time.Duration(samplesOf(f.Tracks.Audio)) * time.Second / time.Duration(f.Tracks.Audio.SampleRate)
	}
	c.clock.See(f.Arrival, c.s.Created().Add(f.DTS), span)
	c.anew = c.anew || c.clock.Off(f.Arrival)
	if c.underway(f) {
		return
	}
	if c.seg == nil {
		c.start(f)
		return
	}
	if c.clock.Settling(f.Arrival) {
		c.seg.offset = c.clock.Offset()
		c.seg.zero = c.instantOf(c.seg.base)
	}
	c.turn(f)
	if c.seg != nil {
		c.put(f)
	}
}

// underway tells whether a frame was made in a pause and has come after it: what is
// to be left out is what was shown then. A clock that is wrong is not believed for
// long.
func (c *recorder) underway(f *stream.Frame) bool {
	return c.seg == nil && f.Arrival.Sub(c.resumed) < interrupted && c.instantOf(f.DTS).Before(c.r.instant(c.resumed))
}

// start gathers the first frames until the tracks are known, and begins a file.
func (c *recorder) start(f *stream.Frame) {
	if time.Now().Before(c.blocked) || c.refused != "" && f.Tracks == c.tracks {
		return
	}
	c.refused = ""
	if f.Kind == stream.Video && c.needKey {
		if !f.Key {
			return
		}
		c.needKey = false
	}
	c.early = append(c.early, f)
	whole := f.Tracks.Video != nil && f.Tracks.Audio != nil
	if !whole && f.DTS-c.early[0].DTS < gatherTracks && len(c.early) < 128 {
		return
	}
	frames := c.early
	c.early = nil
	base := frames[0].DTS
	for _, e := range frames {
		base = min(base, e.DTS)
	}
	if !c.open(f.Tracks, base) {
		return
	}
	for _, e := range frames {
		if c.seg != nil {
			c.put(e)
		}
	}
}

// open begins a file. Its zero is the media time base.
func (c *recorder) open(tr *stream.Tracks, base time.Duration) bool {
	if c.anew {
		c.anew = false
		least := c.clock.least(c.lastAt)
		c.clock = Clock{}
		c.clock.See(c.lastAt, c.lastAt.Add(-least), 0)
	}
	zero := c.instantOf(base)
	seg, err := c.begin(tr, base, zero)
	if err != nil {
		c.trouble(err, tr, zero)
		return false
	}
	c.seg = seg
	return true
}

// begin writes a file down before it is there, so that a crash leaves none that
// nobody knows.
func (c *recorder) begin(tr *stream.Tracks, base time.Duration, zero time.Time) (*segment, error) {
	if err := c.r.o.Space(); err != nil {
		return nil, err
	}
	file := File{Name: c.r.fileName(c.s.Name), Stream: c.s.Name, Who: c.who, StartedAt: zero.UTC()}
	if err := c.r.journal.add(entry{link: link{Kind: kindOpen}, Open: &file}); err != nil {
		return nil, err
	}
	seg, err := newSegment(filepath.Join(c.r.dir, file.Name), tr, base, zero, c.clock.Offset())
	if err != nil {
		return nil, err
	}
	return seg, c.r.found(c.s.Name, zero)
}

// turn begins another file where this frame does not belong into the one that is
// open, or that has grown enough.
func (c *recorder) turn(f *stream.Frame) {
	tr := f.Tracks
	key := f.Kind == stream.Video && f.Key
	switch {
	case f.Kind == stream.Audio && tr.Audio != c.seg.tracks.Audio:
		// Sound has come, or is another kind.
		c.finish()
		c.needKey = tr.Video != nil
		c.s.Source().RequestKeyframe()
		c.open(tr, f.DTS)
	case key && tr.Video != c.seg.tracks.Video, key && c.anew, f.Kind == stream.Audio && tr.Video == nil && c.seg.tracks.Video != nil:
		c.rotate(tr, f.DTS)
	case key || tr.Video == nil:
		o := c.r.o
		long := o.SplitAfter > 0 && f.DTS-c.seg.base >= o.SplitAfter-merge // keyframes are some ms early
		if long || o.SplitBytes > 0 && c.seg.size >= o.SplitBytes || c.anew {
			c.rotate(tr, f.DTS)
		}
	}
}

// rotate goes over to another file. The one before still takes the sound that is
// older.
func (c *recorder) rotate(tr *stream.Tracks, base time.Duration) {
	c.finishOld()
	old := c.seg
	c.seg = nil
	if c.open(tr, base) && tr.Audio == old.tracks.Audio && tr.Audio != nil {
		c.old = old
		return
	}
	c.whole(old)
}

// put writes a frame into the file that it belongs to.
func (c *recorder) put(f *stream.Frame) {
	if c.old != nil && (f.DTS >= c.seg.base+straggle || f.Kind == stream.Audio && f.DTS >= c.seg.base) {
		c.finishOld()
	}
	seg := c.seg
	switch {
	case f.Kind == stream.Audio && c.old != nil:
		seg = c.old
	case f.Kind == stream.Audio && seg.audio == nil, f.Kind == stream.Video && seg.video == nil:
		return // from before the tracks were known
	case f.Kind == stream.Video && f.Tracks.Video != seg.tracks.Video:
		return // up to its keyframe
	case f.Kind == stream.Video && c.needKey:
		if !f.Key {
			return
		}
		c.needKey = false
	}
	before := seg.size
	if err := seg.write(f, c.clock.Offset()); err != nil {
		c.failed(err)
		return
	}
	c.r.o.OnWrite(int(seg.size - before))
}

// flush writes what has been gathered, if it is enough or nothing more comes.
func (c *recorder) flush(idle bool) {
	if c.seg == nil || !idle && c.seg.gathered() < c.r.o.Fragment {
		return
	}
	err := c.r.o.Space()
	before := c.seg.size
	if err == nil {
		err = c.seg.flush()
	}
	if err != nil {
		c.failed(err)
		return
	}
	c.r.o.OnWrite(int(c.seg.size - before))
}
