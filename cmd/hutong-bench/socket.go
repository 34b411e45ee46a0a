package main

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// socket is the UDP socket under one peer connection. At first it hands on everything. Once it is made light, a sweeper
// reads it: media is looked at and thrown away still encrypted, since the RTP header is in the clear (RFC 3711 section
// 3.1), and only STUN, DTLS and RTCP go up to the peer connection.
type socket struct {
	conn  *net.UDPConn
	raw   syscall.RawConn
	media func(packets []rtpHead) // sees all media, in batches
	hello atomic.Uint32           // the SRTP profile of the ServerHello that passed by, 0 for none

	light  chan struct{} // closed by goLight
	once   sync.Once
	inbox  chan datagram
	closed chan struct{}
	ending sync.Once
	swept  bool // handed over; only the reader looks
	heads  []rtpHead
	by     *sweeper
}

type datagram struct {
	b    []byte
	from netip.AddrPort
}

// rtpHead is what is read of a media packet without its key.
type rtpHead struct {
	marker bool
	pt     uint8
	seq    uint16
	ssrc   uint32
	ts     uint32
	length int
}

const (
	socketBuffer = 4 << 20
	batchSize    = 64  // datagrams a system call
	batchPeek    = 512 // bytes of each
)

func newSocket(by *sweeper, media func([]rtpHead)) (*socket, error) {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	growBuffer(c, socketBuffer)
	raw, err := c.SyscallConn()
	if err != nil {
		c.Close()
		return nil, err
	}
	return &socket{conn: c, raw: raw, media: media, by: by,
		light: make(chan struct{}), inbox: make(chan datagram, 32), closed: make(chan struct{})}, nil
}

// goLight hands the socket over to the sweeper; the peer connection's reader lets go of it at its next packet.
func (s *socket) goLight() {
	if s.by != nil {
		s.once.Do(func() { close(s.light) })
	}
}

// ReadFromAddrPort is called by the peer connection's one reader.
func (s *socket) ReadFromAddrPort(p []byte) (int, netip.AddrPort, error) {
	select {
	case <-s.light:
		if !s.swept {
			s.swept = true
			s.by.add(s)
		}
		select {
		case d := <-s.inbox:
			return copy(p, d.b), d.from, nil
		case <-s.closed:
			return 0, netip.AddrPort{}, net.ErrClosed
		}
	default:
	}
	n, from, err := s.conn.ReadFromUDPAddrPort(p)
	if err != nil {
		return n, from, err
	}
	if isMedia(p[:n]) {
		head := [1]rtpHead{readRTPHead(p[:n], n)}
		s.media(head[:])
	} else {
		s.sniff(p[:n])
	}
	return n, from, nil
}

// WriteToAddrPort also sees the ServerHello where this side is the DTLS server.
func (s *socket) WriteToAddrPort(p []byte, to netip.AddrPort) (int, error) {
	s.sniff(p)
	return s.conn.WriteToUDPAddrPort(p, to)
}

// sweep reads all that has arrived.
func (s *socket) sweep(with *tools) error {
	for {
		n, err := with.batch.receive(s.raw)
		if err != nil {
			return err
		}
		s.heads = s.heads[:0]
		for i := range n {
			b, length := with.batch.datagram(i)
			if isMedia(b) {
				s.heads = append(s.heads, readRTPHead(b, length))
				continue
			}
			select {
			case s.inbox <- datagram{append([]byte(nil), b...), with.batch.from(i)}:
			default: // a reader that lags this far behind loses keep-alives, as on a full network
			}
		}
		if len(s.heads) > 0 {
			s.media(s.heads)
		}
		if n < batchSize {
			return nil
		}
	}
}

func (s *socket) Close() error {
	s.ending.Do(func() { close(s.closed) })
	if s.by != nil {
		s.by.remove(s)
	}
	return s.conn.Close()
}

func (s *socket) LocalAddr() net.Addr                { return s.conn.LocalAddr() }
func (s *socket) SetDeadline(t time.Time) error      { return s.conn.SetDeadline(t) }
func (s *socket) SetReadDeadline(t time.Time) error  { return s.conn.SetReadDeadline(t) }
func (s *socket) SetWriteDeadline(t time.Time) error { return s.conn.SetWriteDeadline(t) }

func (s *socket) ReadFrom(p []byte) (int, net.Addr, error) {
	n, from, err := s.ReadFromAddrPort(p)
	return n, net.UDPAddrFromAddrPort(from), err
}

func (s *socket) WriteTo(p []byte, to net.Addr) (int, error) {
	return s.WriteToAddrPort(p, to.(*net.UDPAddr).AddrPort())
}

func (s *socket) sniff(p []byte) {
	if s.hello.Load() == 0 {
		s.hello.Store(uint32(helloProfile(p)))
	}
}
