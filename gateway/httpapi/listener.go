package httpapi

import (
	"net"
	"sync"
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
}

func (c *countedConn) Close() error {
	c.l.mu.Lock()
	delete(c.l.open, c)
	c.l.mu.Unlock()
	return c.TCPConn.Close()
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
