package flv

import (
	"runtime"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const canTry = true

// writev is one vectored write that does not wait. Its function is kept, so that
// writing does not allocate.
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

// write makes the system call as one that cannot block, so that the scheduler
// takes no notice of it.
func (v *writev) write(fd uintptr) {
	for {
		n, _, err := syscall.RawSyscall(unix.SYS_WRITEV, fd, uintptr(unsafe.Pointer(&v.vec)), uintptr(v.n))
		if err != syscall.EINTR {
			v.n, v.err = int(n), err
			return
		}
	}
}

// tryWritev writes as much of at most MaxBlocks blocks as the socket takes.
func tryWritev(raw syscall.RawConn, blocks [][]byte) (int, error) {
	v := writevs.Get().(*writev)
	defer writevs.Put(v)
	v.n = len(blocks)
	for i, b := range blocks {
		v.vec[i].Base = unsafe.SliceData(b)
		v.vec[i].SetLen(len(b))
	}
	err := raw.Control(v.call)
	runtime.KeepAlive(blocks)
	clear(v.vec[:len(blocks)])
	switch {
	case err != nil:
		return 0, err
	case v.err == syscall.EAGAIN:
		return 0, nil
	case v.err != 0:
		return 0, v.err
	}
	return v.n, nil
}
