package rtmp

import (
	"net"
	"sync"
	"syscall"
	"testing"
	"time"
)

// failingListener fails as a full file table does, then closes.
type failingListener struct {
	mu    sync.Mutex
	calls int
}

func (l *failingListener) Accept() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls++
	return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
}

func (l *failingListener) Close() error   { return nil }
func (l *failingListener) Addr() net.Addr { return &net.TCPAddr{} }

func TestAcceptBacksOff(t *testing.T) {
	s := serve(t, options{})
	l := &failingListener{}
	done := make(chan error, 1)
	began := time.Now()
	go func() { done <- s.accept(l, false) }()
	eventually(t, "accept is tried again", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.calls >= 5
	})
	if took := time.Since(began); took < 5*15*time.Millisecond {
		t.Errorf("five attempts in %v: it spins", took)
	}
	s.cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestConnectionLimits(t *testing.T) {
	s := serve(t, options{rtmp: func(c *Config) { c.MaxConnectionsPerIP = 2 }})
	connected(t, s)
	second := connected(t, s)
	nc, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	eventually(t, "the third is refused", func() bool { return s.counts.get("refused connections_per_ip") == 1 })
	second.nc.Close()
	eventually(t, "there is room again", func() bool { return s.counts.get("closed closed")+s.counts.get("closed error") == 1 })
	connected(t, s)
}

func TestAddressKey(t *testing.T) {
	for a, want := range map[string]string{
		"192.0.2.7:1": "192.0.2.7/32", "[::ffff:192.0.2.7]:1": "192.0.2.7/32",
		"[2001:db8:1:2:3:4:5:6]:1": "2001:db8:1:2::/64", "[fe80::1%eth0]:1": "fe80::/64",
	} {
		tcp, err := net.ResolveTCPAddr("tcp", a)
		if err != nil {
			tcp = &net.TCPAddr{IP: net.ParseIP("fe80::1"), Zone: "eth0"}
		}
		if got := addressKey(tcp).String(); got != want {
			t.Errorf("%s counts as %s, want %s", a, got, want)
		}
	}
}
