package mix

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"hutong/bridge/stream"
)

const (
	// firstPause and lastPause bound the pause before ffmpeg is started again; it
	// doubles each time, until one has run for goodRun.
	firstPause = 500 * time.Millisecond
	lastPause  = 30 * time.Second
	goodRun    = 30 * time.Second
	// decoderLag is how far a decoder may be behind before it loses pictures.
	decoderLag = time.Second
)

// pauses are the pauses between attempts.
type pauses struct{ next time.Duration }

// after waits before the next attempt, one having begun at began.
func (p *pauses) after(ctx context.Context, began time.Time) {
	if p.next == 0 || time.Since(began) > goodRun {
		p.next = firstPause
	}
	rest(ctx, p.next)
	p.next = min(2*p.next, lastPause)
}

var (
	errResize = errors.New("the tile has another size")
	errIdle   = errors.New("there is no picture beside the anchor's")
	errHung   = fmt.Errorf("no output for %v", ioTimeout)
)

// watch decodes the stream's pictures until it ends, with one ffmpeg after the
// other if need be.
func (in *input) watch(ctx context.Context, player *stream.Player) {
	var p pauses
	for {
		if in == in.m.anchor && !in.m.awaitTiles(ctx) {
			return
		}
		began := time.Now()
		err := in.decode(ctx, player)
		switch {
		case ctx.Err() != nil, errors.Is(err, stream.ErrEnded):
			return
		case errors.Is(err, errResize):
			continue
		case errors.Is(err, errIdle):
			in.lost()
			continue
		}
		in.lost()
		in.m.mixer.stats.decoderRestarts.Add(1)
		in.log.Warn("decoding for the mix broke off; it is tried again", "error", err)
		p.after(ctx, began)
	}
}

// lost makes an anchor without pictures known, so that its own are passed on.
func (in *input) lost() {
	if in == in.m.anchor {
		in.mu.Lock()
		in.gallery.clear()
		in.mu.Unlock()
	}
}

// decode runs one ffmpeg, from the first picture there is, which may be the cached
// keyframe, to an error that says why it ended.
func (in *input) decode(ctx context.Context, player *stream.Player) error {
	r := player.Reader(stream.ReaderOptions{MaxLag: decoderLag})
	batch, err := firstVideo(ctx, r)
	if err != nil {
		return err
	}
	if in == in.m.anchor {
		in.m.fit()
	}
	d, err := startDecoder(in.m.mixer.opts.FFmpeg, in.nextSize(), in.m.mixer.opts.Limits)
	if err != nil {
		return err
	}
	in.m.mixer.processes.add(in.m, d.process)
	defer in.m.mixer.processes.remove(d.process)
	ctx, cancel := context.WithCancelCause(ctx)
	var wg sync.WaitGroup
	wg.Add(2)
	go func() {
		defer wg.Done()
		cancel(in.collect(d))
	}()
	go func() {
		defer wg.Done()
		cancel(in.supervise(ctx, d))
		d.end() // lets go of who reads and who writes
	}()
	for err == nil {
		for _, f := range batch {
			if f.Kind == stream.Video && err == nil {
				err = d.feed(f)
			}
		}
		clear(batch)
		if err == nil {
			batch, err = r.Next(ctx, batch)
		}
	}
	cancel(err)
	wg.Wait()
	switch err = context.Cause(ctx); {
	case errors.Is(err, stream.ErrEnded), errors.Is(err, errResize), errors.Is(err, errIdle), errors.Is(err, context.Canceled):
		return err
	}
	return d.why(err)
}

// firstVideo reads up to the first frames with a picture: an input without
// pictures needs no ffmpeg.
func firstVideo(ctx context.Context, r *stream.Reader) (batch []*stream.Frame, err error) {
	for {
		if batch, err = r.Next(ctx, batch); err != nil {
			return nil, err
		}
		for _, f := range batch {
			if f.Kind == stream.Video {
				return batch, nil
			}
		}
	}
}

// nextSize is the size to decode to from now on.
func (in *input) nextSize() size {
	in.mu.Lock()
	defer in.mu.Unlock()
	select {
	case <-in.resize:
	default:
	}
	return in.size
}

// supervise returns when the decoder has to end, and why.
func (in *input) supervise(ctx context.Context, d *decoder) error {
	look := time.NewTicker(time.Second)
	defer look.Stop()
	useful := time.Now()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-in.resize:
			return errResize
		case now := <-look.C:
			if d.hung() {
				return errHung
			}
			if in != in.m.anchor || in.m.tiled() {
				useful = now
			}
			if now.Sub(useful) > idle {
				return errIdle
			}
		}
	}
}

// idle is how long an anchor's pictures are decoded with none beside them.
const idle = 15 * time.Second

// collect hangs the decoder's pictures up in the gallery.
func (in *input) collect(d *decoder) error {
	for {
		in.mu.Lock()
		pix := in.gallery.blank(d.size.bytes())
		in.mu.Unlock()
		pts, err := d.read(pix)
		if err != nil {
			return err
		}
		in.mu.Lock()
		in.gallery.add(&picture{size: d.size, pix: pix, pts: pts})
		in.seen = time.Now()
		in.mu.Unlock()
	}
}

// draw lays what the input shows at a time of the mix into a picture, and returns
// its time on the input's timeline, or that it shows nothing.
func (in *input) draw(pix []byte, c canvas, at time.Duration) (pts time.Duration, shown bool) {
	media, ok := in.m.back(in, at)
	if !ok {
		return 0, false
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	p := in.gallery.turn(media)
	if p == nil || p.size != in.size || in != in.m.anchor && time.Since(in.seen) > still {
		return 0, false
	}
	lay(pix, c.size, p, in.place.X/c.divisor, in.place.Y/c.divisor)
	return p.pts, true
}

// expected tells whether the input has a picture for each tick of a rate, and has not
// stopped sending.
func (in *input) expected(interval time.Duration) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.interval > 0 && in.interval < interval*3/2 && time.Since(in.seen) < 3*interval
}

// visible tells whether the input shows a picture of the size it should have.
func (in *input) visible() bool {
	at, ok := in.m.now()
	media, ok2 := in.m.back(in, at)
	in.mu.Lock()
	defer in.mu.Unlock()
	if !ok || !ok2 {
		return false
	}
	p := in.gallery.turn(media)
	return p != nil && p.size == in.size && (in == in.m.anchor || time.Since(in.seen) <= still)
}

func (in *input) layer() int { return in.where().Layer }

func (in *input) where() Input {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.place
}
