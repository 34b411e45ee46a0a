package batch

import (
	"bytes"
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

func TestDatagramsAreReadWithTheirSenders(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		conn := newConn(t, address)
		a, b := socket(t, address), socket(t, address)
		var want [][]byte
		var from []*net.UDPConn
		for i := range 100 {
			p := datagram(i, sizes[i%len(sizes)])
			sender := []*net.UDPConn{a, b}[i%3%2]
			if _, err := sender.WriteToUDPAddrPort(p, addrOf(conn.UDPConn)); err != nil {
				t.Fatal(err)
			}
			want, from = append(want, p), append(from, sender)
		}
		buf := make([]byte, 1500)
		for i := range want {
			_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
			n, sender, err := conn.ReadFromAddrPort(buf)
			if err != nil {
				t.Fatalf("%s: datagram %d: %v", address, i, err)
			}
			if !bytes.Equal(buf[:n], want[i]) || sender != addrOf(from[i]) {
				t.Fatalf("%s: datagram %d has %d bytes from %s, want %d from %s", address, i, n, sender, len(want[i]), addrOf(from[i]))
			}
		}
		// Its answer goes out by itself.
		if n, err := conn.WriteToAddrPort([]byte("answer"), addrOf(a)); n != 6 || err != nil {
			t.Errorf("%s: an answer: %d, %v", address, n, err)
		}
		if got := receive(t, a, 1); string(got[0]) != "answer" {
			t.Errorf("%s: the answer is %q", address, got[0])
		}
	}
}

func TestReadsHeedDeadlinesAndTheEnd(t *testing.T) {
	conn := newConn(t, "127.0.0.1:0")
	read := func() error {
		_, _, err := conn.ReadFromAddrPort(make([]byte, 100))

		return err
	}
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	if err := read(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after the deadline: %v", err)
	}
	_ = conn.SetReadDeadline(time.Time{})
	ended := make(chan error, 1)
	go func() { ended <- read() }()
	_ = conn.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("of a closed socket: %v", err)
	}
}

func TestLongDatagramIsCut(t *testing.T) {
	conn, from := newConn(t, "127.0.0.1:0"), socket(t, "127.0.0.1:0")
	for _, p := range [][]byte{bytes.Repeat([]byte{7}, 20_000), []byte("next")} {
		if _, err := from.WriteToUDPAddrPort(p, addrOf(conn.UDPConn)); err != nil {
			t.Fatal(err)
		}
	}
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	buf := make([]byte, 100)
	if n, _, err := conn.ReadFromAddrPort(buf); n != 100 || err != nil {
		t.Errorf("of a long datagram: %d bytes, %v", n, err)
	}
	if n, _, err := conn.ReadFromAddrPort(buf); err != nil || string(buf[:n]) != "next" {
		t.Errorf("after it: %q, %v", buf[:n], err)
	}
}
