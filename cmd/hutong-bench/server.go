package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// server is a gateway of the bench's own: free loopback ports, an empty data directory, quiet logs.
type server struct {
	cmd        *exec.Cmd
	http, rtmp string // addresses
	dir        string
	log        *tailBuffer
	exited     chan struct{}
}

const (
	startTimeout = 20 * time.Second
	stopTimeout  = 15 * time.Second
)

// defaultServer is the hutong beside this binary.
func defaultServer() string {
	self, err := os.Executable()
	if err != nil {
		return "bin/hutong"
	}
	return filepath.Join(filepath.Dir(self), "hutong")
}

// startServer runs bin and returns once it accepts on both ports and says it is ready.
func startServer(ctx context.Context, bin string, env ...string) (*server, error) {
	s, _, err := launch(ctx, bin, env...)
	return s, err
}

// launched is how long a start took.
type launched struct{ accepting, ready time.Duration }

// launchTries is how many sets of ports are tried: what was free may be somebody's before the gateway binds it.
const launchTries = 5

func launch(ctx context.Context, bin string, env ...string) (s *server, took launched, err error) {
	for range launchTries {
		if s, took, err = launchOnce(ctx, bin, env...); !errors.Is(err, errPortTaken) {
			break
		}
	}
	return s, took, err
}

var errPortTaken = errors.New("a port was taken meanwhile")

func launchOnce(ctx context.Context, bin string, env ...string) (s *server, took launched, err error) {
	// The gateway runs in a directory of its own.
	if bin, err = filepath.Abs(bin); err != nil {
		return nil, took, err
	}
	dir, err := os.MkdirTemp("", "hutong-bench-")
	if err != nil {
		return nil, took, err
	}
	ports, err := freePorts(3)
	if err != nil {
		return nil, took, err
	}
	s = &server{http: ports[0], rtmp: ports[1], dir: dir, log: &tailBuffer{}, exited: make(chan struct{})}
	s.cmd = exec.Command(bin, "serve")
	s.cmd.Dir = dir
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	s.cmd.Env = append(os.Environ(),
		"HUTONG_HTTP_ADDRESS="+s.http, "HUTONG_RTMP_ADDRESS="+s.rtmp,
		"HUTONG_WEBRTC_UDP_ADDRESS="+ports[2], "HUTONG_WEBRTC_TCP_ADDRESS="+ports[2],
		"HUTONG_DATA_DIR="+filepath.Join(dir, "data"), "HUTONG_LOG_LEVEL=warn", "HUTONG_DRAIN_TIMEOUT=2s")
	s.cmd.Env = append(s.cmd.Env, env...)
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		os.RemoveAll(dir)
		return nil, took, fmt.Errorf("starting the gateway (make build makes it): %w", err)
	}
	go func() {
		s.cmd.Wait()
		close(s.exited)
	}()
	ok := eventually(ctx, startTimeout, func() bool { return s.gone() || accepts(s.http) && accepts(s.rtmp) })
	took.accepting = time.Since(began)
	ok = ok && eventually(ctx, startTimeout, func() bool { return s.gone() || s.ready() })
	took.ready = time.Since(began)
	if !ok || s.gone() {
		taken := s.gone() && strings.Contains(s.log.String(), "address already in use")
		s.stop()
		if taken {
			return nil, took, fmt.Errorf("%w; %s serve said: %s", errPortTaken, filepath.Base(bin), s.log)
		}
		return nil, took, fmt.Errorf("%s serve did not get ready within %v; it said: %s", filepath.Base(bin), startTimeout, s.log)
	}
	return s, took, nil
}

func (s *server) gone() bool {
	select {
	case <-s.exited:
		return true
	default:
		return false
	}
}

func (s *server) ready() bool {
	resp, err := signalClient.Get("http://" + s.http + "/readyz")
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

func accepts(addr string) bool {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err == nil {
		c.Close()
	}
	return err == nil
}

func (s *server) pid() int { return s.cmd.Process.Pid }

var errKilled = errors.New("the gateway did not end on SIGTERM")

// stop asks the gateway to end, insists after a while, and removes its directory.
func (s *server) stop() error {
	defer os.RemoveAll(s.dir)
	s.cmd.Process.Signal(syscall.SIGTERM)
	t := time.NewTimer(stopTimeout)
	defer t.Stop()
	select {
	case <-s.exited:
		return nil
	case <-t.C:
		s.cmd.Process.Kill()
		<-s.exited
		return errKilled
	}
}

// Addresses of a stream, design: the same app/name by every protocol.
func (s *server) rtmpURL(name string) string { return "rtmp://" + s.rtmp + "/live/" + name }
func (s *server) flvURL(name string) string  { return "http://" + s.http + "/live/" + name + ".flv" }
func (s *server) whipURL(name string) string { return "http://" + s.http + "/whip/live/" + name }
func (s *server) whepURL(name string) string { return "http://" + s.http + "/whep/live/" + name }

// metric returns the sum of a metric's samples over all label values.
func (s *server) metric(ctx context.Context, name string) (float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.http+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	resp, err := signalClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	if err != nil {
		return 0, err
	}
	return sumMetric(string(b), name)
}

// Ports for gateways are not among those that kernels give to clients: a player of another measure would have one between
// the look and the gateway's start. No port is given twice.
const firstPort, ports = 20000, 10000

var givenPorts sync.Map

// freePorts returns loopback addresses whose ports are free for TCP and UDP alike.
func freePorts(n int) (addrs []string, err error) {
	for tries := 0; len(addrs) < n; tries++ {
		if tries > ports {
			return nil, errors.Join(errors.New("no port is free"), err)
		}
		port := firstPort + rand.IntN(ports)
		if _, given := givenPorts.LoadOrStore(port, true); given {
			continue
		}
		addr := fmt.Sprintf("127.0.0.1:%d", port)
		var t net.Listener
		if t, err = net.Listen("tcp4", addr); err != nil {
			continue
		}
		var u net.PacketConn
		u, err = net.ListenPacket("udp4", addr)
		t.Close()
		if err != nil {
			continue
		}
		u.Close()
		addrs = append(addrs, addr)
	}
	return addrs, nil
}

// tailBuffer keeps the last few kilobytes written to it.
type tailBuffer struct {
	mu sync.Mutex
	b  []byte
}

const tailSize = 8 << 10

func (t *tailBuffer) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	if over := len(t.b) - tailSize; over > 0 {
		t.b = append(t.b[:0], t.b[over:]...)
	}
	return len(p), nil
}

func (t *tailBuffer) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.b))
}
