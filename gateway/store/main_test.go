package store

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/goleak"

	"hutong/bridge/testmedia"
)

const patience = 60 * time.Second

// childDir in the environment makes the test binary the process that is killed
// in TestSurvivesKill.
const childDir = "STORE_TEST_CHILD_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		writeUntilKilled(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

func open(t testing.TB, o Options) *Store {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func bucket(t testing.TB, s *Store, name string, o BucketOptions) *Bucket {
	t.Helper()
	b, err := s.Bucket(name, o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// natsServer is a separate server that listens on loopback.
type natsServer struct {
	t    testing.TB
	opts server.Options
	s    *server.Server
}

func startServer(t testing.TB, change func(*server.Options)) *natsServer {
	n := &natsServer{t: t, opts: server.Options{ServerName: "outside", Host: "127.0.0.1", Port: -1,
		JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true}}
	if change != nil {
		change(&n.opts)
	}
	n.start()
	t.Cleanup(n.stop)
	return n
}

func (n *natsServer) start() {
	n.t.Helper()
	opts := n.opts
	s, err := server.NewServer(&opts)
	if err != nil {
		n.t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(patience) {
		n.t.Fatal("the NATS server did not start")
	}
	n.s, n.opts.Port = s, opts.Port
}

func (n *natsServer) stop() {
	n.s.Shutdown()
	n.s.WaitForShutdown()
}

func (n *natsServer) url() string { return fmt.Sprintf("nats://127.0.0.1:%d", n.opts.Port) }

// eachEngine runs a test on the embedded engine and on an external server.
func eachEngine(t *testing.T, test func(t *testing.T, s *Store)) {
	t.Run("embedded", func(t *testing.T) { test(t, open(t, Options{Dir: t.TempDir()})) })
	t.Run("external", func(t *testing.T) { test(t, open(t, Options{URL: startServer(t, nil).url()})) })
}

// next returns what a channel gives.
func next[T any](t testing.TB, c <-chan T) T {
	t.Helper()
	select {
	case v, ok := <-c:
		if !ok {
			t.Fatal("the channel is closed")
		}
		return v
	case <-time.After(patience):
		t.Fatal("nothing came")
	}
	panic("unreachable")
}

// eventually waits until a condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	testmedia.Eventually(t, patience, what, holds)
}

// writeUntilKilled changes keys one after another, and says each that has been
// acknowledged.
func writeUntilKilled(dir string) {
	fail := func(err error) {
		if err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
	}
	s, err := Open(Options{Dir: dir, Log: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	fail(err)
	b, err := s.Bucket("rooms", BucketOptions{})
	fail(err)
	for i := 0; ; i++ {
		key := fmt.Sprintf("rooms/r%d", i%20)
		fail(Change(context.Background(), b, key, func([]byte) ([]byte, error) { return fmt.Appendf(nil, "%d", i), nil }))
		fmt.Println(i)
	}
}
