package batch

import "net/netip"

// Writer collects datagrams for one goroutine and sends them with few system
// calls. Unlike a Conn between Begin and End it takes no lock, and a datagram is
// made in the place from which the kernel takes it.
type Writer struct {
	c   *Conn
	buf *buffer
}

// NewWriter makes a Writer that sends through the socket of c.
func (c *Conn) NewWriter() *Writer { return &Writer{c: c, buf: newBuffer()} }

// Room gives an empty slice with room for a datagram of up to n bytes, at most
// 65,000. It may send what has been collected. Fill the slice by appending,
// then give it to Add, before the next call of Room.
func (w *Writer) Room(n int) []byte {
	if w.buf.full(n) {
		w.Flush()
	}
	end := len(w.buf.arena)

	return w.buf.arena[end:end:cap(w.buf.arena)]
}

// Add collects what Room's slice has become.
func (w *Writer) Add(p []byte, to netip.AddrPort) {
	w.buf.arena = w.buf.arena[:len(w.buf.arena)+len(p)]
	w.buf.claim(len(p), to, w.c.gso.Load())
}

// Flush sends what has been collected. An error is not reported: to the sender
// it is a lost packet like any other.
func (w *Writer) Flush() {
	if len(w.buf.runs) > 0 {
		w.c.send(w.buf)
		w.buf.reset()
	}
}
