package e2e

import (
	"io"
	"net"
	"sync"
	"testing"
)

// gate is a way to the gateway's HTTP that a test can shut. Media does not go
// through it.
type gate struct {
	address string
	wg      sync.WaitGroup

	mu    sync.Mutex
	shut  bool
	conns map[net.Conn]bool
}

// newGate lets connections through to target until the test ends.
func newGate(t *testing.T, target string) *gate {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{address: l.Addr().String(), conns: map[net.Conn]bool{}}
	g.wg.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp4", target)
			if err != nil {
				in.Close()
				continue
			}
			g.pass(in, out)
		}
	})
	t.Cleanup(func() {
		l.Close()
		g.cut()
		g.wg.Wait()
	})
	return g
}

// pass carries a connection both ways, unless the gate is shut.
func (g *gate) pass(in, out net.Conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut {
		reset(in)
		out.Close()
		return
	}
	g.conns[in], g.conns[out] = true, true
	for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
		g.wg.Go(func() {
			io.Copy(way[0], way[1])
			reset(way[0])
			g.mu.Lock()
			delete(g.conns, way[0])
			g.mu.Unlock()
		})
	}
}

// cut breaks every connection and lets nobody in.
func (g *gate) cut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = true
	for c := range g.conns {
		reset(c)
	}
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = false
}

// reset closes a connection without a goodbye, as a network does that is gone.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	c.Close()
}
