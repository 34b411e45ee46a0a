package httpapi

import (
	"net"
	"sync/atomic"
)

// limitedListener refuses connections past a limit at once. A connection stays
// a *net.TCPConn with a counter around its Close, so that players' vectored
// writes reach the kernel as such.
type limitedListener struct {
	net.Listener
	max     int64
	open    atomic.Int64
	refused func()
}

func newLimitedListener(ln net.Listener, max int, refused func()) net.Listener {
	return &limitedListener{Listener: ln, max: int64(max), refused: refused}
}

func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.open.Add(1) > l.max {
			l.open.Add(-1)
			l.refused()
			c.Close()
			continue
		}
		return &countedConn{TCPConn: c.(*net.TCPConn), l: l}, nil
	}
}

type countedConn struct {
	*net.TCPConn
	l      *limitedListener
	closed atomic.Bool
}

func (c *countedConn) Close() error {
	if c.closed.CompareAndSwap(false, true) {
		c.l.open.Add(-1)
	}
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
