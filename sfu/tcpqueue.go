package sfu

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	// tcpQueueBytes bounds what waits for one ICE-TCP peer: about a second of
	// a 2 Mb/s stream. Beyond it packets are refused, and the subscriber goes
	// on at the next keyframe.
	tcpQueueBytes = 256 << 10

	// tcpWriteTimeout is how long a peer may take nothing before it is dropped.
	tcpWriteTimeout = 10 * time.Second
)

var errQueueFull = errors.New("sfu: the connection's queue is full")

// queueListener gives every accepted connection a bounded queue, so that a slow
// TCP peer never holds up the goroutine that sends to all others.
type queueListener struct {
	net.Listener
	writers sync.WaitGroup

	mu     sync.Mutex
	open   map[*queueConn]struct{}
	closed bool
}

func newQueueListener(l net.Listener) *queueListener {
	return &queueListener{Listener: l, open: map[*queueConn]struct{}{}}
}

// Close stops accepting and closes the connections: those whose peer has not
// said yet whom it wants are in no mux's books, and would be waited for.
func (l *queueListener) Close() error {
	err := l.Listener.Close()
	l.mu.Lock()
	l.closed = true
	open := make([]*queueConn, 0, len(l.open))
	for q := range l.open {
		open = append(open, q)
	}
	l.mu.Unlock()
	for _, q := range open {
		_ = q.Close()
	}

	return err
}

func (l *queueListener) enter(q *queueConn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.open[q] = struct{}{}
	}

	return !l.closed
}

func (l *queueListener) leave(q *queueConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, q)
}

// find gives the open connection from an address, nil if there is none.
func (l *queueListener) find(remote netip.AddrPort) *queueConn {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for q := range l.open {
		a, ok := q.RemoteAddr().(*net.TCPAddr)
		if ok && a.AddrPort().Addr().Unmap() == remote.Addr() && a.AddrPort().Port() == remote.Port() {
			return q
		}
	}

	return nil
}

func (l *queueListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	q := &queueConn{Conn: c, l: l, ready: make(chan struct{}, 1), done: make(chan struct{})}
	if !l.enter(q) {
		_ = c.Close()

		return nil, net.ErrClosed
	}
	l.writers.Add(1)
	go func() {
		defer l.writers.Done()
		q.write()
	}()

	return q, nil
}

// queueConn is a net.Conn whose Write never blocks: it queues the whole of what
// it is given, or nothing and errQueueFull.
type queueConn struct {
	net.Conn
	l     *queueListener
	ready chan struct{}
	done  chan struct{}
	once  sync.Once

	mu    sync.Mutex
	queue [][]byte
	bytes int
}

func (q *queueConn) Write(b []byte) (int, error) {
	n, err := q.offer(bytes.Clone(b))
	if err == nil && n < len(b) {
		err = errQueueFull
	}

	return n, err
}

// offer is Write for a caller that lets go of b. It returns 0 where the queue is
// full.
func (q *queueConn) offer(b []byte) (int, error) {
	q.mu.Lock()
	if q.bytes+len(b) > tcpQueueBytes {
		q.mu.Unlock()

		return 0, nil
	}
	q.queue = append(q.queue, b)
	q.bytes += len(b)
	q.mu.Unlock()
	select {
	case q.ready <- struct{}{}:
	default:
	}

	return len(b), nil
}

// write sends what is queued until the connection is closed or stuck.
func (q *queueConn) write() {
	for {
		select {
		case <-q.done:
			return
		case <-q.ready:
		}
		q.mu.Lock()
		buffers := net.Buffers(q.queue)
		q.queue = nil
		q.mu.Unlock()
		var n int
		for _, b := range buffers {
			n += len(b)
		}
		_ = q.Conn.SetWriteDeadline(time.Now().Add(tcpWriteTimeout))
		if _, err := buffers.WriteTo(q.Conn); err != nil {
			_ = q.Close()

			return
		}
		q.mu.Lock()
		q.bytes -= n
		q.mu.Unlock()
	}
}

// SetWriteDeadline does nothing: Write does not wait.
func (q *queueConn) SetWriteDeadline(time.Time) error { return nil }

func (q *queueConn) SetDeadline(t time.Time) error { return q.Conn.SetReadDeadline(t) }

func (q *queueConn) Close() error {
	q.once.Do(func() {
		close(q.done)
		q.l.leave(q)
	})

	return q.Conn.Close()
}
