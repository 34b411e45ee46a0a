package main

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"
	"unsafe"
)

// readNow reads what a TCP connection holds, 0 bytes if that is nothing.
func readNow(c syscall.RawConn, b []byte) (n int, err error) {
	cerr := c.Read(func(fd uintptr) bool {
		n, err = syscall.Read(int(fd), b)
		return true
	})
	switch {
	case cerr != nil:
		return 0, cerr
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EINTR):
		return 0, nil
	case err != nil:
		return 0, err
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// growBuffer makes room for what arrives between two rounds.
func growBuffer(c *net.UDPConn, size int) {
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	raw.Control(func(fd uintptr) {
		if syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUFFORCE, size) != nil {
			syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, size)
		}
	})
}

// batch receives many datagrams in one recvmmsg(2). Only the first batchPeek bytes of each are copied out of the kernel:
// enough for an RTP header, and for the whole of what an established peer sends besides media.
type batch struct {
	heads [batchSize]mmsghdr
	vecs  [batchSize]syscall.Iovec
	names [batchSize]syscall.RawSockaddrInet4
	bufs  [batchSize][batchPeek]byte
}

type mmsghdr struct {
	hdr    syscall.Msghdr
	length uint32
	_      [4]byte
}

func newBatch() *batch {
	b := &batch{}
	for i := range b.heads {
		b.vecs[i].Base = &b.bufs[i][0]
		b.vecs[i].SetLen(batchPeek)
		b.heads[i].hdr.Iov = &b.vecs[i]
		b.heads[i].hdr.Iovlen = 1
		b.heads[i].hdr.Name = (*byte)(unsafe.Pointer(&b.names[i]))
	}
	return b
}

// receive returns how many datagrams were there, 0 for none.
func (b *batch) receive(c syscall.RawConn) (n int, err error) {
	for i := range b.heads {
		b.heads[i].hdr.Namelen = syscall.SizeofSockaddrInet4
	}
	var errno syscall.Errno
	cerr := c.Read(func(fd uintptr) bool {
		var r uintptr
		// MSG_TRUNC makes the lengths those on the wire, not those copied.
		r, _, errno = syscall.Syscall6(syscall.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&b.heads[0])), batchSize,
			syscall.MSG_DONTWAIT|syscall.MSG_TRUNC, 0, 0)
		n = int(r)
		return true
	})
	switch {
	case cerr != nil:
		return 0, cerr
	case errno == syscall.EAGAIN, errno == syscall.EINTR:
		return 0, nil
	case errno != 0:
		return 0, errno
	}
	return n, nil
}

// datagram returns the i-th one's bytes, at most batchPeek of them, and its length on the wire.
func (b *batch) datagram(i int) (head []byte, length int) {
	length = int(b.heads[i].length)
	return b.bufs[i][:min(length, batchPeek)], length
}

func (b *batch) from(i int) netip.AddrPort {
	p := (*[2]byte)(unsafe.Pointer(&b.names[i].Port)) // in network order
	return netip.AddrPortFrom(netip.AddrFrom4(b.names[i].Addr), uint16(p[0])<<8|uint16(p[1]))
}
