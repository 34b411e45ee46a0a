//go:build linux && (amd64 || arm64)

package batch

import (
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// receiveEntries is how many datagrams one system call may bring: more than
	// a frame has, which is what comes at once.
	receiveEntries = 16

	// receiveSize is more than any path lets through (RFC 8899 is not used), and
	// as much as ICE's mux reads.
	receiveSize = 8192
)

// receiver reads datagrams many at a time.
type receiver struct {
	mu       sync.Mutex
	messages [receiveEntries]mmsghdr
	iovecs   [receiveEntries]unix.Iovec
	names    [receiveEntries][unix.SizeofSockaddrInet6]byte
	data     [receiveEntries][receiveSize]byte
	n, next  int // messages there are, and the next to hand out
	err      syscall.Errno
	call     func(fd uintptr) bool
}

// recvmmsg makes one system call that does not wait, and of which the scheduler
// takes no notice. It reports whether there is an answer.
func (r *receiver) recvmmsg(fd uintptr) bool {
	for i := range r.messages {
		h := &r.messages[i].hdr
		r.iovecs[i].Base = &r.data[i][0]
		r.iovecs[i].SetLen(receiveSize)
		h.Iov = &r.iovecs[i]
		h.SetIovlen(1)
		h.Name, h.Namelen = &r.names[i][0], unix.SizeofSockaddrInet6
	}
	for {
		n, _, e := syscall.RawSyscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&r.messages)), receiveEntries,
			unix.MSG_DONTWAIT, 0, 0)
		if e == syscall.EINTR {
			continue
		}
		if r.next, r.err = 0, e; e == 0 {
			r.n = int(n)
		}

		return e != syscall.EAGAIN
	}
}

// ReadFromAddrPort reads one datagram. What is longer than b is cut.
func (c *Conn) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	r := &c.sys.in
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.next == r.n {
		if r.call == nil {
			r.call = r.recvmmsg
		}
		r.n, r.next = 0, 0
		if err := c.sys.raw.Read(r.call); err != nil {
			return 0, netip.AddrPort{}, err
		}
		if r.err != 0 {
			return 0, netip.AddrPort{}, &net.OpError{Op: "read", Net: "udp", Source: c.LocalAddr(), Err: r.err}
		}
	}
	i := r.next
	r.next++
	n := copy(b, r.data[i][:r.messages[i].n])

	return n, addrPort(&r.names[i]), nil
}

// addrPort reads a sockaddr_in or sockaddr_in6.
func addrPort(name *[unix.SizeofSockaddrInet6]byte) netip.AddrPort {
	port := binary.BigEndian.Uint16(name[2:])
	if binary.NativeEndian.Uint16(name[:]) == unix.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(name[4:8])), port)
	}
	ip := netip.AddrFrom16([16]byte(name[8:24]))
	if scope := binary.NativeEndian.Uint32(name[24:]); scope != 0 {
		if i, err := net.InterfaceByIndex(int(scope)); err == nil {
			ip = ip.WithZone(i.Name)
		}
	}

	return netip.AddrPortFrom(ip, port)
}
