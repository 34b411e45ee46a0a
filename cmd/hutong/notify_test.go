package main

import (
	"net"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func TestServiceManagerIsTold(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	told := func() string {
		t.Helper()
		socket.SetReadDeadline(time.Now().Add(patience))
		b := make([]byte, 100)
		n, err := socket.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
	p := serveInBackground(t, []string{"NOTIFY_SOCKET=" + path})
	if got := told(); got != "READY=1" {
		t.Errorf("told %q once it listens", got)
	}
	if code := get(t, p.await(`^page\s+(http://127\.0\.0\.1:\d+)/$`)+"/readyz"); code != 200 {
		t.Errorf("told that it is ready, and /readyz says %d", code)
	}
	p.signal(syscall.SIGTERM)
	if got := told(); got != "STOPPING=1" {
		t.Errorf("told %q when it was to end", got)
	}
	p.exitCode()
}
