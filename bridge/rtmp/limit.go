package rtmp

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// limiter counts connections, in all and by address.
type limiter struct {
	total, perIP int

	mu   sync.Mutex
	n    int
	by   map[netip.Prefix]int
	told time.Time
}

func newLimiter(total, perIP int) *limiter {
	return &limiter{total: total, perIP: perIP, by: map[netip.Prefix]int{}}
}

// enter counts a connection in and returns how to count it out, or the name of
// the limit that refuses it.
func (l *limiter) enter(remote net.Addr) (release func(), refused string) {
	key := addressKey(remote)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.total > 0 && l.n >= l.total:
		return nil, "connections"
	case l.perIP > 0 && l.by[key] >= l.perIP:
		return nil, "connections_per_ip"
	}
	l.n++
	l.by[key]++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.n--
		if l.by[key]--; l.by[key] == 0 {
			delete(l.by, key)
		}
	}, ""
}

// tell is true at most every ten seconds, so that a flood is not logged line by
// line.
func (l *limiter) tell(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.told) < 10*time.Second {
		return false
	}
	l.told = now
	return true
}

// addressKey is the host of an address; for IPv6 its /64, which is what one
// subscriber has.
func addressKey(a net.Addr) netip.Prefix {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	bits := 64
	if ip.Is4() {
		bits = 32
	}
	p, _ := ip.Prefix(bits)
	return p
}
