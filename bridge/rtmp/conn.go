package rtmp

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/yutopp/go-rtmp/message"

	"hutong/bridge/flv"
	"hutong/bridge/rawtcp"
)

// conn is one peer. Its goroutine reads and answers; each play has a second one
// that writes.
type conn struct {
	s      *Server
	nc     net.Conn
	raw    *net.TCPConn
	secure bool
	remote string
	log    *slog.Logger

	in    *byteCounter
	r     *chunkReader
	w     *flv.BlockWriter
	chunk int // what we write with
	armed time.Time

	ackEvery uint64
	acked    uint64
	observed uint64

	session session

	ctx    context.Context
	cancel context.CancelFunc

	mu       sync.Mutex
	stopped  error // why the connection has to end
	active   int   // publications and plays
	idleFrom time.Time
}

var (
	errIdle  = errors.New("neither published nor played in time")
	errWrite = errors.New("peer does not take what is sent")
)

// byteCounter counts what arrives, for acknowledgements and metrics. It is used
// by the reading goroutine only.
type byteCounter struct {
	r io.Reader
	n uint64
}

func (b *byteCounter) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.n += uint64(n)
	return n, err
}

func newConn(s *Server, nc net.Conn, raw *net.TCPConn, secure bool) *conn {
	c := &conn{s: s, nc: nc, raw: raw, secure: secure, remote: nc.RemoteAddr().String(),
		in: &byteCounter{r: quietReader(nc)}, chunk: defaultChunkSize, ackEvery: ackWindow, idleFrom: time.Now()}
	c.log = s.cfg.Log.With("remote", c.remote)
	c.r = newChunkReader(bufio.NewReaderSize(c.in, 4<<10), maxMessageBefore)
	c.w = flv.NewBlockWriter(nc, raw, s.cfg.WriteTimeout)
	c.ctx, c.cancel = context.WithCancel(s.ctx)
	c.session.streams = map[uint32]*netStream{}
	return c
}

// quietReader reads a plain connection with less ado.
func quietReader(nc net.Conn) io.Reader {
	if t, ok := nc.(*net.TCPConn); ok {
		return rawtcp.NewReader(t)
	}
	return nc
}

func (c *conn) serve() {
	c.s.cfg.Observer.ConnOpened()
	err := c.run()
	c.s.cfg.Observer.BytesIn(int(c.in.n - c.observed))
	reason := c.end(err)
	c.s.cfg.Observer.ConnClosed(reason)
	c.log.Debug("connection closed", "reason", reason, "err", err)
}

func (c *conn) run() error {
	end := time.Now().Add(c.s.cfg.HandshakeTimeout)
	// A TLS handshake writes while it is read for.
	_ = c.nc.SetWriteDeadline(end)
	c.deadline(end)
	if err := acceptHandshake(c.r.r, c.w); err != nil {
		if errors.Is(err, ErrBadInput) {
			c.s.cfg.Observer.BadInput("handshake")
		}
		return err
	}
	for {
		if err := c.await(); err != nil {
			return err
		}
		m, err := c.r.readMessage()
		if err != nil {
			if errors.Is(err, ErrBadInput) {
				c.s.cfg.Observer.BadInput("chunk")
			}
			return err
		}
		if err := c.acknowledge(); err != nil {
			return err
		}
		if err := c.handle(m); err != nil {
			return err
		}
	}
}

// await sets the read deadline for the next message. A publisher has ReadTimeout
// for each message, a peer that does neither the rest of its HandshakeTimeout; a
// player need not send anything, and is pinged when it does not.
func (c *conn) await() error {
	for {
		now := time.Now()
		if c.session.publications > 0 {
			if now.Sub(c.armed) > c.s.cfg.ReadTimeout/4 {
				c.armed = now
				c.deadline(now.Add(c.s.cfg.ReadTimeout))
			}
			return nil
		}
		c.armed = time.Time{}
		idle, since := c.idle()
		end := now.Add(c.s.cfg.ReadTimeout)
		if idle {
			if end = since.Add(c.s.cfg.HandshakeTimeout); !now.Before(end) {
				return errIdle
			}
		}
		c.deadline(end)
		_, err := c.r.r.Peek(1)
		if err == nil {
			if !idle {
				c.deadline(time.Now().Add(c.s.cfg.ReadTimeout))
			}
			return nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) || c.stopReason() != nil {
			return err
		}
		if !idle {
			c.user(&message.UserCtrlEventPingRequest{Timestamp: uint32(now.UnixMilli())})
		}
	}
}

// deadline moves the read deadline, unless stop has put it into the past.
func (c *conn) deadline(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped == nil {
		_ = c.nc.SetReadDeadline(t)
	}
}

// stop makes the connection end: its goroutine wakes, tells the peer and closes.
// It does not wait.
func (c *conn) stop(reason error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped == nil {
		c.stopped = reason
		c.cancel()
		_ = c.nc.SetReadDeadline(time.Unix(1, 0))
	}
}

func (c *conn) stopReason() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stopped
}

func (c *conn) idle() (bool, time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.active == 0, c.idleFrom
}

// enter and leave count publications and plays. When the last has ended, the
// peer has HandshakeTimeout to begin another.
func (c *conn) enter() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.active++
}

func (c *conn) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.active--; c.active == 0 {
		c.idleFrom = time.Now()
		if c.stopped == nil {
			_ = c.nc.SetReadDeadline(c.idleFrom.Add(c.s.cfg.HandshakeTimeout))
		}
	}
}

// acknowledge tells the peer how much has arrived (RTMP 5.4.3).
func (c *conn) acknowledge() error {
	n := c.in.n
	if n-c.observed >= 64<<10 {
		c.s.cfg.Observer.BytesIn(int(n - c.observed))
		c.observed = n
	}
	if n-c.acked < c.ackEvery {
		return nil
	}
	c.acked = n
	return c.control(&message.Ack{SequenceNumber: uint32(n)})
}

// send writes one message. A failed write ends the connection.
func (c *conn) send(m Message) error {
	b := appendMessage(make([]byte, 0, chunkedSize(len(m.Body), c.chunk)), chunkStreamFor(m.Type), m, c.chunk)
	n, err := c.w.Write(b)
	c.s.cfg.Observer.BytesOut(n)
	if err != nil {
		c.stop(errWrite)
	}
	return err
}

func (c *conn) control(m message.Message) error {
	var b bytes.Buffer
	if err := message.NewEncoder(&b).Encode(m); err != nil {
		return err
	}
	return c.send(Message{Type: m.TypeID(), Body: b.Bytes()})
}

func (c *conn) user(e message.UserCtrlEvent) error {
	return c.control(&message.UserCtrl{Event: e})
}

func (c *conn) command(streamID uint32, name string, id int64, args ...any) error {
	return c.send(Message{Type: typeCommand, StreamID: streamID, Body: encodeCommand(name, id, args...)})
}

func (c *conn) status(streamID uint32, level, code, description string) error {
	return c.send(Message{Type: typeCommand, StreamID: streamID, Body: statusBody(level, code, description)})
}

// end lets go of everything, says goodbye where there is somebody to hear it, and
// returns the reason for metrics.
func (c *conn) end(err error) string {
	c.cancel()
	stopped := c.stopReason()
	polite := stopped != nil && !errors.Is(stopped, errWrite)
	if !polite {
		// Wakes a play that is writing to a peer that has gone.
		c.nc.Close()
	}
	for _, ns := range c.session.streams {
		c.release(ns, false, stopped)
	}
	if polite {
		code, level := codeConnectClosed, levelStatus
		if !errors.Is(stopped, ErrShutdown) {
			level = levelError
		}
		_ = c.status(0, level, code, stopped.Error())
		c.linger()
	}
	switch {
	case errors.Is(stopped, ErrShutdown):
		return "shutdown"
	case errors.Is(stopped, errWrite):
		return "write"
	case stopped != nil:
		return "kicked"
	case errors.Is(err, io.EOF):
		return "closed"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, errIdle):
		return "timeout"
	case errors.Is(err, ErrBadInput):
		c.log.Info("bad RTMP", "err", err)
		return "bad_input"
	}
	return "error"
}

// linger closes in order: what was written has to arrive, which it would not if
// the peer's unread media made the close a reset.
func (c *conn) linger() {
	defer c.nc.Close()
	half, ok := c.nc.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	_ = c.nc.SetReadDeadline(time.Now().Add(time.Second))
	_, _ = io.CopyN(io.Discard, c.nc, 8<<20)
}
