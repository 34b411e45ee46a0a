package sfu

import (
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/pion/webrtc/v4"
)

// Config says how the SFU is reached and how patient it is. Zero durations mean
// the default given with each.
type Config struct {
	// UDPAddress and TCPAddress are where all peers connect, "host:port" each;
	// "" turns a protocol off, port 0 picks a free one. An empty or unspecified
	// host listens on every interface.
	UDPAddress, TCPAddress string

	// ExternalIPs are advertised next to the addresses of the machine, for
	// peers beyond a one-to-one NAT.
	ExternalIPs []string

	// ICELite leaves connectivity checks to the peer (RFC 8445 §2.5). It makes
	// joins slower and needs every peer to reach this address.
	ICELite bool

	// IncludeLoopback advertises loopback addresses too. It is implied by
	// listening on one.
	IncludeLoopback bool

	// ICEServers are asked for this machine's addresses as others see them.
	ICEServers []webrtc.ICEServer

	Logger *slog.Logger // slog.Default when nil

	HandshakeTimeout       time.Duration // from answer to connected, 20 s
	GatherTimeout          time.Duration // bound on waiting for ICEServers, 500 ms
	ICEDisconnectedTimeout time.Duration // without any packet, 6 s
	ICEFailedTimeout       time.Duration // further, until the peer is given up, 20 s
	ICEKeepAlive           time.Duration // between our checks, 2 s

	// Shards is the number of sending goroutines, by default one per
	// processor and at most four.
	Shards int
}

func (c *Config) setDefaults() {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&c.HandshakeTimeout, 20 * time.Second},
		{&c.GatherTimeout, 500 * time.Millisecond},
		{&c.ICEDisconnectedTimeout, 6 * time.Second},
		{&c.ICEFailedTimeout, 20 * time.Second},
		{&c.ICEKeepAlive, 2 * time.Second},
	} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
}

func (c *Config) validate() error {
	if c.UDPAddress == "" && c.TCPAddress == "" {
		return fmt.Errorf("sfu: neither UDPAddress nor TCPAddress is set; set at least one, for example \":8189\"")
	}
	for _, ip := range c.ExternalIPs {
		if net.ParseIP(ip) == nil {
			return fmt.Errorf("sfu: ExternalIPs has %q, which is not an IP address; write it as 203.0.113.7", ip)
		}
	}

	return nil
}
