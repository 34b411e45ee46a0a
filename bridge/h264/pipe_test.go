package h264

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var (
	testSPS = []byte{0x67, 0x42, 0xc0, 0x1f, 0xda, 0x01, 0x40, 0x16, 0xe8, 0x40, 0x00, 0x00, 0x03, 0x00, 0x40, 0x00, 0x00, 0x0f, 0x23, 0xc6, 0x0c, 0xa8}
	testPPS = []byte{0x68, 0xce, 0x0f, 0xc8}
)

// modelUnit draws an access unit. Slice bodies start with first_mb_in_slice 0 in the first
// slice and another one in the rest; the filling is unique.
func modelUnit(t *rapid.T, n int, key, disposable bool) [][]byte {
	var nals [][]byte
	head := byte(0x41)
	switch {
	case key:
		head = 0x65
		nals = append(nals, testSPS, testPPS)
	case disposable:
		head = 0x01
	}
	for i := range rapid.IntRange(1, 4).Draw(t, "slices") {
		size := rapid.SampledFrom([]int{1, 10, 90, 100, 101, 250, 700}).Draw(t, "size")
		body := bytes.Repeat([]byte{byte(n), byte(n >> 8), byte(i), 0x7f}, size/4+1)[:size]
		first := byte(0x80)
		if i > 0 {
			first = 0x40
		}
		nals = append(nals, append([]byte{head, first}, body...))
	}
	return nals
}

type modelAU struct {
	ts              uint32
	nals            [][]byte
	key, disposable bool
	first, last     int // packets
}

// TestPipeModel: whatever is lost, doubled, delayed or unmarked, every access unit that comes out
// is one that went in, in order, and only after a keyframe does anything follow a loss that mattered.
func TestPipeModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type wire struct {
			seq uint64
			p   Packet
		}
		var (
			units   []modelAU
			packets []wire
			pz      = Packetizer{MaxPayload: 100}
			seq     = uint16(rapid.Uint16().Draw(t, "seq"))
			unwrap  Unwrapper
			marks   = rapid.Bool().Draw(t, "markers")
			ts      = rapid.Uint32().Draw(t, "ts")
		)
		for n := range rapid.IntRange(1, 40).Draw(t, "units") {
			au := modelAU{ts: ts, key: n == 0 || rapid.IntRange(0, 9).Draw(t, "kind") == 0, first: len(packets)}
			au.disposable = !au.key && rapid.IntRange(0, 3).Draw(t, "kind") == 0
			au.nals = modelUnit(t, n, au.key, au.disposable)
			payloads := pz.Packetize(au.nals, nil, au.key)
			for i, b := range payloads {
				packets = append(packets, wire{unwrap.Extend(seq), Packet{ts, marks && i == len(payloads)-1, b}})
				seq++
			}
			if rapid.IntRange(0, 9).Draw(t, "padding") == 0 {
				packets = append(packets, wire{unwrap.Extend(seq), Packet{ts, false, nil}})
				seq++
			}
			au.last = len(packets) - 1
			units = append(units, au)
			ts += 3000
		}
		lossy := rapid.IntRange(0, 20).Draw(t, "lossy")
		lost := make([]bool, len(packets))
		var sent []wire
		for i := range packets {
			if rapid.IntRange(0, 99).Draw(t, "loss") < lossy {
				lost[i] = true
				continue
			}
			sent = append(sent, packets[i])
			if rapid.IntRange(0, 19).Draw(t, "dup") == 0 {
				sent = append(sent, packets[i])
			}
		}
		for i := range sent {
			if d := rapid.IntRange(0, 5).Draw(t, "delay"); i > 0 && i+d < len(sent) {
				sent[i], sent[i+d] = sent[i+d], sent[i]
			}
		}

		jb := JitterBuffer{MaxWait: 100 * time.Millisecond}
		var asm Assembler
		var got []AccessUnit
		now := time.Unix(1000, 0)
		drain := func() {
			for {
				p, n, ok := jb.Pop(now)
				if !ok {
					return
				}
				asm.Lost(n)
				got = append(got, slices.Clone(asm.Push(p))...)
			}
		}
		for _, w := range sent {
			now = now.Add(time.Millisecond)
			jb.Push(w.seq, w.p, now)
			drain()
		}
		now = now.Add(time.Second)
		drain()

		at := 0
		after := -1
		for _, au := range got {
			i := at
			for i < len(units) && units[i].ts != au.Timestamp {
				i++
			}
			if i == len(units) {
				t.Fatalf("access unit at %d never went in, or came out of order", au.Timestamp)
			}
			if !slices.EqualFunc(au.NALs, units[i].nals, bytes.Equal) || au.Key != units[i].key {
				t.Fatalf("access unit %d came out changed", i)
			}
			if au.Config == nil {
				t.Fatalf("access unit %d without a config", i)
			}
			for j := after + 1; j < i && !au.Key; j++ {
				if !units[j].disposable {
					t.Fatalf("access unit %d came out although %d, which it refers to, did not", i, j)
				}
			}
			if au.Key || after >= 0 {
				after = i
			}
			at = i + 1
		}
		if lossy == 0 && jb.Stats().Lost == 0 && jb.Stats().Late == uint64(len(sent)-len(packets))-jb.Stats().Duplicates {
			want := len(units)
			if !marks {
				want--
			}
			if len(got) != want {
				t.Fatalf("%d access units came out of a lossless run, want %d", len(got), want)
			}
		}
	})
}

// TestLossBetweenUnits loses a whole picture: the ones around it look whole.
func TestLossBetweenUnits(t *testing.T) {
	var pz Packetizer
	var asm Assembler
	key := [][]byte{testSPS, testPPS, {0x65, 0x80, 1, 2, 3}}
	inter := func(n byte) [][]byte { return [][]byte{{0x41, 0x9a, n}} }
	push := func(nals [][]byte, ts uint32, lost int) (out []AccessUnit) {
		payloads := pz.Packetize(nals, nil, IsKeyframe(nals))
		for i, b := range payloads {
			asm.Lost(lost)
			lost = 0
			out = append(out, asm.Push(Packet{ts, i == len(payloads)-1, b})...)
		}
		return out
	}
	steps := []struct {
		nals [][]byte
		lost int
		out  int
		need bool
	}{
		{inter(0), 0, 0, true},
		{key, 0, 1, false},
		{inter(1), 0, 1, false},
		{inter(3), 1, 0, true},
		{inter(4), 0, 0, true},
		{key, 0, 1, false},
		{inter(5), 0, 1, false},
		{key, 3, 1, false},
	}
	for i, s := range steps {
		if out := push(s.nals, uint32(i)*3000, s.lost); len(out) != s.out || asm.NeedKeyframe() != s.need {
			t.Fatalf("step %d: %d access units, need keyframe %v; want %d, %v", i, len(out), asm.NeedKeyframe(), s.out, s.need)
		}
	}
}

// TestPipeRealClips carries real streams from AVCC to RTP and back. Nothing changes, also over a change of
// resolution, and the decoder finds every picture.
func TestPipeRealClips(t *testing.T) {
	high := []string{"-profile:v", "high", "-bf", "0", "-g", "15", "-b:v", "2M"}
	for _, c := range []struct {
		name  string
		parts [][]sample
	}{
		{"slices", [][]sample{clip(t, "640x360", 2, append(high, "-slices", "4")...)}},
		{"small slices", [][]sample{clip(t, "640x360", 2, append(high, "-x264-params", "slice-max-size=400")...)}},
		{"b-frames", [][]sample{clip(t, "640x360", 2, "-bf", "3", "-g", "15")}},
		{"resolution change", [][]sample{clip(t, "640x360", 1, high...), clip(t, "320x180", 1, high...), clip(t, "640x360", 1, high...)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var pz Packetizer
			jb := NewJitterBuffer(time.Second)
			asm := NewAssembler()
			var want, got []byte
			var widths []int
			in, out := 0, 0
			now := time.Unix(1000, 0)
			var sent []Packet
			for _, s := range slices.Concat(c.parts...) {
				nals := threeByteLengths(t, split(t, s))
				if s.key {
					want = annexB(want, slices.Concat(s.cfg.SPS, s.cfg.PPS))
				}
				want = annexB(want, nals)
				in++
				payloads := pz.Packetize(nals, s.cfg, s.key)
				for i, b := range payloads {
					sent = append(sent, Packet{uint32(in * 3000), i == len(payloads)-1, b})
				}
			}
			for i := range sent {
				if i > 1 && i^1 < len(sent) { // neighbours swapped, but the first two
					i ^= 1
				}
				jb.Push(65000+uint64(i), sent[i], now)
				for p, lost, ok := jb.Pop(now); ok; p, lost, ok = jb.Pop(now) {
					asm.Lost(lost)
					for _, au := range asm.Push(p) {
						out++
						got = annexB(got, au.NALs)
						if n := len(widths); n == 0 || widths[n-1] != au.Config.Width {
							widths = append(widths, au.Config.Width)
						}
					}
				}
			}
			if out != in || !bytes.Equal(want, got) || len(widths) != len(c.parts) {
				t.Fatalf("%d of %d access units came out, widths %v, %+v, %+v", out, in, widths, asm.Stats(), jb.Stats())
			}
			if n := len(decode(t, got)); n != out {
				t.Fatalf("%d of %d pictures decoded", n, out)
			}
		})
	}
}

// threeByteLengths writes and reads NAL units with 3-byte lengths.
func threeByteLengths(t *testing.T, nals [][]byte) [][]byte {
	var b []byte
	for _, n := range nals {
		b = append(append(b, byte(len(n)>>16), byte(len(n)>>8), byte(len(n))), n...)
	}
	out, err := SplitAVCC(nil, b, 3)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func ExampleConfig_ProfileLevelID() {
	cfg, _ := NewConfig([][]byte{testSPS}, [][]byte{testPPS})
	fmt.Println(cfg.ProfileLevelID(), cfg.Profile, cfg.Level, cfg.Width, cfg.Height, cfg.FPS)
	// Output: 42c01f constrained-baseline 3.1 1280 720 30
}
