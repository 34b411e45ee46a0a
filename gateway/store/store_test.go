package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

func TestSurvivesKill(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	killed := false
	kill := func() {
		if !killed {
			killed = true
			cmd.Process.Kill()
		}
	}
	defer kill()
	last := -1
	for lines := bufio.NewScanner(out); lines.Scan(); {
		n, err := strconv.Atoi(lines.Text())
		if err != nil {
			t.Fatalf("the child said %q", lines.Text())
		}
		if n != last+1 {
			t.Fatalf("the child said %d after %d", n, last)
		}
		if last = n; last >= 300 {
			kill() // amid its writes; the lines it has said before still come
		}
	}
	cmd.Wait()
	if !killed {
		t.Fatal("the child ended by itself")
	}

	b := bucket(t, open(t, Options{Dir: dir}), "rooms", BucketOptions{})
	for i := last; i > last-20; i-- {
		value, _, err := b.Get(t.Context(), fmt.Sprintf("rooms/r%d", i%20))
		got, _ := strconv.Atoi(string(value))
		// The change after the last one said may have been written too.
		if err != nil || got != i && !(got == last+1 && got%20 == i%20) {
			t.Errorf("r%d is %q, %v; %d was acknowledged", i%20, value, err, i)
		}
	}
	if err := Change(t.Context(), b, "rooms/r0", func([]byte) ([]byte, error) { return []byte("on"), nil }); err != nil {
		t.Error(err)
	}
}

func TestStateSurvivesARestart(t *testing.T) {
	for _, sync := range []bool{false, true} {
		t.Run(fmt.Sprintf("sync=%t", sync), func(t *testing.T) { testRestart(t, Options{Dir: t.TempDir(), Sync: sync}) })
	}
}

func testRestart(t *testing.T, o Options) {
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	b := bucket(t, s, "calls", BucketOptions{})
	revision, err := b.Create(t.Context(), "calls/1", []byte("ringing"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	s.Close()

	b = bucket(t, open(t, o), "calls", BucketOptions{History: 2})
	value, again, err := b.Get(t.Context(), "calls/1")
	if err != nil || string(value) != "ringing" || again != revision {
		t.Errorf("read %q at %d, %v; want what was written at %d", value, again, err, revision)
	}
}

func TestOneProcessPerDirectory(t *testing.T) {
	dir := t.TempDir()
	open(t, Options{Dir: dir})
	_, err := Open(Options{Dir: dir})
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "another data_dir") {
		t.Errorf("a second store on the same directory: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	blocked := t.TempDir()
	if err := os.WriteFile(filepath.Join(blocked, "jetstream"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	plain := startServer(t, func(o *server.Options) { o.JetStream = false })
	locked := startServer(t, func(o *server.Options) { o.Username, o.Password = "u", "right" })
	for _, c := range []struct {
		name  string
		o     Options
		words []string
	}{
		{"no directory", Options{}, []string{"state directory", "data_dir"}},
		{"replicas of one", Options{Dir: t.TempDir(), Replicas: 3}, []string{"3 replicas", "nats url"}},
		{"a file", Options{Dir: file}, []string{file, "may write"}},
		{"a file where the engine's are", Options{Dir: blocked}, []string{blocked, "did not start", "writable"}},
		{"not a URL", Options{URL: "nats://u:secret@%zz"}, []string{"nats://HOST:4222"}},
		{"no host", Options{URL: "localhost"}, []string{"nats://HOST:4222"}},
		{"nobody there", Options{URL: "nats://u:secret@127.0.0.1:1"}, []string{"127.0.0.1:1", "see that it runs"}},
		{"no JetStream", Options{URL: plain.url()}, []string{plain.url(), "enable JetStream"}},
		{"wrong password", Options{URL: strings.Replace(locked.url(), "//", "//u:secret@", 1)}, []string{"credentials"}},
		{"no credentials file", Options{URL: plain.url(), Credentials: file + "x"}, []string{file + "x"}},
		{"too many replicas", Options{URL: plain.url(), Replicas: 7}, []string{"7 replicas", "1, 3 or 5"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Open(c.o)
			if err == nil {
				t.Fatal("it opened")
			}
			for _, w := range c.words {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error %q does not say %q", err, w)
				}
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("error %q tells the password", err)
			}
		})
	}
}

func TestEveryCallEnds(t *testing.T) {
	n := startServer(t, nil)
	s := open(t, Options{URL: n.url()})
	b := bucket(t, s, "rooms", BucketOptions{})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := b.Get(ended, "rooms/r1"); !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnavailable) {
		t.Errorf("get after the caller has gone: %v", err)
	}
	n.stop()
	s.timeout = 200 * time.Millisecond
	_, err := b.Create(t.Context(), "rooms/r1", []byte("x"))
	if !errors.Is(err, ErrUnavailable) {
		t.Errorf("create without a server: %v", err)
	}
	if s.Ready(t.Context()) == nil {
		t.Error("ready without a server")
	}
}

func TestReconnects(t *testing.T) {
	n := startServer(t, nil)
	s := open(t, Options{URL: n.url()})
	b := bucket(t, s, "rooms", BucketOptions{})
	if _, err := b.Create(t.Context(), "rooms/kept", []byte("1")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Create(t.Context(), "rooms/gone", []byte("1")); err != nil {
		t.Fatal(err)
	}
	changes, err := b.Watch(t.Context(), "rooms/")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		next(t, changes) // the two, and the end of what there is
	}
	events := make(chan string, 1000)
	if _, err := s.Subscribe("rooms/*/events", func(_ string, data []byte) { events <- string(data) }); err != nil {
		t.Fatal(err)
	}

	n.stop()
	n.start()
	// Another node changes the state before this one is back.
	other := open(t, Options{URL: n.url()})
	ob := bucket(t, other, "rooms", BucketOptions{})
	if err := ob.Delete(t.Context(), "rooms/gone", 0); err != nil {
		t.Fatal(err)
	}
	if err := Change(t.Context(), ob, "rooms/new", func([]byte) ([]byte, error) { return []byte("2"), nil }); err != nil {
		t.Fatal(err)
	}

	seen := map[string]string{}
	for len(seen) < 2 {
		e := next(t, changes)
		if e.Key == "rooms/kept" {
			t.Errorf("told again of %+v, which did not change", e)
		}
		if e.Key != "" {
			seen[e.Key] = fmt.Sprint(e.Deleted, string(e.Value))
		}
	}
	if seen["rooms/gone"] != "true" || seen["rooms/new"] != "false2" {
		t.Errorf("the watch saw %v", seen)
	}
	eventually(t, "a change through the old connection", func() bool {
		return Change(t.Context(), b, "rooms/kept", func(old []byte) ([]byte, error) { return append(old, '!'), nil }) == nil
	})
	eventually(t, "an event across the restart", func() bool {
		if err := other.Publish("rooms/kept/events", []byte("hello")); err != nil {
			t.Error(err)
		}
		select {
		case e := <-events:
			return e == "hello"
		default:
			return false
		}
	})
}
