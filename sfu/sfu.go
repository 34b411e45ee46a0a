package sfu

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"hash/maphash"
	"net"
	"runtime"
	"sync"

	"github.com/pion/webrtc/v4"
)

// SFU holds the sockets, the sending goroutines and the peers.
type SFU struct {
	config       Config
	logs         logFactory
	certificates []webrtc.Certificate
	net          network
	shards       []*shard
	seed         maphash.Seed

	mu     sync.Mutex
	closed bool
	peers  map[*peer]struct{}

	stop    chan struct{}
	sending sync.WaitGroup // shards
	living  sync.WaitGroup // peers not yet torn down
}

// New binds the addresses and starts the SFU.
func New(config Config) (*SFU, error) {
	config.setDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	for _, address := range []string{config.UDPAddress, config.TCPAddress} {
		if host, _, err := net.SplitHostPort(address); err == nil {
			if ip := net.ParseIP(host); host == "localhost" || (ip != nil && ip.IsLoopback()) {
				config.IncludeLoopback = true
			}
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("sfu: cannot make a key: %w", err)
	}
	certificate, err := webrtc.GenerateCertificate(key)
	if err != nil {
		return nil, fmt.Errorf("sfu: cannot make a certificate: %w", err)
	}
	s := &SFU{
		config: config, logs: logFactory{config.Logger}, certificates: []webrtc.Certificate{*certificate},
		peers: map[*peer]struct{}{}, stop: make(chan struct{}), seed: maphash.MakeSeed(),
	}
	if err := s.listen(); err != nil {
		return nil, err
	}
	n := config.Shards
	if n <= 0 {
		n = min(runtime.GOMAXPROCS(0), 4)
	}
	for range n {
		sh := newShard(s)
		s.shards = append(s.shards, sh)
		s.sending.Add(1)
		go func() {
			defer s.sending.Done()
			sh.run(s.stop)
		}()
	}

	return s, nil
}

// UDPAddr gives the first UDP address listened on, nil if UDP is off.
func (s *SFU) UDPAddr() net.Addr { return s.net.udpAddr }

// TCPAddr gives the TCP address listened on, nil if TCP is off.
func (s *SFU) TCPAddr() net.Addr { return s.net.tcpAddr }

// Close ends every peer with [ErrClosed] and waits until all goroutines and
// sockets are gone. Sources stay usable with another SFU.
func (s *SFU) Close() error {
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	peers := make([]*peer, 0, len(s.peers))
	for p := range s.peers {
		peers = append(peers, p)
	}
	s.mu.Unlock()
	for _, p := range peers {
		p.shutdown(ErrClosed)
	}
	s.living.Wait()
	if first {
		close(s.stop)
		s.net.close()
	}
	s.sending.Wait()

	return nil
}

// enter registers a peer; false after Close.
func (s *SFU) enter(p *peer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.peers[p] = struct{}{}
	s.living.Add(1)

	return true
}

func (s *SFU) forget(p *peer) {
	s.mu.Lock()
	delete(s.peers, p)
	s.mu.Unlock()
	s.living.Done()
}

// shardFor picks the shard of a Source's n-th subscriber: one shard as long as
// that is enough, then the next.
func (s *SFU) shardFor(src *Source, n int) *shard {
	h := maphash.Comparable(s.seed, src)

	return s.shards[(h+uint64(n/subscribersPerShard))%uint64(len(s.shards))]
}

var errNoSource = errors.New("sfu: options without a Source; set Source to what NewSource returned")

// open checks what Publish and Subscribe have in common.
func (s *SFU) open(ctx context.Context, offerSDP string, src *Source, publishing bool) (*offer, error) {
	if src == nil {
		return nil, errNoSource
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}

	return parseOffer(offerSDP, publishing)
}
