package rtmp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// ErrShutdown is what peers are told, and what [Server.Serve] does not return,
// when the server shuts down.
var ErrShutdown = errors.New("the gateway is shutting down")

// Server accepts RTMP and RTMPS connections.
type Server struct {
	cfg       Config
	plain     net.Listener
	encrypted net.Listener
	limit     *limiter

	ctx    context.Context
	cancel context.CancelFunc

	mu      sync.Mutex
	conns   map[*conn]struct{}
	closing bool
	wg      sync.WaitGroup
}

// Listen opens the listeners. The caller must call Serve, then Shutdown.
func Listen(cfg Config) (*Server, error) {
	cfg.setDefaults()
	if cfg.Registry == nil {
		return nil, errors.New("rtmp: Config.Registry is nil; set it")
	}
	if cfg.Address == "" && cfg.TLSAddress == "" {
		return nil, errors.New("rtmp: neither Address nor TLSAddress is set; set one")
	}
	if cfg.TLSAddress != "" && cfg.TLS == nil {
		return nil, fmt.Errorf("rtmp: TLSAddress %s without a certificate; set TLS", cfg.TLSAddress)
	}
	s := &Server{cfg: cfg, conns: map[*conn]struct{}{}, limit: newLimiter(cfg.MaxConnections, cfg.MaxConnectionsPerIP)}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	var err error
	if cfg.Address != "" {
		if s.plain, err = listen(cfg.Address); err != nil {
			return nil, fmt.Errorf("rtmp: listen on %s: %w; free the port or choose another", cfg.Address, err)
		}
	}
	if cfg.TLSAddress != "" {
		if s.encrypted, err = listen(cfg.TLSAddress); err != nil {
			s.closeListeners()
			return nil, fmt.Errorf("rtmps: listen on %s: %w; free the port or choose another", cfg.TLSAddress, err)
		}
	}
	return s, nil
}

func listen(address string) (net.Listener, error) {
	lc := net.ListenConfig{KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 4,
	}}
	return lc.Listen(context.Background(), "tcp", address)
}

// Addr returns the RTMP listener's address, nil without one.
func (s *Server) Addr() net.Addr { return addrOf(s.plain) }

// TLSAddr returns the RTMPS listener's address, nil without one.
func (s *Server) TLSAddr() net.Addr { return addrOf(s.encrypted) }

func addrOf(l net.Listener) net.Addr {
	if l == nil {
		return nil
	}
	return l.Addr()
}

// Serve accepts connections until Shutdown, and then returns nil.
func (s *Server) Serve() error {
	errs := make(chan error, 2)
	n := 0
	for l, secure := range map[net.Listener]bool{s.plain: false, s.encrypted: true} {
		if l != nil {
			n++
			go func() { errs <- s.accept(l, secure) }()
		}
	}
	var first error
	for range n {
		if err := <-errs; err != nil && first == nil {
			first = err
			s.closeListeners()
		}
	}
	return first
}

// accept takes connections. An error such as a full file table passes; it is
// tried again after a pause that doubles up to a second.
func (s *Server) accept(l net.Listener, secure bool) error {
	const first, last = 5 * time.Millisecond, time.Second
	pause := first
	for {
		nc, err := l.Accept()
		if err == nil {
			pause = first
			s.admit(nc, secure)
			continue
		}
		if s.ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		s.cfg.Log.Warn("cannot accept connections", "address", l.Addr().String(), "err", err, "pause", pause)
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-s.ctx.Done():
			t.Stop()
			return nil
		}
		pause = min(2*pause, last)
	}
}

func (s *Server) admit(nc net.Conn, secure bool) {
	release, refused := s.limit.enter(nc.RemoteAddr())
	if refused != "" {
		s.cfg.Observer.Refused(refused)
		if s.limit.tell(time.Now()) {
			s.cfg.Log.Warn("connections refused", "limit", refused, "remote", nc.RemoteAddr().String())
		}
		nc.Close()
		return
	}
	raw, _ := nc.(*net.TCPConn)
	if secure {
		nc = tls.Server(nc, s.cfg.TLS)
	}
	c := newConn(s, nc, raw, secure)
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		release()
		nc.Close()
		return
	}
	s.conns[c] = struct{}{}
	s.wg.Add(1)
	s.mu.Unlock()
	go func() {
		defer s.wg.Done()
		defer release()
		defer s.forget(c)
		c.serve()
	}()
}

func (s *Server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

func (s *Server) closeListeners() {
	for _, l := range []net.Listener{s.plain, s.encrypted} {
		if l != nil {
			l.Close()
		}
	}
}

// Shutdown stops accepting, tells every peer, closes the connections and waits
// for all goroutines. When ctx is done it no longer waits for peers that do not
// take their goodbye, and returns ctx's error.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.closing = true
	conns := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		conns = append(conns, c)
	}
	s.mu.Unlock()
	s.cancel()
	s.closeListeners()
	for _, c := range conns {
		c.stop(ErrShutdown)
	}
	done := make(chan struct{})
	go func() {
		s.wg.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	for _, c := range conns {
		c.nc.Close()
	}
	<-done
	return ctx.Err()
}
