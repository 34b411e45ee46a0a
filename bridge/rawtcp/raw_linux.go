package rawtcp

import (
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Writer is a connection that can be written to without waiting.
type Writer struct{ raw syscall.RawConn }

// NewWriter returns nil where that is not possible.
func NewWriter(c *net.TCPConn) *Writer {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil
	}
	return &Writer{raw}
}

// Touch reads what TryWritev will read first, so that it is in the cache by then.
// It may return anything.
func (w *Writer) Touch() int {
	if w.raw == nil {
		return 0
	}
	return 1
}

// writev is one vectored write. Its function is kept, so that writing does not
// allocate.
type writev struct {
	vec  [MaxBlocks]unix.Iovec
	n    int // of vec; then bytes written
	err  syscall.Errno
	call func(fd uintptr)
}

var writevs = sync.Pool{New: func() any {
	v := &writev{}
	v.call = v.write
	return v
}}

func (v *writev) write(fd uintptr) {
	for {
		n, _, err := syscall.RawSyscall(unix.SYS_WRITEV, fd, uintptr(unsafe.Pointer(&v.vec)), uintptr(v.n))
		if err != syscall.EINTR {
			v.n, v.err = int(n), err
			return
		}
	}
}

// TryWritev writes as much of at most MaxBlocks blocks as the connection takes at
// once, perhaps nothing. It takes no heed of deadlines.
func (w *Writer) TryWritev(blocks [][]byte) (int, error) {
	v := writevs.Get().(*writev)
	defer writevs.Put(v)
	v.n = len(blocks)
	for i, b := range blocks {
		v.vec[i].Base = unsafe.SliceData(b)
		v.vec[i].SetLen(len(b))
	}
	err := w.raw.Control(v.call)
	runtime.KeepAlive(blocks)
	clear(v.vec[:len(blocks)])
	switch {
	case err != nil:
		return 0, err
	case v.err == syscall.EAGAIN:
		return 0, nil
	case v.err != 0:
		return 0, os.NewSyscallError("writev", v.err)
	}
	return v.n, nil
}

type reader struct {
	raw  syscall.RawConn
	b    []byte
	n    int
	err  syscall.Errno
	call func(fd uintptr) bool
}

// NewReader returns a reader of c, for one goroutine. It heeds c's deadlines.
func NewReader(c *net.TCPConn) io.Reader {
	raw, err := c.SyscallConn()
	if err != nil {
		return c
	}
	r := &reader{raw: raw}
	r.call = r.read
	return r
}

func (r *reader) read(fd uintptr) bool {
	for {
		n, _, err := syscall.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(unsafe.SliceData(r.b))), uintptr(len(r.b)))
		if err != syscall.EINTR {
			r.n, r.err = int(n), err
			return err != syscall.EAGAIN
		}
	}
}

// Read is an io.Reader's.
func (r *reader) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	r.b = b
	err := r.raw.Read(r.call)
	r.b = nil
	switch {
	case err != nil:
		return 0, err
	case r.err != 0:
		return 0, os.NewSyscallError("read", r.err)
	case r.n == 0:
		return 0, io.EOF
	}
	return r.n, nil
}
