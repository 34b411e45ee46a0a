package h264

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

var (
	idrNAL  = []byte{0x65, 0x88, 0x84, 0x11, 0x22, 0x33, 0x44}
	idrNAL2 = []byte{0x65, 0x40, 0x84, 0x11, 0x22, 0x33, 0x44}
	pNAL    = []byte{0x41, 0x9a, 0x24, 0x11, 0x22, 0x33, 0x44}
	bNAL    = []byte{0x01, 0x9e, 0x42, 0x11, 0x22, 0x33, 0x44}
	bNAL2   = []byte{0x01, 0x41, 0x42, 0x11, 0x22, 0x33, 0x44}
)

func stapA(nals ...[]byte) []byte {
	b := []byte{0x78}
	for _, n := range nals {
		b = append(append(b, byte(len(n)>>8), byte(len(n))), n...)
	}
	return b
}

// fuA cuts a NAL unit in three.
func fuA(nal []byte) (a, b, c []byte) {
	ind, typ := nal[0]&0xe0|28, nal[0]&0x1f
	return append([]byte{ind, typ | 0x80}, nal[1:3]...), append([]byte{ind, typ}, nal[3:5]...), append([]byte{ind, typ | 0x40}, nal[5:]...)
}

func TestAssembler(t *testing.T) {
	sets := stapA(testSPS, testPPS)
	i1, i2, i3 := fuA(idrNAL)
	p1, p2, p3 := fuA(pNAL)
	b1, b2, b3 := fuA(bNAL)
	type in struct {
		ts   uint32
		mark bool
		b    []byte
		lost int
	}
	key := []in{{1, false, sets, 0}, {1, true, idrNAL, 0}}
	after := func(more ...in) []in { return slices.Concat(key, more) }
	for _, c := range []struct {
		name string
		in   []in
		out  string // timestamp:NAL unit types, of each access unit
		need bool
	}{
		{"key", key, "1:785", false},
		{"sets one by one, fragments", []in{{1, false, testSPS, 0}, {1, false, testPPS, 0}, {1, false, i1, 0}, {1, false, i2, 0}, {1, true, i3, 0}}, "1:785", false},
		{"all in one", []in{{1, true, stapA(testSPS, testPPS, idrNAL, idrNAL2), 0}}, "1:7855", false},
		{"slices", []in{{1, false, sets, 0}, {1, false, idrNAL, 0}, {1, true, idrNAL2, 0}}, "1:7855", false},
		{"marker on the sets too", []in{{1, true, sets, 0}, {1, true, idrNAL, 0}}, "1:785", false},
		{"sets ahead with their own time", []in{{1, true, sets, 0}, {2, true, idrNAL, 0}}, "2:5", false},
		{"no markers", []in{{1, false, sets, 0}, {1, false, idrNAL, 0}, {2, false, pNAL, 0}, {3, false, pNAL, 0}}, "1:785 2:1", false},
		{"padding between", after(in{1, false, nil, 0}, in{2, true, pNAL, 0}), "1:785 2:1", false},
		{"no sets", []in{{1, true, idrNAL, 0}}, "", true},
		{"joined in the middle", []in{{1, false, i2, 0}, {1, true, i3, 0}, {2, true, pNAL, 0}}, "", true},
		{"joined at a later slice", []in{{1, false, sets, 0}, {1, true, idrNAL2, 0}}, "", true},
		{"fragment lost", after(in{2, false, p1, 0}, in{2, true, p3, 1}, in{3, true, pNAL, 0}), "1:785", true},
		{"fragment lost silently", after(in{2, false, p1, 0}, in{3, true, pNAL, 0}), "1:785", true},
		{"fragment's head lost silently", after(in{2, false, p2, 0}, in{2, true, p3, 0}, in{3, true, pNAL, 0}), "1:785", true},
		{"last slice and marker lost", []in{{1, false, sets, 0}, {1, false, idrNAL, 0}, {2, true, pNAL, 1}}, "", true},
		{"picture lost", after(in{3, true, pNAL, 1}), "1:785", true},
		{"first slice of a keyframe lost", []in{{1, false, sets, 0}, {1, true, idrNAL, 1}}, "", true},
		{"lost before a keyframe with sets", after(in{5, false, sets, 7}, in{5, true, idrNAL, 0}), "1:785 5:785", false},
		{"lost before a keyframe without sets", after(in{5, true, idrNAL, 7}), "1:785", true},
		{"lost, next keyframe without sets", after(in{5, true, pNAL, 7}, in{6, true, idrNAL, 0}), "1:785 6:5", false},
		{"B fragment lost", after(in{2, false, b1, 0}, in{2, true, b3, 1}, in{3, true, pNAL, 0}), "1:785 3:1", false},
		{"B slice lost in between", after(in{2, false, bNAL, 0}, in{2, true, bNAL2, 1}, in{3, true, pNAL, 0}), "1:785 3:1", false},
		{"B fragment then another", after(in{2, false, b1, 0}, in{2, false, b1, 1}, in{2, false, b2, 0}, in{2, false, b3, 0}, in{2, true, bNAL2, 0}, in{3, true, pNAL, 0}), "1:785 3:1", false},
		{"B head lost", after(in{2, false, b2, 1}, in{2, true, b3, 0}, in{3, true, pNAL, 0}), "1:785", true},
		{"B end lost", after(in{2, false, b1, 0}, in{3, true, pNAL, 1}), "1:785", true},
		{"loss before padding", after(in{2, false, b1, 0}, in{2, false, nil, 1}, in{2, true, b3, 0}, in{3, true, pNAL, 0}), "1:785", true},
		{"STAP-B", after(in{2, true, append([]byte{25, 0, 0}, pNAL...), 0}, in{3, true, pNAL, 0}), "1:785", true},
		{"FU-B", after(in{2, true, []byte{29, 0x81, 0, 0, 1}, 0}), "1:785", true},
		{"STAP-A cut short", after(in{2, true, []byte{0x78, 0, 9, 0x41, 0x9a}, 0}), "1:785", true},
		{"STAP-A in a STAP-A", after(in{2, true, []byte{0x78, 0, 3, 0x78, 0, 1}, 0}), "1:785", true},
		{"start and end in one fragment", after(in{2, true, []byte{0x7c, 0xc1, 0x9a}, 0}), "1:785", true},
		{"broken SPS", after(in{2, false, stapA([]byte{0x67, 0xff, 0xff, 0xff, 0xff}, testPPS), 0}, in{2, true, idrNAL, 0}), "1:785", true},
		{"sets of a damaged keyframe hold", []in{{1, false, sets, 0}, {1, false, i1, 0}, {1, true, i3, 1}, {2, true, idrNAL, 0}}, "2:5", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			asm := NewAssembler()
			var out []string
			for _, p := range c.in {
				asm.Lost(p.lost)
				for _, au := range asm.Push(Packet{p.ts, p.mark, p.b}) {
					word := fmt.Sprint(au.Timestamp, ":")
					word = strings.ReplaceAll(word, " ", "")
					for _, n := range au.NALs {
						word += fmt.Sprint(n[0] & 0x1f)
					}
					out = append(out, word)
				}
			}
			if got := strings.Join(out, " "); got != c.out || asm.NeedKeyframe() != c.need {
				t.Fatalf("%q came out, need keyframe %v; want %q, %v", got, asm.NeedKeyframe(), c.out, c.need)
			}
		})
	}
}

// TestAssemblerBounded: an access unit without end is dropped, and its memory with it.
func TestAssemblerBounded(t *testing.T) {
	asm := NewAssembler()
	asm.Push(Packet{1, false, stapA(testSPS, testPPS)})
	asm.Push(Packet{1, false, []byte{0x7c, 0x85, 0x88}})
	more := append([]byte{0x7c, 0x05}, make([]byte, 60000)...)
	for range 200 {
		if out := asm.Push(Packet{1, false, more}); len(out) > 0 || cap(asm.buf) > 2*MaxAccessUnitSize {
			t.Fatalf("%d came out, %d bytes held", len(out), cap(asm.buf))
		}
	}
	asm = NewAssembler()
	tiny := stapA(slices.Repeat([][]byte{{0x06}}, 1000)...)
	for range 50 {
		asm.Push(Packet{1, false, tiny})
	}
	if len(asm.ends) > MaxNALs {
		t.Fatalf("%d NAL units held", len(asm.ends))
	}
}

// TestAssemblerOwnsMemory: what came out is not touched by later packets or the caller's buffer.
func TestAssemblerOwnsMemory(t *testing.T) {
	asm := NewAssembler()
	buf := stapA(testSPS, testPPS, idrNAL)
	au := asm.Push(Packet{1, true, buf})[0]
	clear(buf)
	for ts := range uint32(9) {
		asm.Push(Packet{2 + ts, true, pNAL})
	}
	if !slices.EqualFunc(au.NALs, [][]byte{testSPS, testPPS, idrNAL}, bytes.Equal) {
		t.Fatalf("changed to %x", au.NALs)
	}
}

func FuzzAssembler(f *testing.F) {
	i1, i2, i3 := fuA(idrNAL)
	join := func(ps ...[]byte) (b []byte) {
		for _, p := range ps {
			b = append(append(b, byte(len(p)), 0), p...)
		}
		return b
	}
	f.Add(join(stapA(testSPS, testPPS), idrNAL, pNAL, bNAL))
	f.Add(join(testSPS, testPPS, i1, i2, i3, stapA(pNAL, pNAL)))
	f.Add(join([]byte{25, 0}, []byte{0x7c, 0xff}, []byte{0x78, 0xff, 0xff}, []byte{0}))
	// Each packet is its length, its flags (1 marker, 2 next picture, 4 loss before it) and its payload.
	f.Fuzz(func(t *testing.T, b []byte) {
		asm := NewAssembler()
		ts := uint32(0)
		for len(b) >= 2 {
			n, flags := int(b[0]), b[1]
			b = b[2:]
			n = min(n, len(b))
			if flags&2 != 0 {
				ts++
			}
			if flags&4 != 0 {
				asm.Lost(1)
			}
			PayloadInfo(b[:n])
			ConfigOf(b[:n])
			for _, au := range asm.Push(Packet{ts, flags&1 != 0, b[:n]}) {
				if au.Config == nil || len(au.NALs) == 0 || IsKeyframe(au.NALs) != au.Key {
					t.Fatalf("came out: %+v", au)
				}
				for _, nal := range au.NALs {
					if len(nal) == 0 || nalType(nal) == 0 || nalType(nal) >= nalSTAPA {
						t.Fatalf("NAL unit %x", nal)
					}
				}
			}
			b = b[n:]
		}
	})
}
