package h264

import (
	"slices"
	"testing"
)

// TestParseSlice: slice types and order counts tell what the container's times tell.
func TestParseSlice(t *testing.T) {
	for _, args := range [][]string{
		{"-profile:v", "main", "-bf", "2", "-g", "20", "-x264-params", "b-pyramid=none:b-adapt=0"},
		{"-profile:v", "high", "-bf", "3", "-g", "50", "-x264-params", "b-adapt=0", "-flags", "+ilme+ildct"},
		{"-profile:v", "baseline", "-g", "40", "-slices", "3"},
	} {
		var poc pocReader
		var orders []int64
		samples := clip(t, "320x240", 2, args...)
		frameNum := uint32(0)
		for i, s := range samples {
			for _, nal := range split(t, s) {
				if !isVCL(nalType(nal)) {
					continue
				}
				head, err := ParseSlice(nal, s.cfg)
				if err != nil {
					t.Fatal(err)
				}
				early := i+1 < len(samples) && slices.ContainsFunc(samples[:i], func(b sample) bool { return b.pts > s.pts })
				want := SliceP
				switch {
				case s.key:
					want = SliceI
				case early:
					want = SliceB
				}
				if head.Type != want || head.IDR != s.key || head.PPS != 0 {
					t.Fatalf("slice at %v of type %v, key %v; want %v, %v", s.pts, head.Type, head.IDR, want, s.key)
				}
				if head.FirstMB != 0 {
					continue
				}
				span := uint32(16) << s.cfg.sps[0].Log2MaxFrameNumMinus4
				if s.key && head.FrameNum != 0 || !s.key && (head.FrameNum-frameNum)%span > 1 {
					t.Fatalf("frame_num %d after %d at %v", head.FrameNum, frameNum, s.pts)
				}
				if head.RefIDC > 0 {
					frameNum = head.FrameNum
				}
				if s.key {
					orders = nil
				}
				orders = append(orders, poc.order(head, s.key, s.pts))
				// Order counts rank a group's pictures as times do.
				for j := range orders {
					a, b := samples[i-j], orders[len(orders)-1-j]
					if (a.pts < s.pts) != (b < orders[len(orders)-1]) {
						t.Fatalf("pictures at %v and %v have orders %d and %d", a.pts, s.pts, b, orders[len(orders)-1])
					}
				}
			}
		}
	}
}

func TestParseSliceRefuses(t *testing.T) {
	cfg := mustConfig(t, testSPS, testPPS)
	for name, nal := range map[string][]byte{
		"empty":        nil,
		"head only":    {0x41},
		"SPS":          testSPS,
		"zeros":        {0x41, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		"slice type":   {0x41, 0x84, 0x20}, // 15
		"ends early":   {0x41, 0x49},
		"PPS unknown":  {0x41, 0xcc, 0x80, 0, 0, 0},
		"partition B":  {0x43, 0x9a, 0x24},
		"STAP-A":       {0x78, 0x9a, 0x24},
		"all escapes":  {0x41, 0, 0, 3, 0, 0, 3, 0, 0, 3},
		"ones and cut": {0x65, 0xf8},
	} {
		if s, err := ParseSlice(nal, cfg); err == nil {
			t.Errorf("%s read as %+v", name, s)
		}
	}
}

func FuzzParseSlice(f *testing.F) {
	for _, args := range [][]string{
		{"-profile:v", "high", "-bf", "3", "-refs", "4"},
		{"-profile:v", "main", "-flags", "+ilme+ildct"},
		{"-profile:v", "baseline"},
	} {
		s := clip(f, "320x240", 1, args...)
		for i := range 5 {
			nals := split(f, s[i])
			last := nals[len(nals)-1]
			f.Add(last[:min(len(last), 64)], s[i].cfg.SPS[0], s[i].cfg.PPS[0])
		}
	}
	f.Fuzz(func(t *testing.T, nal, sps, pps []byte) {
		cfg, err := NewConfig([][]byte{sps}, [][]byte{pps})
		if err != nil {
			cfg = mustConfig(t, testSPS, testPPS)
		}
		s, err := ParseSlice(nal, cfg)
		if err == nil && (s.Type > SliceSI || s.PPS > 255 || s.POCBits > 16 || s.FrameNum > 0xffff || s.POCLsb > 0xffff) {
			t.Fatalf("%+v", s)
		}
		flt := NewReorderFilter()
		for i := range 6 {
			flt.Check([][]byte{nal}, cfg, ms(i), ms(i), i == 0)
		}
		flt.Check([][]byte{nal}, nil, ms(9), ms(9), false)
	})
}
