package auth

import (
	"fmt"
	"testing"
	"time"

	"hutong/gateway/config"
)

func TestLimiter(t *testing.T) {
	now := start
	l := NewLimiter(config.Rate{PerSecond: 10, Burst: 5}, func() time.Time { return now })
	take := func(key string) (n int) {
		for l.Allow(key) {
			n++
		}
		return n
	}
	if n := take("a"); n != 5 {
		t.Errorf("%d at once, want 5", n)
	}
	if n := take("b"); n != 5 {
		t.Errorf("another caller got %d, want 5", n)
	}
	now = now.Add(300 * time.Millisecond)
	if n := take("a"); n != 3 {
		t.Errorf("%d after 0.3 s, want 3", n)
	}
	now = now.Add(time.Hour)
	if n := take("a"); n != 5 {
		t.Errorf("%d after an hour, want 5", n)
	}
	l = NewLimiter(config.Rate{Burst: 1}, at(start))
	for range 10 {
		if !l.Allow("a") {
			t.Fatal("no rate, and refused")
		}
	}
}

// TestLimiterStaysBounded sends from more addresses than are remembered: one that
// keeps coming stays known.
func TestLimiterStaysBounded(t *testing.T) {
	l := NewLimiter(config.Rate{PerSecond: 1, Burst: 2}, at(start))
	l.Allow("steady")
	l.Allow("steady")
	for i := range 100_000 {
		if !l.Allow(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255)) {
			t.Fatalf("address %d was refused at once", i)
		}
		if i%1000 == 0 && l.Allow("steady") {
			t.Fatalf("after %d addresses the one that keeps coming was forgotten", i)
		}
	}
	if len(l.by) != maxTracked || l.order.Len() != maxTracked {
		t.Errorf("%d and %d remembered, want %d", len(l.by), l.order.Len(), maxTracked)
	}
}

func TestAddressKey(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.1:1935":           "192.0.2.1",
		"192.0.2.1":                "192.0.2.1",
		"[::ffff:192.0.2.1]:1":     "192.0.2.1",
		"[2001:db8:1:2:3::4]:5":    "2001:db8:1:2::/64",
		"2001:db8:1:2:ffff::1":     "2001:db8:1:2::/64",
		"[fe80::1%eth0]:5":         "fe80::/64",
		"":                         "unknown",
		"pipe":                     "unknown",
		"call.example.com:1":       "unknown",
		"[2001:db8:1:2:3::4]:port": "unknown",
	} {
		if got := AddressKey(remote); got != want {
			t.Errorf("%q gives %q, want %q", remote, got, want)
		}
	}
}
