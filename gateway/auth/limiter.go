package auth

import (
	"container/list"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"hutong/gateway/config"
)

// maxTracked bounds the callers that a Limiter remembers, about 300 bytes each.
const maxTracked = 10_000

// Limiter gives each caller a token bucket. It remembers the callers seen last;
// one that it forgot starts with a full bucket.
type Limiter struct {
	limit rate.Limit
	burst int
	now   func() time.Time

	mu    sync.Mutex
	by    map[string]*list.Element // of *bucket
	order *list.List               // the latest first
}

type bucket struct {
	key   string
	level *rate.Limiter
}

// NewLimiter makes a Limiter; zero per second is no limit.
func NewLimiter(cfg config.Rate, now func() time.Time) *Limiter {
	return &Limiter{limit: rate.Limit(cfg.PerSecond), burst: cfg.Burst, now: now, by: map[string]*list.Element{}, order: list.New()}
}

// Allow takes one from a caller's bucket, and is false when it is empty.
func (l *Limiter) Allow(key string) bool {
	if l.limit == 0 {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	e, known := l.by[key]
	if known {
		l.order.MoveToFront(e)
	} else {
		if l.order.Len() >= maxTracked {
			last := l.order.Back()
			delete(l.by, last.Value.(*bucket).key)
			l.order.Remove(last)
		}
		e = l.order.PushFront(&bucket{key, rate.NewLimiter(l.limit, l.burst)})
		l.by[key] = e
	}
	return e.Value.(*bucket).level.AllowN(l.now(), 1)
}

// AddressKey is what a Limiter knows the sender at remote (IP or IP:PORT) by:
// the address, or for IPv6 its /64, which is what one subscriber has.
func AddressKey(remote string) string {
	ip, err := netip.ParseAddr(remote)
	if err != nil {
		ap, err := netip.ParseAddrPort(remote)
		if err != nil {
			return "unknown"
		}
		ip = ap.Addr()
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	p, _ := ip.Prefix(64)
	return p.String()
}
