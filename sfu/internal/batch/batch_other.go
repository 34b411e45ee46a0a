//go:build !linux || !(amd64 || arm64)

package batch

import "net/netip"

const supported = false

type (
	sysConn   struct{}
	sysBuffer struct{}
)

func (c *Conn) setup() error { return nil }

func (c *Conn) send(b *buffer) {
	for _, r := range b.runs {
		c.sendSingly(b, r)
	}
}

// ReadFromAddrPort reads one datagram.
func (c *Conn) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	return c.ReadFromUDPAddrPort(b)
}

func (c *Conn) sendNow(p []byte, to netip.AddrPort) (int, error) { return c.WriteToUDPAddrPort(p, to) }
