package mix

import (
	"context"
	"errors"
	"sync"
	"time"

	"hutong/bridge/h264"
)

var (
	errCanvas = errors.New("the anchor's picture has another shape")
	errAnchor = errors.New("the anchor's pictures are not being decoded")
	errRate   = errors.New("the inputs have more pictures a second than are encoded")
)

// paint encodes the mixed picture, with one ffmpeg after the other if need be.
func (m *mixdown) paint(ctx context.Context) {
	var p pauses
	for m.sighted(ctx) {
		began := time.Now()
		err := m.encode(ctx)
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, errCanvas) || errors.Is(err, errRate) || errors.Is(err, errIdle) {
			continue
		}
		m.blinded(ctx)
		if errors.Is(err, errAnchor) {
			continue
		}
		why := "the picture is not mixed at the moment: " + err.Error()
		m.session.failing.Store(&why)
		m.mixer.stats.encoderRestarts.Add(1)
		m.log.Warn("encoding the mix broke off; the anchor's own picture is shown and it is tried again", "error", err)
		p.after(ctx, began)
	}
}

// paceWithin is how long pictures wait for it to be known how often they come.
const paceWithin = 500 * time.Millisecond

// sighted waits for a decoded picture of the anchor, of the canvas's size, and one
// beside it; false when ctx has ended.
func (m *mixdown) sighted(ctx context.Context) bool {
	t := time.NewTicker(20 * time.Millisecond)
	defer t.Stop()
	var since time.Time
	for {
		if m.fit(); m.anchor.visible() && m.tiled() {
			if since.IsZero() {
				since = time.Now()
			}
			if m.paced() || time.Since(since) > paceWithin {
				m.yield(ctx, false)
				return ctx.Err() == nil
			}
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return false
		}
	}
}

// fit takes the canvas from the anchor's picture, when it has none yet or one of
// another shape.
func (m *mixdown) fit() {
	t := m.stream.Tracks()
	m.mu.Lock()
	defer m.mu.Unlock()
	if t == nil || t.Video == nil || m.canvas.divisor > 0 && m.canvas.fits(t.Video) {
		return
	}
	m.canvas = canvasFor(t.Video)
	for _, in := range m.order {
		if in == m.anchor {
			in.put(in.where(), m.canvas.size)
		} else {
			in.put(in.where(), m.canvas.tile(in.where()))
		}
	}
	m.log.Info("mixed picture", "width", m.canvas.width, "height", m.canvas.height)
}

func (m *mixdown) canvasNow() canvas {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.canvas
}

// encode runs one ffmpeg until it ends or has to; the error says why.
func (m *mixdown) encode(ctx context.Context) error {
	c := m.canvasNow()
	o := m.mixer.opts
	e, err := startEncoder(o.FFmpeg, c.size, m.rate(), o.Encoder, o.Limits)
	if err != nil {
		return err
	}
	m.mixer.processes.add(m, e.process)
	defer m.mixer.processes.remove(e.process)
	m.mixer.stats.pictures.Add(1)
	defer m.mixer.stats.pictures.Add(-1)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for _, work := range []func() error{
		func() error { return e.feed(ctx) },
		func() error {
			var config *h264.Config
			return e.drain(func(c *h264.Config) { config = c }, func(p packed) { m.encoded(config, p) })
		},
		func() error { return m.draw(ctx, e, c) },
	} {
		wg.Add(1)
		go func() {
			defer wg.Done()
			cancel(work())
		}()
	}
	look := time.NewTicker(time.Second)
	defer look.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-look.C:
			if e.hung() {
				cancel(errHung)
			}
		}
	}
	err = context.Cause(ctx)
	e.end()
	wg.Wait()
	if errors.Is(err, errCanvas) || errors.Is(err, errRate) || errors.Is(err, errAnchor) || errors.Is(err, errIdle) {
		return err
	}
	return e.why(err)
}

// leastRate is the fewest pictures a second that are encoded for, nominally.
const leastRate = 10

// rate is the pictures a second of the input that has most, within bounds.
func (m *mixdown) rate() int {
	most := max(m.mixer.opts.Encoder.MaxRate, 1)
	shortest := time.Second / time.Duration(most)
	interval := time.Duration(0)
	for _, in := range m.all() {
		in.mu.Lock()
		if i := in.interval; i > 0 && (interval == 0 || i < interval) {
			interval = i
		}
		in.mu.Unlock()
	}
	if interval == 0 {
		return min(15, most)
	}
	interval = max(interval, shortest)
	return min(max(int((time.Second+interval/2)/interval), leastRate), most)
}

// paced tells whether the rate of each input that is seen is known.
func (m *mixdown) paced() bool {
	for _, in := range m.all() {
		if !in.paced() && in.visible() {
			return false
		}
	}
	return true
}

// rateLook is how often the encoder's rate is compared with that of the inputs, and
// rateLooks how often in a row they must have a quarter more for another encoder.
const (
	rateLook  = time.Second
	rateLooks = 3
)

// draw gives the encoder a picture at each tick of its rate.
func (m *mixdown) draw(ctx context.Context, e *encoder, c canvas) error {
	interval := time.Second / time.Duration(e.rate)
	next, _ := m.now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	thrift := thrift{m: m, every: 1}
	useful, looked, more := time.Now(), time.Now(), 0
	last := next - time.Hour
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
		m.fit()
		switch tiled := m.tiled(); {
		case m.canvasNow() != c:
			return errCanvas
		case !m.anchor.visible():
			return errAnchor
		case tiled:
			useful = time.Now()
			m.yield(ctx, false)
		case time.Since(useful) > alone && m.yield(ctx, true):
			return errIdle
		}
		if time.Since(looked) > rateLook {
			looked = time.Now()
			if more++; m.rate()*4 < e.rate*5 {
				more = 0
			}
			if more == rateLooks {
				return errRate
			}
		}
		now, _ := m.now()
		if now-next > time.Second || next-now > time.Second {
			next = now // the clock has been set, or the machine slept
		}
		for ; next <= now; next += interval {
			if next <= now-interval || thrift.skip() {
				m.mixer.stats.dropped.Add(1)
				continue
			}
			select {
			case pix := <-e.free:
				at, fresh := m.compose(pix, c, next, last, interval)
				if !fresh {
					e.free <- pix
					continue
				}
				last = at
				e.queue <- unpacked{pix, at} // has room for all memory there is
			default:
				m.mixer.stats.dropped.Add(1)
			}
		}
		timer.Reset(min(next-now, 50*time.Millisecond))
	}
}

// compose paints what is due at a tick, give or take half of it, and returns the
// picture's time, which is the anchor's own where that is near and after last: it
// serves lip sync best. There is no fresh picture when the anchor's own is only
// late: its predecessor, in its place, would make all that follow late too.
func (m *mixdown) compose(pix []byte, c canvas, tick, last, interval time.Duration) (at time.Duration, fresh bool) {
	at, covered := m.anchor.draw(pix, c, tick+interval/2)
	if !covered {
		black(pix, c.size)
	}
	if covered && at <= last && tick-last < interval*3/2 && m.anchor.expected(interval) {
		return 0, false
	}
	if at <= last || at < tick-interval || at > tick+interval {
		at = max(tick, last+time.Millisecond)
	}
	for _, in := range m.all() {
		if in != m.anchor {
			in.draw(pix, c, at+interval/2)
		}
	}
	return at, true
}

// thrift keeps the ffmpegs of a mix within their share of the processor, by
// encoding every second, third, ... picture only.
type thrift struct {
	m     *mixdown
	every int
	n     int
	at    time.Time
	used  time.Duration
}

const (
	thriftEvery = 2 * time.Second
	thriftMost  = 5
)

func (t *thrift) skip() bool {
	if limit := t.m.mixer.opts.MaxCPU; limit > 0 && time.Since(t.at) > thriftEvery {
		used, _ := t.m.mixer.processes.cpu(t.m)
		if !t.at.IsZero() {
			t.judge(float64(used-t.used)/float64(time.Since(t.at)), limit)
		}
		t.at, t.used = time.Now(), used
	}
	t.n++
	return t.n%t.every != 0
}

func (t *thrift) judge(share, limit float64) {
	switch {
	case share > limit && t.every < thriftMost:
		t.every++
	case share < limit*0.6 && t.every > 1:
		t.every--
	}
}
