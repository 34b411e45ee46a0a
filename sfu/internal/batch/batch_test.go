package batch

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func socket(t testing.TB, address string) *net.UDPConn {
	t.Helper()
	a, err := net.ResolveUDPAddr("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.ListenUDP("udp", a)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadBuffer(8 << 20)
	t.Cleanup(func() { _ = c.Close() })

	return c
}

func addrOf(c *net.UDPConn) netip.AddrPort { return c.LocalAddr().(*net.UDPAddr).AddrPort() }

func newConn(t testing.TB, address string) *Conn {
	t.Helper()
	c, err := New(socket(t, address))
	if err != nil {
		t.Fatal(err)
	}

	return c
}

// receive reads n datagrams.
func receive(t testing.TB, c *net.UDPConn, n int) [][]byte {
	t.Helper()
	var out [][]byte
	buf := make([]byte, 1<<16)
	for range n {
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		size, err := c.Read(buf)
		if err != nil {
			t.Fatalf("after %d of %d datagrams: %v", len(out), n, err)
		}
		out = append(out, bytes.Clone(buf[:size]))
	}

	return out
}

func datagram(i, size int) []byte {
	p := bytes.Repeat([]byte{byte(i)}, size)
	binary.BigEndian.PutUint32(p, uint32(i))

	return p
}

// sizes has runs of equal datagrams, shorter last ones, longer ones after.
var sizes = []int{1100, 1100, 1100, 400, 1100, 80, 80, 80, 1200, 1100, 1100, 1100, 1100, 1100, 1100, 50, 60, 4, 1400}

func TestDatagramsArriveUnchangedAndInOrder(t *testing.T) {
	for _, c := range []struct {
		name, address string
		offload       bool
	}{
		{"segments", "127.0.0.1:0", true},
		{"singly", "127.0.0.1:0", false},
		{"IPv6", "[::1]:0", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := newConn(t, c.address)
			if !c.offload {
				conn.gso.Store(false)
			}
			a, b := socket(t, c.address), socket(t, c.address)
			var want [][]byte
			conn.Begin()
			for i := range 150 { // more than one call takes
				p := datagram(i, sizes[i%len(sizes)])
				want = append(want, bytes.Clone(p))
				for _, to := range []*net.UDPConn{a, b} {
					if n, err := conn.WriteToAddrPort(p, addrOf(to)); n != len(p) || err != nil {
						t.Fatalf("WriteToAddrPort = %d, %v", n, err)
					}
				}
				clear(p) // the caller's buffer goes back to a pool
			}
			for i := range 300 { // runs to one destination
				p := datagram(1000+i, sizes[i%len(sizes)])
				want = append(want, p)
				_, _ = conn.WriteToAddrPort(p, addrOf(a))
			}
			conn.End()
			for i, got := range receive(t, a, len(want)) {
				if !bytes.Equal(got, want[i]) {
					t.Fatalf("datagram %d has %d bytes and number %d, want %d bytes", i, len(got), binary.BigEndian.Uint32(got), len(want[i]))
				}
			}
			receive(t, b, 150)
			st := conn.Stats()
			if st.Datagrams != uint64(len(want)+150) || st.Errors != 0 {
				t.Errorf("stats %+v", st)
			}
			if supported && st.Calls > 20 {
				t.Errorf("%d system calls for %d datagrams", st.Calls, st.Datagrams)
			}
		})
	}
}

func TestOutsideOfBracketsNothingWaits(t *testing.T) {
	conn, to := newConn(t, "127.0.0.1:0"), socket(t, "127.0.0.1:0")
	if _, err := conn.WriteTo(datagram(1, 100), to.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	receive(t, to, 1)
	conn.Begin()
	conn.Begin()
	_, _ = conn.WriteTo(datagram(2, 100), to.LocalAddr())
	conn.End()
	receive(t, to, 1) // the inner End sends too
	_, _ = conn.WriteTo(datagram(3, 100), to.LocalAddr())
	conn.End()
	receive(t, to, 1)
	_, _ = conn.WriteTo(nil, to.LocalAddr())
	_, _ = conn.WriteTo(datagram(4, 100), to.LocalAddr())
	if got := receive(t, to, 2); len(got[0]) != 0 || len(got[1]) != 100 {
		t.Errorf("got %d and %d bytes", len(got[0]), len(got[1]))
	}
}

// TestRefusedRunIsSentSingly: a run the kernel does not take as segments still
// arrives.
func TestRefusedRunIsSentSingly(t *testing.T) {
	conn, to := newConn(t, "127.0.0.1:0"), socket(t, "127.0.0.1:0")
	b := newBuffer()
	const n = 500 // beyond any kernel's limit of segments
	for i := range n {
		b.arena = append(b.arena, datagram(i, 4)...)
	}
	b.runs = append(b.runs, run{to: addrOf(to), bytes: 4 * n, segment: 4, segments: n})
	b.add(datagram(n, 10), addrOf(to), false)
	conn.send(b)
	for i, got := range receive(t, to, n+1) {
		if binary.BigEndian.Uint32(got) != uint32(i) {
			t.Fatalf("datagram %d is number %d", i, binary.BigEndian.Uint32(got))
		}
	}
}

func TestUnreachableDestinationHarmsNobody(t *testing.T) {
	conn, to := newConn(t, "127.0.0.1:0"), socket(t, "127.0.0.1:0")
	conn.Begin()
	bad := netip.MustParseAddrPort("0.0.0.1:9") // EINVAL or ENETUNREACH
	for i := range 3 {
		_, _ = conn.WriteToAddrPort(datagram(9, 100), bad)
		_, _ = conn.WriteToAddrPort(datagram(i, 100), addrOf(to))
	}
	conn.End()
	for i, got := range receive(t, to, 3) {
		if binary.BigEndian.Uint32(got) != uint32(i) {
			t.Fatalf("datagram %d is number %d", i, binary.BigEndian.Uint32(got))
		}
	}
}

// TestConcurrentWritersKeepTheirOrder: each writer's datagrams arrive in order
// whoever flushes.
func TestConcurrentWritersKeepTheirOrder(t *testing.T) {
	const writers, rounds, each = 3, 30, 20
	conn := newConn(t, "127.0.0.1:0")
	_ = conn.SetWriteBuffer(8 << 20)
	var wg sync.WaitGroup
	for w := range writers {
		to := socket(t, "127.0.0.1:0")
		wg.Add(2)
		go func() {
			defer wg.Done()
			for r := range rounds {
				conn.Begin()
				for i := range each {
					_, _ = conn.WriteToAddrPort(datagram(r*each+i, 100+w), addrOf(to))
				}
				conn.End()
			}
		}()
		go func() {
			defer wg.Done()
			buf := make([]byte, 2000)
			for i := range rounds * each {
				_ = to.SetReadDeadline(time.Now().Add(10 * time.Second))
				n, err := to.Read(buf)
				if err != nil {
					t.Errorf("writer %d: datagram %d: %v", w, i, err)

					return
				}
				if got := binary.BigEndian.Uint32(buf[:n]); int(got) != i {
					t.Errorf("writer %d: datagram %d is number %d", w, i, got)

					return
				}
			}
		}()
	}
	wg.Wait()
}

// TestWritersSideBySide: Writers of one socket do not disturb one another, nor
// those that write to it directly.
func TestWritersSideBySide(t *testing.T) {
	const writers, rounds, each = 4, 40, 30
	conn := newConn(t, "127.0.0.1:0")
	_ = conn.SetWriteBuffer(8 << 20)
	var wg sync.WaitGroup
	var to []*net.UDPConn
	for range writers {
		to = append(to, socket(t, "127.0.0.1:0"))
	}
	for i, c := range to {
		wg.Add(1)
		go func() {
			defer wg.Done()
			w := conn.NewWriter()
			for r := range rounds {
				for k := range each {
					w.Add(append(w.Room(1500), datagram(r*each+k, sizes[(k+i)%len(sizes)])...), addrOf(c))
				}
				w.Flush()
			}
		}()
	}
	wg.Add(1)
	other := socket(t, "127.0.0.1:0")
	go func() {
		defer wg.Done()
		for i := range rounds {
			conn.Begin()
			_, _ = conn.WriteToAddrPort(datagram(i, 100), addrOf(other))
			conn.End()
		}
	}()
	for i, c := range to {
		for n, got := range receive(t, c, rounds*each) {
			if want := datagram(n, sizes[(n%each+i)%len(sizes)]); !bytes.Equal(got, want) {
				t.Fatalf("writer %d: datagram %d has %d bytes and number %d, want %d bytes", i, n, len(got), binary.BigEndian.Uint32(got), len(want))
			}
		}
	}
	receive(t, other, rounds)
	wg.Wait()
	if st := conn.Stats(); st.Datagrams != writers*rounds*each+rounds || st.Errors != 0 {
		t.Errorf("stats %+v", st)
	}
}

func TestWriterSendsWhenFull(t *testing.T) {
	conn, to := newConn(t, "127.0.0.1:0"), socket(t, "127.0.0.1:0")
	w := conn.NewWriter()
	const n = 2 * arenaSize / 1400
	for i := range n {
		w.Add(append(w.Room(1400), datagram(i, 1400)...), addrOf(to))
	}
	w.Flush()
	w.Flush()
	for i, got := range receive(t, to, n) {
		if int(binary.BigEndian.Uint32(got)) != i || len(got) != 1400 {
			t.Fatalf("datagram %d is number %d", i, binary.BigEndian.Uint32(got))
		}
	}
}

func BenchmarkFrameToEach(b *testing.B) {
	for _, mode := range []string{"segments", "sendmmsg", "singly"} {
		b.Run(mode, func(b *testing.B) {
			conn := newConn(b, "127.0.0.1:0")
			conn.gso.Store(mode == "segments")
			var to []netip.AddrPort
			for range 50 {
				to = append(to, addrOf(socket(b, "127.0.0.1:0")))
			}
			p := datagram(1, 1100)
			b.ReportAllocs()
			b.ResetTimer()
			for n := 0; n < b.N; {
				if mode != "singly" {
					conn.Begin()
				}
				for _, a := range to {
					for range 8 {
						_, _ = conn.WriteToAddrPort(p, a)
						n++
					}
				}
				if mode != "singly" {
					conn.End()
				}
			}
		})
	}
}
