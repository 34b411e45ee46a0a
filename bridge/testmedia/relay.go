package testmedia

import (
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Loss says what a Relay does to packets on their way.
type Loss struct {
	ToServer, ToClient float64       // share of media packets dropped, 0 to 1
	Delay              time.Duration // added to every packet, each way
	Seed               uint64        // the same seed drops the same packets
}

// Relay is a UDP relay that loses and delays. Each client gets a socket of its
// own towards the server. Only RTP is dropped, never STUN, DTLS or RTCP, so that
// a call is always set up and what is measured is the repair of media.
type Relay struct {
	loss    Loss
	front   *net.UDPConn
	server  *net.UDPAddr
	mu      sync.Mutex
	clients map[string]*relayClient
	closed  bool
	wg      sync.WaitGroup
	stop    chan struct{}

	dropped, passed atomic.Int64
}

type relayClient struct {
	back *net.UDPConn
	up   chan delayed
}

type delayed struct {
	at   time.Time
	data []byte
}

// NewRelay starts a relay on a free loopback port towards server ("host:port").
// It ends with the test.
func NewRelay(tb testing.TB, server string, loss Loss) *Relay {
	tb.Helper()
	target, err := net.ResolveUDPAddr("udp4", server)
	if err != nil {
		tb.Fatalf("testmedia: relay to %q: %v", server, err)
	}
	front, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		tb.Fatalf("testmedia: relay: %v", err)
	}
	r := &Relay{loss: loss, front: front, server: target, clients: map[string]*relayClient{}, stop: make(chan struct{})}
	r.wg.Add(1)
	go r.readFront()
	tb.Cleanup(r.close)
	return r
}

// Port is the relay's UDP port on 127.0.0.1.
func (r *Relay) Port() int { return r.front.LocalAddr().(*net.UDPAddr).Port }

// Counts is how many media packets were dropped and let through.
func (r *Relay) Counts() (dropped, passed int64) { return r.dropped.Load(), r.passed.Load() }

func (r *Relay) close() {
	r.mu.Lock()
	r.closed = true
	for _, c := range r.clients {
		c.back.Close()
	}
	r.mu.Unlock()
	close(r.stop)
	r.front.Close()
	r.wg.Wait()
}

// isMedia tells RTP from STUN, DTLS and RTCP (RFC 7983, RFC 5761).
func isMedia(packet []byte) bool {
	return len(packet) > 12 && packet[0]>>6 == 2 && (packet[1] < 192 || packet[1] > 223)
}

func (r *Relay) lost(random *rand.Rand, share float64, packet []byte) bool {
	if !isMedia(packet) {
		return false
	}
	if random.Float64() < share {
		r.dropped.Add(1)
		return true
	}
	r.passed.Add(1)
	return false
}

func (r *Relay) readFront() {
	defer r.wg.Done()
	random := rand.New(rand.NewPCG(r.loss.Seed, 1))
	buf := make([]byte, 65536)
	for {
		n, from, err := r.front.ReadFromUDP(buf)
		if err != nil {
			return
		}
		client := r.client(from)
		if client == nil || r.lost(random, r.loss.ToServer, buf[:n]) {
			continue
		}
		queue(client.up, r.loss.Delay, buf[:n])
	}
}

// client finds or makes the socket that stands for a client.
func (r *Relay) client(from *net.UDPAddr) *relayClient {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.clients[from.String()]; c != nil || r.closed {
		return c
	}
	back, err := net.DialUDP("udp4", nil, r.server)
	if err != nil {
		return nil
	}
	c := &relayClient{back: back, up: make(chan delayed, 4096)}
	down := make(chan delayed, 4096)
	seed := r.loss.Seed + uint64(len(r.clients))
	r.clients[from.String()] = c
	r.wg.Add(3)
	go r.deliver(c.up, func(p []byte) { _, _ = back.Write(p) })
	go r.deliver(down, func(p []byte) { _, _ = r.front.WriteToUDP(p, from) })
	go func() {
		defer r.wg.Done()
		random := rand.New(rand.NewPCG(seed, 2))
		buf := make([]byte, 65536)
		for {
			n, err := back.Read(buf)
			if err != nil {
				select {
				case <-r.stop:
					return
				default:
				}
				if errors.Is(err, net.ErrClosed) {
					return
				}
				continue // an ICMP refusal says the server is not up yet
			}
			if !r.lost(random, r.loss.ToClient, buf[:n]) {
				queue(down, r.loss.Delay, buf[:n])
			}
		}
	}()
	return c
}

func queue(to chan delayed, delay time.Duration, packet []byte) {
	select {
	case to <- delayed{time.Now().Add(delay), append([]byte(nil), packet...)}:
	default:
	}
}

// deliver hands packets over in order, each when its time has come.
func (r *Relay) deliver(from chan delayed, send func([]byte)) {
	defer r.wg.Done()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-r.stop:
			return
		case p := <-from:
			if wait := time.Until(p.at); wait > 0 {
				timer.Reset(wait)
				select {
				case <-timer.C:
				case <-r.stop:
					return
				}
			}
			send(p.data)
		}
	}
}
