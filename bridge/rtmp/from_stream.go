package rtmp

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/yutopp/go-rtmp/message"

	"hutong/bridge/flv"
	"hutong/bridge/stream"
)

// blockStreamID is the message stream id in shared blocks; nearly every client's
// first stream has it.
const blockStreamID = 1

// block returns a frame as one chunked RTMP message, made once for all players.
func block(f *stream.Frame) []byte { return f.Block(stream.BlockRTMP, buildBlock) }

func buildBlock(f *stream.Frame) []byte {
	m := Message{Type: typeVideo, StreamID: blockStreamID, Timestamp: uint32(f.DTS.Milliseconds()), Body: f.Body}
	switch f.Kind {
	case stream.Audio:
		m.Type = typeAudio
	case stream.Meta:
		// With another timestamp ffmpeg takes metadata for a subtitle.
		m.Type, m.Timestamp, m.Body = typeData, 0, flv.Metadata(f.Tracks)
	}
	return appendMessage(make([]byte, 0, chunkedSize(len(m.Body), writeChunkSize)), chunkStreamFor(m.Type), m, writeChunkSize)
}

// playing is one play on a message stream. Its goroutine ends when the stream
// does, when it is stopped, or when the peer cannot be written to.
type playing struct {
	c     *conn
	id    uint32
	req   Request
	merge time.Duration
	// audience gets the stream's composition.
	audience bool
	resume   bool // after a pause: nothing to announce

	cancel context.CancelCauseFunc
	done   chan struct{}
	cut    bool // ended by cancel; read after done
	player *stream.Player
	sent   stream.Tally
	blocks [][]byte
	own    []byte // blocks patched for another message stream id
}

// play answers NetStream.play (RTMP 7.2.2.1). Start and duration are for
// recordings and mean nothing here.
func (c *conn) play(ns *netStream, name string) error {
	c.release(ns, true, nil)
	r, err := c.request(name, false)
	if err != nil {
		return c.refusePlay(ns.id, "not_found", codePlayNotFound, err)
	}
	path, err := c.authorize(r)
	if err != nil {
		return c.refusePlay(ns.id, "play", codePlayFailed, err)
	}
	if path == "" {
		path = r.Query.Get("path")
	}
	standard := path == PathStandard || path != PathLive && c.s.cfg.StandardPath
	var merge time.Duration
	if standard {
		merge = c.s.cfg.StandardMerge
	}
	if err := c.user(&message.UserCtrlEventStreamBegin{StreamID: ns.id}); err != nil {
		return err
	}
	c.startPlaying(ns, r, merge, c.s.cfg.Audience(r), false)
	return nil
}

func (c *conn) refusePlay(id uint32, reason, code string, err error) error {
	c.s.cfg.Observer.Refused(reason)
	c.log.Info("play refused", "app", c.session.app, "err", err)
	return c.status(id, levelError, code, err.Error())
}

func (c *conn) startPlaying(ns *netStream, r Request, merge time.Duration, audience, resume bool) {
	ctx, cancel := context.WithCancelCause(c.ctx)
	p := &playing{c: c, id: ns.id, req: r, merge: merge, audience: audience, resume: resume, cancel: cancel, done: make(chan struct{})}
	p.sent.Tell = p.told
	ns.play = p
	c.enter()
	go p.run(ctx)
}

// pause holds a play or lets it go on, from the newest keyframe: live media does
// not wait.
func (c *conn) pause(ns *netStream, hold bool) error {
	p := ns.play
	if p == nil {
		return nil
	}
	p.stop()
	if hold {
		return c.status(ns.id, levelStatus, codePause, "paused")
	}
	if err := c.status(ns.id, levelStatus, codeUnpause, "going on"); err != nil {
		return err
	}
	c.startPlaying(ns, p.req, p.merge, p.audience, true)
	return nil
}

// stop ends the play and waits for its goroutine. It returns whether the play was
// cut short, and so did not tell the peer of its end.
func (p *playing) stop() bool {
	p.cancel(nil)
	<-p.done
	return p.cut
}

func (p *playing) run(ctx context.Context) {
	defer close(p.done)
	defer p.c.leave()
	defer p.cancel(nil)
	defer p.c.s.cfg.Watch(p.req, func(err error) { p.cancel(turnedOut{err}) })()
	err := p.serve(ctx)
	switch {
	case errors.As(context.Cause(ctx), new(turnedOut)):
		p.bye()
	case ctx.Err() != nil:
		p.cut = true
	case errors.Is(err, stream.ErrEnded):
		p.bye()
	case errors.Is(err, stream.ErrNotFound):
		_ = p.c.refusePlay(p.id, "not_found", codePlayNotFound, err)
	case errors.Is(err, stream.ErrTooMany), errors.Is(err, stream.ErrClosed):
		_ = p.c.refusePlay(p.id, "play", codePlayFailed, err)
	default:
		p.c.stop(errWrite)
	}
}

// turnedOut ends a play by the gateway's will.
type turnedOut struct{ error }

// bye tells a player that its stream is over.
func (p *playing) bye() {
	_ = p.c.status(p.id, levelStatus, codePlayUnpublish, p.req.Name+" is no longer published")
	_ = p.c.user(&message.UserCtrlEventStreamEOF{StreamID: p.id})
	_ = p.c.status(p.id, levelStatus, codePlayStop, p.req.Name+" has ended")
}

func (p *playing) serve(ctx context.Context) error {
	s, err := p.c.s.cfg.Registry.Wait(ctx, p.req.Name, p.c.s.cfg.PlayWait)
	if err != nil {
		return err
	}
	if p.player, err = s.Play(stream.RTMP); err != nil {
		return err
	}
	defer p.player.Close()
	// Whoever has been told that the stream plays misses nothing of what is sent from then on.
	r := p.player.Reader(stream.ReaderOptions{Merge: p.merge, Audience: p.audience, Gate: p.gate()})
	if !p.resume {
		if err := p.c.status(p.id, levelStatus, codePlayReset, "playing "+p.req.Name); err != nil {
			return err
		}
		if err := p.c.status(p.id, levelStatus, codePlayStart, "started "+p.req.Name); err != nil {
			return err
		}
	}
	log := p.c.log.With("stream", p.req.Name, "protocol", "rtmp")
	log.Info("player joined")
	began := time.Now()
	err = r.Pump(ctx, p, nil)
	log.Info("player left", "bytes", p.sent.Total(), "seconds", int(time.Since(began).Seconds()), "reason", cmp.Or(context.Cause(ctx), err))
	return err
}

// gate is what withholds frames from the player.
func (p *playing) gate() stream.Gate {
	if p.c.s.cfg.Gate == nil {
		return nil
	}
	return p.c.s.cfg.Gate(p.req)
}

// Write is a [stream.Sink]'s.
func (p *playing) Write(frames []*stream.Frame) error {
	if len(frames) == 0 {
		return p.write(nil)
	}
	for some := range slices.Chunk(frames, flv.MaxBlocks) {
		if err := p.write(some); err != nil {
			return err
		}
	}
	return nil
}

func (p *playing) write(frames []*stream.Frame) error {
	for _, f := range frames {
		p.blocks = append(p.blocks, block(f))
	}
	if p.id != blockStreamID {
		p.patch()
	}
	n, err := p.c.w.WriteBlocks(p.blocks)
	p.blocks = p.blocks[:0]
	p.sent.Add(n)
	return err
}

// TryWrite is a [stream.Sink]'s.
func (p *playing) TryWrite(frames []*stream.Frame) (stream.Taken, error) {
	if len(frames) > flv.MaxBlocks {
		return stream.Busy, nil
	}
	for _, f := range frames {
		p.blocks = append(p.blocks, block(f))
	}
	n, taken, err := p.c.w.TryWriteBlocks(p.blocks)
	p.blocks = p.blocks[:0]
	p.sent.Add(n)
	return taken, err
}

// CanTry is a [stream.Sink]'s. Patched blocks are in a buffer that is used again.
func (p *playing) CanTry() bool { return p.id == blockStreamID && p.c.w.CanTry() }

// Touch is a [stream.Sink]'s.
func (p *playing) Touch() int { return int(p.id) + cap(p.blocks) + p.c.w.Touch() }

// told counts what has been sent to the player.
func (p *playing) told(n int) {
	p.player.Sent(n)
	p.c.s.cfg.Observer.BytesOut(n)
}

// patch copies the blocks and puts the play's own message stream id in.
func (p *playing) patch() {
	size := 0
	for _, b := range p.blocks {
		size += len(b)
	}
	if cap(p.own) < size {
		p.own = make([]byte, 0, size)
	}
	own := p.own[:0]
	for i, b := range p.blocks {
		at := len(own)
		own = append(own, b...)
		binary.LittleEndian.PutUint32(own[at+streamIDOffset:], p.id)
		p.blocks[i] = own[at:]
	}
}
