//go:build linux && (amd64 || arm64)

package batch

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const supported = true

// mmsghdr is struct mmsghdr of sendmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
	_   [4]byte
}

// controlSize is the room for one UDP_SEGMENT control message: a header and a
// 16-bit value, padded.
var controlSize = unix.CmsgSpace(2)

// sysBuffer is the kernel's view of a buffer. It is filled anew for every call.
type sysBuffer struct {
	messages [maxEntries]mmsghdr
	iovecs   [maxEntries]unix.Iovec
	names    [maxEntries][unix.SizeofSockaddrInet6]byte
	control  []byte

	// One call: what it sends and what came of it. try and wait are kept so that
	// sending does not allocate.
	msgs []mmsghdr
	sent int
	err  syscall.Errno
	try  func(fd uintptr)
	wait func(fd uintptr) bool
}

// sysConn is the socket as system calls want it.
type sysConn struct {
	raw syscall.RawConn
	six bool // an IPv6 socket
	in  receiver
}

func (c *Conn) setup() error {
	raw, err := c.SyscallConn()
	if err != nil {
		return fmt.Errorf("batch: the socket cannot be used directly: %w", err)
	}
	c.sys.raw = raw
	if a, ok := c.LocalAddr().(*net.UDPAddr); ok {
		c.sys.six = a.IP.To4() == nil
	}
	var probe error
	if err := raw.Control(func(fd uintptr) {
		_, probe = unix.GetsockoptInt(int(fd), unix.IPPROTO_UDP, unix.UDP_SEGMENT)
	}); err != nil {
		return fmt.Errorf("batch: the socket cannot be used directly: %w", err)
	}
	c.gso.Store(probe == nil)

	return nil
}

// sendmmsg makes one system call that does not wait, and of which the scheduler
// takes no notice: it prepares ordinary ones for the case that they block, which
// on a machine that is not busy starts its monitor thread anew for each.
func (s *sysBuffer) sendmmsg(fd uintptr) {
	n, _, e := syscall.RawSyscall6(unix.SYS_SENDMMSG, fd,
		uintptr(unsafe.Pointer(unsafe.SliceData(s.msgs))), uintptr(len(s.msgs)), unix.MSG_DONTWAIT, 0, 0)
	s.sent, s.err = int(n), e
}

// call sends what it can. Only a full socket has it take the lock that net keeps
// for writers, and wait.
func (s *sysBuffer) call(raw syscall.RawConn) error {
	if s.try == nil {
		s.try = s.sendmmsg
		s.wait = func(fd uintptr) bool {
			s.sendmmsg(fd)

			return s.err != syscall.EAGAIN
		}
	}
	if err := raw.Control(s.try); err != nil || s.err != syscall.EAGAIN {
		return err
	}

	return raw.Write(s.wait)
}

// single is one datagram on its way. Its function is kept, so that sending does
// not allocate.
type single struct {
	p    []byte
	name [unix.SizeofSockaddrInet6]byte
	size uint32
	err  syscall.Errno
	call func(fd uintptr)
}

var singles = sync.Pool{New: func() any {
	s := &single{}
	s.call = s.sendto

	return s
}}

func (s *single) sendto(fd uintptr) {
	_, _, s.err = syscall.RawSyscall6(unix.SYS_SENDTO, fd, uintptr(unsafe.Pointer(unsafe.SliceData(s.p))), uintptr(len(s.p)),
		unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(&s.name)), uintptr(s.size))
}

// sendNow sends one datagram like net does, which is asked only where this does
// not go at once.
func (c *Conn) sendNow(p []byte, to netip.AddrPort) (int, error) {
	if len(p) == 0 || !to.IsValid() || c.sys.six != to.Addr().Is6() {
		return c.WriteToUDPAddrPort(p, to)
	}
	s := singles.Get().(*single)
	s.p, s.size = p, c.sockaddr(&s.name, to)
	err := c.sys.raw.Control(s.call)
	sent := err == nil && s.err == 0
	s.p = nil
	singles.Put(s)
	if !sent {
		return c.WriteToUDPAddrPort(p, to)
	}

	return len(p), nil
}

// send hands a buffer to the kernel.
func (c *Conn) send(b *buffer) {
	c.fill(b)
	s := &b.sys
	for done := 0; done < len(b.runs); {
		s.msgs = b.sys.messages[done:len(b.runs)]
		c.calls.Add(1)
		if err := s.call(c.sys.raw); err != nil {
			c.errors.Add(uint64(len(s.msgs))) // the socket is closed

			break
		}
		switch {
		case s.err == 0:
			sum := 0
			for _, r := range b.runs[done : done+s.sent] {
				sum += r.segments
			}
			c.datagrams.Add(uint64(sum))
			c.messages.Add(uint64(s.sent))
			done += max(s.sent, 1)
		case s.err == syscall.EINTR:
		case b.runs[done].segments > 1:
			// EIO: the card cannot checksum segments, so it never will. EINVAL
			// and others: this run is not to its path's liking.
			if s.err == syscall.EIO {
				c.gso.Store(false)
			}
			c.datagrams.Add(uint64(b.runs[done].segments))
			c.sendSingly(b, b.runs[done])
			done++
		default:
			c.errors.Add(1)
			done++
		}
	}
	s.msgs = nil
	runtime.KeepAlive(b)
}

// fill describes the runs to the kernel.
func (c *Conn) fill(b *buffer) {
	if b.sys.control == nil {
		b.sys.control = make([]byte, maxEntries*controlSize)
	}
	for i := range b.runs {
		r := &b.runs[i]
		iov := &b.sys.iovecs[i]
		iov.Base = &b.arena[r.from]
		iov.SetLen(r.bytes)
		h := &b.sys.messages[i].hdr
		h.Name = &b.sys.names[i][0]
		h.Namelen = c.sockaddr(&b.sys.names[i], r.to)
		h.Iov = iov
		h.SetIovlen(1)
		h.Control, h.Controllen = nil, 0
		if r.segments > 1 {
			control := b.sys.control[i*controlSize : (i+1)*controlSize]
			cmsg := (*unix.Cmsghdr)(unsafe.Pointer(&control[0]))
			cmsg.Level, cmsg.Type = unix.IPPROTO_UDP, unix.UDP_SEGMENT
			cmsg.SetLen(unix.CmsgLen(2))
			binary.NativeEndian.PutUint16(control[unix.CmsgLen(0):], uint16(r.segment))
			h.Control = &control[0]
			h.SetControllen(controlSize)
		}
	}
}

// sockaddr writes a destination as the socket's family wants it and returns its
// length.
func (c *Conn) sockaddr(out *[unix.SizeofSockaddrInet6]byte, to netip.AddrPort) uint32 {
	clear(out[:])
	binary.BigEndian.PutUint16(out[2:], to.Port())
	if !c.sys.six {
		binary.NativeEndian.PutUint16(out[:], unix.AF_INET)
		ip := to.Addr().Unmap().As4()
		copy(out[4:], ip[:])

		return unix.SizeofSockaddrInet4
	}
	binary.NativeEndian.PutUint16(out[:], unix.AF_INET6)
	ip := to.Addr().As16()
	copy(out[8:], ip[:])
	if zone := to.Addr().Zone(); zone != "" {
		if i, err := net.InterfaceByName(zone); err == nil {
			binary.NativeEndian.PutUint32(out[24:], uint32(i.Index))
		}
	}

	return unix.SizeofSockaddrInet6
}
