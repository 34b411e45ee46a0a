package h264

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestSplitAVCC(t *testing.T) {
	for _, c := range []struct {
		name string
		in   []byte
		size int
		want []string
		err  string
	}{
		{"four", []byte{0, 0, 0, 2, 'a', 'b', 0, 0, 0, 1, 'c'}, 4, []string{"ab", "c"}, ""},
		{"three", []byte{0, 0, 2, 'a', 'b', 0, 0, 1, 'c'}, 3, []string{"ab", "c"}, ""},
		{"two", []byte{0, 2, 'a', 'b', 0, 1, 'c'}, 2, []string{"ab", "c"}, ""},
		{"one", []byte{2, 'a', 'b', 1, 'c'}, 1, []string{"ab", "c"}, ""},
		{"empty", nil, 4, nil, ""},
		{"empty NAL units", []byte{0, 0, 0, 0, 0, 0, 0, 1, 'c', 0, 0, 0, 0}, 4, []string{"c"}, ""},
		{"short length", []byte{0, 0, 0, 1, 'c', 0, 0}, 4, nil, "2 stray bytes at offset 5"},
		{"short body", []byte{0, 0, 0, 9, 'c'}, 4, nil, "NAL unit of 9 bytes at offset 4, only 1 left"},
		{"huge", []byte{0xff, 0xff, 0xff, 0xff, 'c'}, 4, nil, "only 1 left"},
		{"annex b", []byte{0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0, 0, 0, 1, 0x68}, 4, nil, "writes Annex B"},
		{"length size", []byte{1, 'c'}, 5, nil, "length size 5"},
		{"too many", bytes.Repeat([]byte{1, 'c'}, MaxNALs+1), 1, nil, "more than 2048"},
	} {
		t.Run(c.name, func(t *testing.T) {
			kept := [][]byte{[]byte("kept")}
			got, err := SplitAVCC(kept, c.in, c.size)
			if c.err != "" {
				if !errors.Is(err, ErrAVCC) || !strings.Contains(err.Error(), c.err) || len(got) != 1 {
					t.Fatalf("%d NAL units, error %v; want 1 and %q", len(got), err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var text []string
			for _, nal := range got[1:] {
				text = append(text, string(nal))
			}
			if !slices.Equal(text, c.want) {
				t.Fatalf("got %q, want %q", text, c.want)
			}
		})
	}
}

func TestKeyframes(t *testing.T) {
	recovery := []byte{0x06, 0x06, 0x01, 0xc4, 0x80}      // recovery_frame_cnt 0
	refresh := []byte{0x06, 0x06, 0x02, 0x03, 0x00, 0x80} // recovery_frame_cnt above 0
	iSlice := []byte{0x61, 0x88, 0x84, 0x00}
	pSlice := []byte{0x41, 0x9a, 0x24, 0x6c}
	for _, c := range []struct {
		name          string
		nals          [][]byte
		key, recovery bool
	}{
		{"idr", [][]byte{testSPS, testPPS, {0x65, 0x88, 0x84}}, true, false},
		{"p", [][]byte{pSlice}, false, false},
		{"i alone", [][]byte{iSlice}, false, false},
		{"recovery point", [][]byte{recovery, iSlice, iSlice}, false, true},
		{"recovery point, mixed slices", [][]byte{recovery, iSlice, pSlice}, false, false},
		{"recovery point without picture", [][]byte{recovery}, false, false},
		{"intra refresh", [][]byte{refresh, iSlice}, false, false},
		{"nothing", nil, false, false},
		{"empty", [][]byte{{}, {0x06}}, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := IsKeyframe(c.nals); got != c.key {
				t.Errorf("keyframe %v, want %v", got, c.key)
			}
			if got := IsRecoveryPoint(c.nals); got != c.recovery {
				t.Errorf("recovery point %v, want %v", got, c.recovery)
			}
		})
	}
}

func TestWithoutParameterSets(t *testing.T) {
	slice, sei := []byte{0x65, 0x88}, []byte{0x06, 0x05}
	got := WithoutParameterSets(nil, [][]byte{{0x09, 0xf0}, testSPS, testPPS, sei, {}, slice, {0x0c, 0xff}, {0x0a}})
	if !slices.EqualFunc(got, [][]byte{sei, slice}, bytes.Equal) {
		t.Fatalf("left %x", got)
	}
}

func FuzzSplitAVCC(f *testing.F) {
	f.Add([]byte{0, 0, 0, 2, 0x65, 0x88, 0, 0, 0, 1, 0x41}, 4)
	f.Add([]byte{0, 0, 1, 0x65}, 3)
	f.Add([]byte{1, 0x65, 0}, 1)
	f.Add([]byte{0, 0, 0, 1, 0x67, 0xff, 0xff, 0xff}, 4)
	f.Fuzz(func(t *testing.T, b []byte, size int) {
		nals, err := SplitAVCC(nil, b, size)
		if err != nil {
			if len(nals) > 0 {
				t.Fatal("NAL units beside an error")
			}
			return
		}
		IsKeyframe(nals)
		IsRecoveryPoint(nals)
		again, err := SplitAVCC(nil, AppendAVCC(nil, nals), 4)
		if err != nil && len(b) < MaxAccessUnitSize/5 || err == nil && !slices.EqualFunc(nals, again, bytes.Equal) {
			t.Fatalf("not the same after a round trip: %v", err)
		}
	})
}
