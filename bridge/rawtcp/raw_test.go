package rawtcp

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func pair(t *testing.T) (near, far *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialed, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	near, far = accepted.(*net.TCPConn), dialed.(*net.TCPConn)
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	near, far := pair(t)
	w := NewWriter(near)
	if w == nil {
		t.Fatal("no Writer for a TCP connection on Linux")
	}
	var want []byte
	var blocks [][]byte
	for i := range MaxBlocks {
		b := bytes.Repeat([]byte{byte(i)}, i*31%700)
		blocks, want = append(blocks, b), append(want, b...)
	}
	if n, err := w.TryWritev(blocks); err != nil || n != len(want) {
		t.Fatalf("%d bytes of %d written: %v", n, len(want), err)
	}
	near.CloseWrite()
	if got, err := io.ReadAll(NewReader(far)); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes of %d read, or others: %v", len(got), len(want), err)
	}
}

func TestFullConnectionTakesNothing(t *testing.T) {
	near, _ := pair(t)
	w := NewWriter(near)
	block := make([]byte, 256<<10)
	for {
		n, err := w.TryWritev([][]byte{block})
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
}

func TestReaderWaits(t *testing.T) {
	near, far := pair(t)
	type result struct {
		b   []byte
		err error
	}
	got := make(chan result, 1)
	read := func() {
		b := make([]byte, 100)
		n, err := NewReader(far).Read(b)
		got <- result{b[:n], err}
	}
	go read()
	near.Write([]byte("late"))
	if r := <-got; r.err != nil || string(r.b) != "late" {
		t.Errorf("read %q, %v", r.b, r.err)
	}
	far.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	go read()
	if r := <-got; !errors.Is(r.err, os.ErrDeadlineExceeded) {
		t.Errorf("after the deadline: %v", r.err)
	}
	far.SetReadDeadline(time.Time{})
	go read()
	far.Close()
	if r := <-got; !errors.Is(r.err, net.ErrClosed) {
		t.Errorf("of a closed connection: %v", r.err)
	}
}

func TestReset(t *testing.T) {
	near, far := pair(t)
	near.SetLinger(0)
	near.Close()
	if _, err := NewReader(far).Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("of a connection that was reset: %v", err)
	}
}
