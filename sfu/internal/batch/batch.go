// Package batch sends UDP datagrams many at a time.
//
// A [Conn] stands between an ICE mux and its socket. Between Begin and End it
// collects what is written and hands it to the kernel in few system calls:
// sendmmsg for many destinations, and UDP segmentation offload (UDP_SEGMENT)
// for runs of datagrams to one destination, which the packets of a video frame
// are. Where the system has neither, every datagram is written by itself.
package batch

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
)

const (
	// maxEntries is how many runs go into one system call.
	maxEntries = 64

	// maxSegments and maxRun bound one run: the kernel takes no more datagrams
	// and no more bytes in one message.
	maxSegments = 64
	maxRun      = 65000

	// arenaSize holds what is collected before it is sent.
	arenaSize = 256 << 10
)

// run is one or more datagrams of equal size, but for a shorter last one, to
// one destination, back to back in the arena.
type run struct {
	to       netip.AddrPort
	from     int // offset in the arena
	bytes    int
	segment  int // size of all datagrams but the last
	segments int
	closed   bool // the last datagram was shorter, so none may follow
}

// buffer is what is collected for one system call.
type buffer struct {
	arena []byte
	runs  []run
	sys   sysBuffer
}

func newBuffer() *buffer {
	return &buffer{arena: make([]byte, 0, arenaSize), runs: make([]run, 0, maxEntries)}
}

func (b *buffer) full(n int) bool {
	return len(b.runs) == maxEntries || len(b.arena)+n > arenaSize
}

// add copies one datagram in.
func (b *buffer) add(p []byte, to netip.AddrPort, gso bool) {
	b.arena = append(b.arena, p...)
	b.claim(len(p), to, gso)
}

// claim makes the last n bytes of the arena a datagram.
func (b *buffer) claim(n int, to netip.AddrPort, gso bool) {
	if gso && len(b.runs) > 0 {
		r := &b.runs[len(b.runs)-1]
		if !r.closed && n <= r.segment && r.segments < maxSegments && r.bytes+n <= maxRun && r.to == to {
			r.bytes += n
			r.segments++
			r.closed = n < r.segment

			return
		}
	}
	b.runs = append(b.runs, run{to: to, from: len(b.arena) - n, bytes: n, segment: n, segments: 1})
}

func (b *buffer) reset() {
	b.arena, b.runs = b.arena[:0], b.runs[:0]
}

// Stats counts what a Conn has sent in batches.
type Stats struct {
	Datagrams uint64
	Messages  uint64 // runs of datagrams that the kernel took as one
	Calls     uint64 // system calls
	Errors    uint64 // runs the kernel refused
	Offload   bool   // segmentation offload is in use
}

// Conn is a net.PacketConn over a UDP socket. It is safe for concurrent use;
// datagrams to one destination written by one goroutine keep their order.
type Conn struct {
	*net.UDPConn
	sys sysConn

	gso atomic.Bool

	mu   sync.Mutex
	open int // Begins without their End
	cur  *buffer
	free []*buffer

	// sending is taken while mu is held and kept while the system call runs, so
	// that cur's buffers leave in the order in which they were filled.
	sending sync.Mutex

	datagrams, messages, calls, errors atomic.Uint64
}

// New makes a Conn of a socket, which it closes when it is closed itself.
func New(c *net.UDPConn) (*Conn, error) {
	b := &Conn{UDPConn: c, cur: newBuffer()}
	if err := b.setup(); err != nil {
		return nil, err
	}

	return b, nil
}

// Stats is a snapshot.
func (c *Conn) Stats() Stats {
	return Stats{
		Datagrams: c.datagrams.Load(), Messages: c.messages.Load(), Calls: c.calls.Load(), Errors: c.errors.Load(),
		Offload: c.gso.Load(),
	}
}

// Begin starts to collect datagrams. Every Begin needs its End soon after.
func (c *Conn) Begin() {
	if !supported {
		return
	}
	c.mu.Lock()
	c.open++
	c.mu.Unlock()
}

// End sends what has been collected, by anybody.
func (c *Conn) End() {
	if !supported {
		return
	}
	c.mu.Lock()
	c.open--
	c.flush()
}

// flush sends the current buffer. It is called with mu held and releases it.
func (c *Conn) flush() {
	full := c.cur
	if len(full.runs) == 0 {
		c.mu.Unlock()

		return
	}
	if n := len(c.free); n > 0 {
		c.cur, c.free = c.free[n-1], c.free[:n-1]
	} else {
		c.cur = newBuffer()
	}
	c.sending.Lock()
	c.mu.Unlock()
	c.send(full)
	full.reset()
	c.sending.Unlock()
	c.mu.Lock()
	if len(c.free) < 4 {
		c.free = append(c.free, full)
	}
	c.mu.Unlock()
}

// WriteToAddrPort writes or collects one datagram. An error of a collected one
// is not reported: to the sender it is a lost packet like any other.
func (c *Conn) WriteToAddrPort(p []byte, to netip.AddrPort) (int, error) {
	if !supported {
		return c.WriteToUDPAddrPort(p, to)
	}
	c.mu.Lock()
	if c.open == 0 || len(p) == 0 || len(p) > maxRun {
		c.mu.Unlock()

		return c.sendNow(p, to)
	}
	for c.cur.full(len(p)) {
		c.flush()
		c.mu.Lock()
	}
	c.cur.add(p, to, c.gso.Load())
	c.mu.Unlock()

	return len(p), nil
}

// WriteTo is WriteToAddrPort for other callers.
func (c *Conn) WriteTo(p []byte, to net.Addr) (int, error) {
	if a, ok := to.(*net.UDPAddr); ok {
		return c.WriteToAddrPort(p, a.AddrPort())
	}

	return c.UDPConn.WriteTo(p, to)
}

// sendSingly writes a run datagram by datagram.
func (c *Conn) sendSingly(b *buffer, r run) {
	data := b.arena[r.from : r.from+r.bytes]
	for len(data) > 0 {
		n := min(r.segment, len(data))
		c.calls.Add(1)
		if _, err := c.WriteToUDPAddrPort(data[:n], r.to); err != nil {
			c.errors.Add(1)

			return
		}
		data = data[n:]
	}
}
