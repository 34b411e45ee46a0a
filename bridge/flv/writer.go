package flv

import (
	"net"
	"sync"
	"time"

	"hutong/bridge/rawtcp"
	"hutong/bridge/stream"
)

// Send buffer bounds in bytes. A stalled peer keeps at most this much in the
// kernel, where no frame can be skipped any more.
const (
	sendBufferFirst = 128 << 10
	sendBufferMax   = 2 << 20
	// sendBufferSpan is how much media a send buffer may hold.
	sendBufferSpan = 2 * time.Second
	// lookEvery is after how many bytes the bitrate is looked at: less often than
	// there are writes, since the clock costs as well.
	lookEvery = sendBufferFirst
)

// MaxBlocks is how many frames a player writes at once. A whole group of pictures
// in one call would leave each player a slice of its size for good.
const MaxBlocks = rawtcp.MaxBlocks

// BlockWriter writes shared blocks to one connection: many in one system call on
// TCP, each call with a deadline. Both frame protocols use it. Its methods may be
// called from several goroutines; what one call writes stays together.
type BlockWriter struct {
	// What TryWriteBlocks needs comes first, see Touch.
	direct *rawtcp.Writer // to conn, where it is TCP itself
	mu     sync.Mutex
	rest   net.Buffers // what TryWriteBlocks has kept
	total  int64
	looked int64 // total when the bitrate was last looked at

	conn    net.Conn
	tcp     *net.TCPConn // under conn, for its send buffer; nil if there is none
	timeout time.Duration
	armed   time.Time
	bufs    net.Buffers
	flat    []byte

	sndbuf  int
	rated   time.Time
	ratedAt int64
}

// NewBlockWriter returns a writer to conn whose writes have to come through
// within about timeout. raw is the TCP connection under conn, if conn is a
// wrapper such as TLS; nil if there is none.
func NewBlockWriter(conn net.Conn, raw *net.TCPConn, timeout time.Duration) *BlockWriter {
	w := &BlockWriter{conn: conn, tcp: raw, timeout: timeout}
	if t, ok := conn.(*net.TCPConn); ok {
		raw, w.tcp = t, t
		w.direct = rawtcp.NewWriter(t)
	}
	if raw != nil {
		w.sndbuf = sendBufferFirst
		// A kernel that refuses keeps its own bound.
		_ = raw.SetWriteBuffer(w.sndbuf)
		_ = raw.SetNoDelay(true)
	}
	return w
}

// Write writes b.
func (w *BlockWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if err := w.arm(now); err != nil {
		return 0, err
	}
	if _, err := w.flush(); err != nil {
		return 0, err
	}
	n, err := w.conn.Write(b)
	w.total += int64(n)
	return n, err
}

// WriteBlocks writes what TryWriteBlocks has kept, and blocks in order. It
// returns the bytes written. It clears the slice's entries: what was sent must
// not stay alive for a player that waits.
func (w *BlockWriter) WriteBlocks(blocks [][]byte) (int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer clear(blocks)
	now := time.Now()
	if err := w.arm(now); err != nil {
		return 0, err
	}
	kept, err := w.flush()
	if err != nil || len(blocks) == 0 {
		return kept, err
	}
	n, err := w.send(blocks)
	w.total += n
	w.fit(now)
	return kept + n, err
}

// flush writes what has been kept. Callers hold mu.
func (w *BlockWriter) flush() (int64, error) {
	if len(w.rest) == 0 {
		return 0, nil
	}
	n, err := w.rest.WriteTo(w.conn)
	w.total += n
	return n, err
}

// CanTry tells whether TryWriteBlocks can be used: the connection is plain TCP.
func (w *BlockWriter) CanTry() bool { return w.direct != nil }

// Touch reads what TryWriteBlocks will read first; see [stream.Sink].
func (w *BlockWriter) Touch() int {
	if w.direct == nil {
		return 0
	}
	return w.direct.Touch()
}

// TryWriteBlocks writes blocks in order as far as the connection takes them at
// once. What is left is kept, and goes before whatever is written next; nothing
// is written or kept when the answer is [stream.Busy]. It clears the slice's
// entries otherwise, and returns the bytes written.
func (w *BlockWriter) TryWriteBlocks(blocks [][]byte) (int64, stream.Taken, error) {
	if w.direct == nil || len(blocks) > MaxBlocks || !w.mu.TryLock() {
		return 0, stream.Busy, nil
	}
	defer w.mu.Unlock()
	if len(w.rest) > 0 {
		return 0, stream.Busy, nil
	}
	defer clear(blocks)
	n, err := w.direct.TryWritev(blocks)
	if err != nil {
		return 0, stream.Kept, err
	}
	w.total += int64(n)
	if w.total-w.looked >= lookEvery {
		w.fit(time.Now())
	}
	for i, left := 0, n; i < len(blocks); i++ {
		if left < len(blocks[i]) {
			w.rest = append(net.Buffers{blocks[i][left:]}, blocks[i+1:]...)
			return int64(n), stream.Kept, nil
		}
		left -= len(blocks[i])
	}
	return int64(n), stream.Written, nil
}

func (w *BlockWriter) send(blocks [][]byte) (int64, error) {
	if len(blocks) == 1 {
		n, err := w.conn.Write(blocks[0])
		return int64(n), err
	}
	if _, ok := w.conn.(*net.TCPConn); !ok {
		return w.sendFlat(blocks)
	}
	// A field, because what WriteTo is called on escapes.
	w.bufs = blocks
	n, err := w.bufs.WriteTo(w.conn)
	w.bufs = nil
	return n, err
}

// sendFlat joins blocks up to a TLS record's worth, where a vectored write would
// be one record and one system call for each.
func (w *BlockWriter) sendFlat(blocks [][]byte) (int64, error) {
	const record = 16 << 10
	var total int64
	flush := func() error {
		n, err := w.conn.Write(w.flat)
		total += int64(n)
		w.flat = w.flat[:0]
		return err
	}
	for _, b := range blocks {
		for len(b) > 0 {
			if w.flat == nil {
				w.flat = make([]byte, 0, record)
			}
			n := min(len(b), record-len(w.flat))
			w.flat = append(w.flat, b[:n]...)
			b = b[n:]
			if len(w.flat) == record {
				if err := flush(); err != nil {
					return total, err
				}
			}
		}
	}
	if len(w.flat) == 0 {
		return total, nil
	}
	return total, flush()
}

// arm moves the write deadline, but not on every write: a quarter of the timeout
// is precise enough, and a deadline costs as much as a small write.
func (w *BlockWriter) arm(now time.Time) error {
	if now.Sub(w.armed) < w.timeout/4 {
		return nil
	}
	w.armed = now
	return w.conn.SetWriteDeadline(now.Add(w.timeout))
}

// fit lets the send buffer grow with the bitrate, measured over seconds.
func (w *BlockWriter) fit(now time.Time) {
	w.looked = w.total
	if w.tcp == nil || w.sndbuf >= sendBufferMax {
		return
	}
	if w.rated.IsZero() {
		w.rated, w.ratedAt = now, w.total
		return
	}
	d := now.Sub(w.rated)
	if d < 3*time.Second {
		return
	}
	want := int(float64(w.total-w.ratedAt) * float64(sendBufferSpan) / float64(d))
	w.rated, w.ratedAt = now, w.total
	if want = min(want, sendBufferMax); want > w.sndbuf {
		w.sndbuf = want
		_ = w.tcp.SetWriteBuffer(want)
	}
}
