package httpapi

import (
	"crypto/tls"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// limitedListener refuses connections past a limit at once. A connection stays
// a *net.TCPConn with a counter around its Close, so that players' vectored
// writes reach the kernel as such.
type limitedListener struct {
	net.Listener
	max     int
	refused func()

	mu   sync.Mutex
	open map[*countedConn]struct{}
}

func newLimitedListener(ln net.Listener, max int, refused func()) *limitedListener {
	return &limitedListener{Listener: ln, max: max, refused: refused, open: map[*countedConn]struct{}{}}
}

func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		counted := &countedConn{TCPConn: c.(*net.TCPConn), l: l}
		if !l.enter(counted) {
			l.refused()
			c.Close()
			continue
		}
		return counted, nil
	}
}

func (l *limitedListener) enter(c *countedConn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.open) >= l.max {
		return false
	}
	l.open[c] = struct{}{}
	return true
}

// closeAll cuts the connections that are left, such as those that browsers keep
// for a next request.
func (l *limitedListener) closeAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.open {
		c.TCPConn.Close()
	}
}

type countedConn struct {
	*net.TCPConn
	l *limitedListener
	// early says that the answer was sent before all of the request was read.
	early atomic.Bool
}

func (c *countedConn) Close() error {
	if c.early.Load() {
		c.linger()
	}
	c.l.mu.Lock()
	delete(c.l.open, c)
	c.l.mu.Unlock()
	return c.TCPConn.Close()
}

const (
	// lingerTime and lingerBytes bound what is read and thrown away of a request
	// that has been refused.
	lingerTime  = 2 * time.Second
	lingerBytes = 16 << 20
)

// linger lets a client that is still sending come to read the answer. Closing at
// once would reset the connection, and with it the answer (RFC 9112 §9.6).
func (c *countedConn) linger() {
	if c.CloseWrite() != nil || c.SetReadDeadline(time.Now().Add(lingerTime)) != nil {
		return
	}
	io.CopyN(io.Discard, c.TCPConn, lingerBytes)
}

// answersEarly notes that the request on a connection is answered before it has
// been read.
func answersEarly(c net.Conn) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	if counted, ok := c.(*countedConn); ok {
		counted.early.Store(true)
	}
}

// rawConn finds the TCP connection under what fasthttp hands over, for writev.
func rawConn(c net.Conn) net.Conn {
	if u, ok := c.(interface{ UnsafeConn() net.Conn }); ok {
		c = u.UnsafeConn()
	}
	if counted, ok := c.(*countedConn); ok {
		return counted.TCPConn
	}
	return c
}
