package seal

import (
	"bytes"
	"crypto/cipher"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/pion/dtls/v3"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
	"pgregory.net/rapid"
)

const ssrc = 0x5eedcafe

// keys gives a master key and salt, the same on every run.
func keys(size int) (key, salt []byte) {
	key, salt = make([]byte, size), make([]byte, 12)
	rnd := rand.NewChaCha8([32]byte{1})
	_, _ = rnd.Read(key)
	_, _ = rnd.Read(salt)

	return key, salt
}

func session(t testing.TB, size int) *Session {
	t.Helper()
	s, err := NewSession(keys(size))
	if err != nil {
		t.Fatal(err)
	}

	return s
}

func stream(t testing.TB, s *Session, repeat bool) *Stream {
	t.Helper()
	st, err := s.Stream(ssrc, repeat)
	if err != nil {
		t.Fatal(err)
	}

	return st
}

func packetOf(n int) *Packet {
	payload := bytes.Repeat([]byte{byte(n)}, n%1200+1)

	return &Packet{PayloadType: 102, Marker: n%3 == 0, Sequence: uint16(n), Timestamp: uint32(n) * 3000, Payload: payload}
}

// TestPionOpensWhatWeSeal: over several roll-overs, and out of order.
func TestPionOpensWhatWeSeal(t *testing.T) {
	for size, profile := range map[int]srtp.ProtectionProfile{
		16: srtp.ProtectionProfileAeadAes128Gcm, 32: srtp.ProtectionProfileAeadAes256Gcm,
	} {
		t.Run(fmt.Sprint(profile), func(t *testing.T) {
			key, salt := keys(size)
			open, err := srtp.CreateContext(key, salt, profile)
			if err != nil {
				t.Fatal(err)
			}
			st := stream(t, session(t, size), false)
			check := func(n int) {
				want := packetOf(n)
				sealed, err := st.Seal(make([]byte, 0, 1500), want)
				if err != nil {
					t.Fatalf("packet %d: %v", n, err)
				}
				if len(sealed) != len(want.Payload)+Overhead {
					t.Fatalf("packet %d is %d bytes longer than its payload, want %d", n, len(sealed)-len(want.Payload), Overhead)
				}
				var got rtp.Packet
				plain, err := open.DecryptRTP(nil, sealed, nil)
				if err != nil {
					t.Fatalf("packet %d: %v", n, err)
				}
				if err := got.Unmarshal(plain); err != nil {
					t.Fatal(err)
				}
				if got.SSRC != ssrc || got.SequenceNumber != want.Sequence || got.Timestamp != want.Timestamp ||
					got.Marker != want.Marker || got.PayloadType != 102 || !bytes.Equal(got.Payload, want.Payload) {
					t.Fatalf("packet %d arrived as %+v", n, got.Header)
				}
			}
			for n := 20000; n < 3<<16; n += 2 {
				check(n)
				if n%1000 == 0 && n > 21000 {
					check(n - 201) // late
				}
			}
		})
	}
}

// TestSealsAsPionDoes: the same packet, byte for byte.
func TestSealsAsPionDoes(t *testing.T) {
	key, salt := keys(16)
	theirs, err := srtp.CreateContext(key, salt, srtp.ProtectionProfileAeadAes128Gcm)
	if err != nil {
		t.Fatal(err)
	}
	st := stream(t, session(t, 16), false)
	for n := 1000; n < 1<<17; n += 97 {
		p := packetOf(n)
		ours, err := st.Seal(make([]byte, 0, 1500), p)
		if err != nil {
			t.Fatal(err)
		}
		h := rtp.Header{
			Version: 2, Marker: p.Marker, PayloadType: p.PayloadType, SequenceNumber: p.Sequence, Timestamp: p.Timestamp, SSRC: ssrc,
		}
		raw, err := (&rtp.Packet{Header: h, Payload: p.Payload}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		want, err := theirs.EncryptRTP(nil, raw, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(ours, want) {
			t.Fatalf("packet %d is not what pion makes of it", n)
		}
	}
}

// watched notes under which nonce each packet left.
type watched struct {
	cipher.AEAD
	nonce [12]byte
}

func (w *watched) Seal(dst, nonce, plaintext, data []byte) []byte {
	w.nonce = [12]byte(nonce)

	return w.AEAD.Seal(dst, nonce, plaintext, data)
}

// TestNonceIsNeverUsedTwice: whatever is asked for, two different packets never
// leave under one nonce.
func TestNonceIsNeverUsedTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key, salt := keys(16)
		s, err := NewSession(key, salt)
		if err != nil {
			t.Fatal(err)
		}
		w := &watched{AEAD: s.aead}
		s.aead = w
		streams := map[uint32]*Stream{}
		left := map[[12]byte][]byte{} // what left, by nonce
		seq := rapid.Uint16().Draw(t, "first")
		content := rapid.IntRange(0, 2)
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			id := uint32(rapid.IntRange(1, 2).Draw(t, "SSRC"))
			if st, err := s.Stream(id, true); err == nil {
				if streams[id] != nil {
					t.Fatalf("SSRC %d was given out twice", id)
				}
				streams[id] = st
			}
			st := streams[id]
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0, 1:
				seq += uint16(rapid.IntRange(0, 3).Draw(t, "ahead"))
			case 2:
				seq -= uint16(rapid.IntRange(0, 300).Draw(t, "back"))
			default:
				seq += uint16(rapid.IntRange(0, 40000).Draw(t, "leap"))
			}
			c := content.Draw(t, "content")
			p := &Packet{PayloadType: 96, Sequence: seq, Timestamp: uint32(c), Payload: []byte{byte(c), 7}}
			again := rapid.Bool().Draw(t, "again")
			call := st.Seal
			if again {
				call = st.Repeat
			}
			out, err := call(make([]byte, 0, 100), p)
			if err != nil {
				if len(out) != 0 {
					t.Fatalf("%v, and yet %d bytes", err, len(out))
				}

				continue
			}
			before, used := left[w.nonce]
			if used && !bytes.Equal(before, out) {
				t.Fatalf("two packets left under the nonce %x", w.nonce)
			}
			if used != again {
				t.Fatalf("nonce used before: %v; repetition: %v", used, again)
			}
			left[w.nonce] = bytes.Clone(out)
		}
	})
}

func TestRepetitionIsTheSamePacket(t *testing.T) {
	st := stream(t, session(t, 16), true)
	sealed := map[int][]byte{}
	for n := 1000; n < 2000; n++ {
		out, err := st.Seal(nil, packetOf(n))
		if err != nil {
			t.Fatal(err)
		}
		sealed[n] = out
	}
	for _, n := range []int{1999, 1800, 2000 - repeats} {
		again, err := st.Repeat(nil, packetOf(n))
		if err != nil || !bytes.Equal(again, sealed[n]) {
			t.Errorf("packet %d: %v; equal: %v", n, err, bytes.Equal(again, sealed[n]))
		}
	}
	for name, p := range map[string]*Packet{
		"payload":   {PayloadType: 102, Sequence: 1999, Timestamp: 1999 * 3000, Payload: []byte("another")},
		"timestamp": {PayloadType: 102, Marker: true, Sequence: 1998, Timestamp: 1, Payload: packetOf(1998).Payload},
	} {
		if out, err := st.Repeat(nil, p); !errors.Is(err, ErrDiffers) || len(out) != 0 {
			t.Errorf("another %s: %d bytes and %v, want ErrDiffers", name, len(out), err)
		}
	}
	for _, n := range []int{1000, 2000 - repeats - 1, 2000, 30000} {
		if _, err := st.Repeat(nil, packetOf(n)); !errors.Is(err, ErrUsed) {
			t.Errorf("packet %d: %v, want ErrUsed", n, err)
		}
	}
	if _, err := st.Seal(nil, packetOf(1999)); !errors.Is(err, ErrUsed) {
		t.Errorf("sealing 1999 again: %v, want ErrUsed", err)
	}
}

func TestSSRCHasOneOwner(t *testing.T) {
	s := session(t, 16)
	stream(t, s, false)
	if _, err := s.Stream(ssrc, false); !errors.Is(err, ErrTaken) {
		t.Errorf("a second Stream: %v, want ErrTaken", err)
	}
	if err := s.Reserve(7); err != nil {
		t.Error(err)
	}
	if _, err := s.Stream(7, false); !errors.Is(err, ErrTaken) {
		t.Errorf("a Stream of a reserved SSRC: %v, want ErrTaken", err)
	}
}

func TestIndicesEnd(t *testing.T) {
	st := stream(t, session(t, 16), false)
	st.started, st.newest = true, 1<<48-2
	if _, err := st.Seal(nil, packetOf(1<<16-1)); err != nil {
		t.Fatal(err)
	}
	if _, err := st.Seal(nil, packetOf(0)); !errors.Is(err, ErrExhausted) {
		t.Errorf("after the last index: %v, want ErrExhausted", err)
	}
}

func TestHandshakeThatGivesNoSession(t *testing.T) {
	known := uint16(dtls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)
	whole := func() *Handshake {
		return &Handshake{
			clientRandom: make([]byte, 32), serverRandom: make([]byte, 32), master: make([]byte, 48), suite: known,
			profile: dtls.SRTP_AEAD_AES_128_GCM,
		}
	}
	for name, c := range map[string]struct {
		change func(*Handshake)
		want   error
	}{
		"nothing heard":  {func(h *Handshake) { *h = Handshake{} }, ErrNotServer},
		"client":         {func(h *Handshake) { h.serverRandom = nil }, ErrNotServer},
		"AES-CM":         {func(h *Handshake) { h.profile = dtls.SRTP_AES128_CM_HMAC_SHA1_80 }, ErrProfile},
		"no SRTP":        {func(h *Handshake) { h.profile = 0 }, ErrProfile},
		"unknown cipher": {func(h *Handshake) { h.suite = 1 }, ErrCipherSuite},
		"all is well":    {func(*Handshake) {}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			h := whole()
			c.change(h)
			if _, err := h.Session(); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Errorf("Session: %v, want %v", err, c.want)
			}
			if _, err := h.Session(); !errors.Is(err, ErrNotServer) {
				t.Errorf("a second Session: %v, want ErrNotServer", err)
			}
		})
	}
}

func TestKeyLogLines(t *testing.T) {
	h := &Handshake{}
	for _, line := range []string{"", "CLIENT_RANDOM", "CLIENT_RANDOM zz 00\n", "CLIENT_RANDOM 00 zz\n", "SERVER 00 00\n"} {
		if n, err := h.Write([]byte(line)); n != len(line) || err != nil || h.master != nil {
			t.Errorf("Write(%q) = %d, %v; secret %x", line, n, err, h.master)
		}
	}
	_, _ = h.Write([]byte("CLIENT_RANDOM 0102 a0b0\n"))
	if !bytes.Equal(h.clientRandom, []byte{1, 2}) || !bytes.Equal(h.master, []byte{0xa0, 0xb0}) {
		t.Errorf("got %x and %x", h.clientRandom, h.master)
	}
}

func TestSealingDoesNotAllocate(t *testing.T) {
	st := stream(t, session(t, 16), true)
	dst, p := make([]byte, 0, 1500), packetOf(1100)
	allocs := testing.AllocsPerRun(500, func() {
		p.Sequence++
		if _, err := st.Seal(dst, p); err != nil {
			t.Fatal(err)
		}
	})
	if allocs != 0 {
		t.Errorf("%.1f allocations a packet", allocs)
	}
}

func BenchmarkSeal(b *testing.B) {
	st := stream(b, session(b, 16), false)
	dst, p := make([]byte, 0, 1500), packetOf(1100)
	b.ReportAllocs()
	b.SetBytes(int64(len(p.Payload)))
	for b.Loop() {
		p.Sequence++
		_, _ = st.Seal(dst, p)
	}
}
