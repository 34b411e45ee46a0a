package config

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// listener is one address that the gateway binds.
type listener struct {
	path, address, network string
	host                   string
	port                   int
}

func listenersOf(c *Config) []listener {
	return []listener{
		{path: "http.address", address: c.HTTP.Address, network: "tcp"},
		{path: "rtmp.address", address: c.RTMP.Address, network: "tcp"},
		{path: "rtmp.tls.address", address: c.RTMP.TLS.Address, network: "tcp"},
		{path: "webrtc.udp_address", address: c.WebRTC.UDPAddress, network: "udp"},
		{path: "webrtc.tcp_address", address: c.WebRTC.TCPAddress, network: "tcp"},
	}
}

// optional reports whether the listener may be left out, by an empty address.
func (a listener) optional() bool {
	return a.path == "rtmp.tls.address" || a.path == "webrtc.tcp_address"
}

// listeners checks every address by itself, and that no two want the same port of the same host.
func (l *loader) listeners() {
	var bound []listener
	for i, a := range listenersOf(l.cfg) {
		example := listenersOf(Default())[i].address
		if example == "" {
			example = "127.0.0.1:1936"
		}
		fix := howToWrite(a.address, example)
		if a.address == "" {
			if !a.optional() {
				l.fault(a.path, "", "is empty", fix)
			}
			continue
		}
		var wrong string
		if a.host, a.port, wrong = splitAddress(a.address); wrong != "" {
			l.fault(a.path, a.address, wrong, fix)
			continue
		}
		for _, b := range bound {
			if a.collides(b) {
				l.collision(a, b)
			}
		}
		bound = append(bound, a)
	}
}

// howToWrite says how an address that is wrong should be written, by an example of its kind.
func howToWrite(address, example string) string {
	port := example[strings.LastIndexByte(example, ':'):]
	if ip, err := netip.ParseAddr(address); err != nil || ip.Is4() {
		return fmt.Sprintf("write HOST:PORT, such as %s, or %s for all addresses", example, port)
	}
	host := address
	if at := strings.LastIndexByte(address, ':'); isIP(address[:at]) {
		host, port = address[:at], address[at:]
	}
	return fmt.Sprintf("put the IPv6 address in brackets, as in [%s]%s", host, port)
}

func isIP(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

func (l *loader) collision(a, b listener) {
	if !l.isSet(a.path) && l.isSet(b.path) {
		a, b = b, a // blame the one that was written
	}
	l.fault(a.path, a.address, fmt.Sprintf("needs the same %s port as %s (%s)", strings.ToUpper(a.network), b.path, b.address), "give one of them another port")
}

func (a listener) collides(b listener) bool {
	if a.network != b.network || a.port != b.port || a.port == 0 {
		return false
	}
	return a.host == b.host || isWildcard(a.host) || isWildcard(b.host)
}

func isWildcard(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "" || err == nil && ip.IsUnspecified()
}

// splitAddress takes HOST:PORT apart. Port 0 means any free one. The name localhost is 127.0.0.1.
func splitAddress(address string) (host string, port int, wrong string) {
	host, number, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, "is not HOST:PORT"
	}
	port, err = strconv.Atoi(number)
	if err != nil || port < 0 || port > 65535 || number[0] == '+' {
		return "", 0, "has no port from 0 to 65535"
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	if _, err := netip.ParseAddr(host); err != nil && strings.ContainsAny(host, " /:@?#[]%\\") {
		return "", 0, "has a host that is neither an IP address nor a name"
	}
	return host, port, ""
}

// isLoopback reports whether the host of address is reachable from this machine only.
func isLoopback(address string) bool {
	host, _, _ := splitAddress(address)
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
