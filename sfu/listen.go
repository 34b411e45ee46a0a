package sfu

import (
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/pion/ice/v4"

	"hutong/sfu/internal/batch"
)

const socketBuffer = 4 << 20 // bytes asked for; the kernel may give less

// network is the sockets all peers share.
type network struct {
	udp     ice.UDPMux
	batches []*batch.Conn  // the sockets under udp
	queues  *queueListener // under tcp
	tcp     ice.TCPMux
	udpAddr net.Addr
	tcpAddr net.Addr
}

// begin and end bracket a shard's sends, which the sockets hand to the kernel
// together.
func (n *network) begin() {
	for _, b := range n.batches {
		b.Begin()
	}
}

func (n *network) end() {
	for _, b := range n.batches {
		b.End()
	}
}

// listen binds the sockets, all or none.
func (s *SFU) listen() error {
	n := &s.net
	if s.config.UDPAddress != "" {
		conns, err := listenUDP(s.config.UDPAddress, s.config.IncludeLoopback)
		if err != nil {
			return fmt.Errorf("sfu: cannot listen on UDPAddress %s: %w", s.config.UDPAddress, err)
		}
		n.udpAddr = conns[0].LocalAddr()
		muxes := make([]ice.UDPMux, len(conns))
		for i, c := range conns {
			_ = c.SetReadBuffer(socketBuffer)
			_ = c.SetWriteBuffer(socketBuffer)
			b, err := batch.New(c)
			if err != nil {
				for _, c := range conns {
					_ = c.Close()
				}

				return fmt.Errorf("sfu: cannot use UDP %s: %w", s.config.UDPAddress, err)
			}
			n.batches = append(n.batches, b)
			muxes[i] = ice.NewUDPMuxDefault(ice.UDPMuxParams{Logger: s.logs.NewLogger("udp"), UDPConn: b})
		}
		n.udp = ice.NewMultiUDPMuxDefault(muxes...)
	}
	if s.config.TCPAddress != "" {
		l, err := net.Listen("tcp", s.config.TCPAddress)
		if err != nil {
			n.close()

			return fmt.Errorf("sfu: cannot listen on TCPAddress %s: %w", s.config.TCPAddress, err)
		}
		n.tcpAddr = l.Addr()
		n.queues = newQueueListener(l)
		n.tcp = ice.NewTCPMuxDefault(ice.TCPMuxParams{
			Logger: s.logs.NewLogger("tcp"), Listener: n.queues, ReadBufferSize: 64,
		})
	}

	return nil
}

func (n *network) close() {
	if n.udp != nil {
		_ = n.udp.Close()
	}
	if n.tcp != nil {
		_ = n.tcp.Close()
	}
}

// listenUDP opens one socket, or one per address of the machine where the host
// is unspecified, so that answers leave from the address that was asked.
func listenUDP(address string, loopback bool) ([]*net.UDPConn, error) {
	addr, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		return nil, err
	}
	if addr.IP != nil && !addr.IP.IsUnspecified() {
		c, err := net.ListenUDP("udp", addr)
		if err != nil {
			return nil, err
		}

		return []*net.UDPConn{c}, nil
	}
	ips, err := localIPs(addr.IP, loopback)
	if err != nil {
		return nil, err
	}
	var conns []*net.UDPConn
	port := addr.Port
	for _, ip := range ips {
		c, err := net.ListenUDP("udp", &net.UDPAddr{IP: ip, Port: port})
		if errors.Is(err, syscall.EADDRNOTAVAIL) && len(ips) > 1 {
			continue // an address that is not up yet
		}
		if err != nil {
			for _, c := range conns {
				_ = c.Close()
			}

			return nil, err
		}
		port = c.LocalAddr().(*net.UDPAddr).Port
		conns = append(conns, c)
	}
	if len(conns) == 0 {
		return nil, errNoAddress
	}

	return conns, nil
}

var errNoAddress = errors.New("the machine has no address to listen on; set IncludeLoopback or name an address")

func localIPs(unspecified net.IP, loopback bool) ([]net.IP, error) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	only4 := unspecified != nil && unspecified.To4() != nil
	var ips []net.IP
	for _, a := range addrs {
		n, ok := a.(*net.IPNet)
		if !ok || n.IP.IsLinkLocalUnicast() || n.IP.IsMulticast() || (n.IP.IsLoopback() && !loopback) {
			continue
		}
		if n.IP.To4() == nil && only4 {
			continue
		}
		ips = append(ips, n.IP)
	}
	if len(ips) == 0 {
		return nil, errNoAddress
	}

	return ips, nil
}
