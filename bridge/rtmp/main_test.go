package rtmp

import (
	"bytes"
	"context"
	"log/slog"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"hutong/bridge/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noCrossings keeps streams in the frame world.
type noCrossings struct{}

type noCrossing struct{}

func (noCrossings) Ingress(*stream.Stream) stream.Crossing              { return noCrossing{} }
func (noCrossings) Egress(*stream.Stream, *stream.Turn) stream.Crossing { return noCrossing{} }
func (noCrossing) Close()                                               {}

// logBuffer collects log lines.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// counts collects what an Observer is told.
type counts struct {
	mu sync.Mutex
	m  map[string]int
}

func (c *counts) add(key string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.m[key] += n
}

func (c *counts) get(key string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.m[key]
}

func (c *counts) observer() Observer {
	named := func(kind string) func(string) { return func(s string) { c.add(kind+" "+s, 1) } }
	return Observer{
		ConnOpened: func() { c.add("opened", 1) }, ConnClosed: named("closed"), Refused: named("refused"),
		BytesIn: func(n int) { c.add("in", n) }, BytesOut: func(n int) { c.add("out", n) },
		BadInput: named("bad"), CodecRefused: named("codec"),
	}
}

type testServer struct {
	*Server
	reg    *stream.Registry
	log    *logBuffer
	counts *counts
	url    string // rtmp://127.0.0.1:port
}

type options struct {
	rtmp   func(*Config)
	stream func(*stream.Options)
}

// serve starts a server that ends with the test.
func serve(t testing.TB, o options) *testServer {
	t.Helper()
	log := &logBuffer{}
	ts := &testServer{log: log, counts: &counts{m: map[string]int{}}}
	so := stream.Options{
		Grace: 0, Linger: time.Second, MaxLag: 5 * time.Second, GOPMaxBytes: 64 << 20, GOPMaxSpan: time.Minute,
		Crossings: noCrossings{}, Log: slog.New(slog.NewTextHandler(log, nil)),
	}
	if o.stream != nil {
		o.stream(&so)
	}
	ts.reg = stream.NewRegistry(so)
	cfg := Config{Address: "127.0.0.1:0", Registry: ts.reg, PlayWait: 30 * time.Second,
		Log:      slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Observer: ts.counts.observer()}
	if o.rtmp != nil {
		o.rtmp(&cfg)
	}
	s, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ts.Server = s
	if s.Addr() != nil {
		ts.url = "rtmp://" + s.Addr().String()
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
		ts.reg.Close()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	return ts
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("never happened: %s", what)
		}
	}
}

// run runs a tool to its end and returns its standard output.
func run(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, errs, err := try(t, name, args...)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, errs)
	}
	return out
}

func try(t testing.TB, name string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	err = cmd.Run()
	return o.String(), e.String(), err
}

// background starts a tool that the test's end kills. The returned function
// kills it earlier.
func background(t testing.TB, name string, args ...string) (kill func()) {
	t.Helper()
	cmd := exec.Command(name, args...)
	var e logBuffer
	cmd.Stderr = &e
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		cmd.Wait()
		close(done)
	}()
	kill = func() {
		cmd.Process.Kill()
		<-done
	}
	t.Cleanup(func() {
		kill()
		if t.Failed() {
			t.Logf("%s: %s", name, e.String())
		}
	})
	return kill
}
