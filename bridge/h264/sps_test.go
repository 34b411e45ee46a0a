package h264

import (
	"reflect"
	"testing"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
)

// TestRewriteSPS: an independent parser sees the promise, and nothing else changed.
func TestRewriteSPS(t *testing.T) {
	for _, c := range []struct {
		name string
		sps  []byte
	}{
		{"no VUI", testSPSWithoutVUI()},
		{"VUI without restriction", testSPS},
		{"baseline", clipSPS(t, "-profile:v", "baseline")},
		{"main", clipSPS(t, "-profile:v", "main", "-bf", "2")},
		{"high", clipSPS(t, "-profile:v", "high", "-bf", "3", "-refs", "5")},
		{"cqm", clipSPS(t, "-profile:v", "high", "-x264-params", "cqm=jvt")},
		{"hrd", clipSPS(t, "-x264-params", "nal-hrd=cbr:vbv-maxrate=500:vbv-bufsize=500", "-b:v", "500k")},
		{"interlaced", clipSPS(t, "-flags", "+ilme+ildct")},
		{"high444", clipSPS(t, "-profile:v", "high444", "-pix_fmt", "yuv444p")},
		{"scaling lists", syntheticSPS(true, 0)},
		{"order count type 1", syntheticSPS(false, 1)},
		{"order count type 2", syntheticSPS(false, 2)},
		{"colours", clipSPS(t, "-color_primaries", "bt709", "-color_trc", "bt709", "-colorspace", "bt709", "-color_range", "pc", "-aspect", "7:3")},
	} {
		for _, gaps := range []bool{false, true} {
			t.Run(c.name, func(t *testing.T) {
				out, err := rewriteSPS(c.sps, gaps)
				if err != nil {
					t.Fatal(err)
				}
				var before, after h264.SPS
				if before.Unmarshal(c.sps) != nil || after.Unmarshal(out) != nil {
					t.Fatal("unreadable")
				}
				r := after.VUI.BitstreamRestriction
				if r == nil || r.MaxNumReorderFrames != 0 || r.MaxDecFrameBuffering < before.MaxNumRefFrames || r.MaxDecFrameBuffering > 16 {
					t.Fatalf("restriction %+v", r)
				}
				if after.GapsInFrameNumValueAllowedFlag != (gaps || before.GapsInFrameNumValueAllowedFlag) {
					t.Fatal("gaps flag wrong")
				}
				if before.VUI == nil {
					before.VUI = &h264.SPS_VUI{}
				}
				before.VUI.BitstreamRestriction, after.VUI.BitstreamRestriction = nil, nil
				after.GapsInFrameNumValueAllowedFlag = before.GapsInFrameNumValueAllowedFlag
				if !reflect.DeepEqual(before, after) {
					t.Fatalf("more changed:\n%+v\n%+v", before, after)
				}
				if plain, err := RewriteSPSNoReorder(c.sps); !gaps && (err != nil || string(plain) != string(out)) {
					t.Fatalf("%x, %v", plain, err)
				}
				again, err := rewriteSPS(out, gaps)
				if err != nil || string(again) != string(out) {
					t.Fatalf("rewriting twice gives %x, first %x, %v", again, out, err)
				}
			})
		}
	}
}

func clipSPS(tb testing.TB, args ...string) []byte {
	return clip(tb, "320x240", 1, args...)[0].cfg.SPS[0]
}

// testSPSWithoutVUI is testSPS cut at its VUI.
func testSPSWithoutVUI() []byte {
	rbsp := unescape(nil, testSPS[1:], 100)
	r := bitReader{b: rbsp}
	skipSPS(&r)
	var w bitWriter
	w.copyBits(rbsp, 0, r.pos)
	w.bit(0)
	w.trail()
	return escape([]byte{testSPS[0]}, w.b)
}

// syntheticSPS writes what x264 never does: scaling lists, 4:4:4 in planes, order counts of type 1, an extended aspect ratio,
// overscan and chroma locations.
func syntheticSPS(lists bool, order uint32) []byte {
	var w bitWriter
	se := func(v int32) {
		if v > 0 {
			w.ue(uint32(2*v - 1))
		} else {
			w.ue(uint32(-2 * v))
		}
	}
	w.bits(244, 8)
	w.bits(31, 16)
	w.ue(3)
	w.ue(3)
	w.bit(1)
	w.ue(2)
	w.ue(0)
	w.bit(0)
	if lists {
		w.bit(1)
		for i := range 12 {
			if i%3 == 2 {
				w.bit(0)
				continue
			}
			w.bit(1)
			size := 16
			if i >= 6 {
				size = 64
			}
			switch i % 3 {
			case 0: // every value
				for j := range size {
					se(int32(j%5) - 2)
				}
			case 1: // ends after three
				se(4)
				se(-2)
				se(-10)
			}
		}
	} else {
		w.bit(0)
	}
	w.ue(4)
	w.ue(order)
	switch order {
	case 0:
		w.ue(6)
	case 1:
		w.bit(0)
		se(-3)
		se(2)
		w.ue(3)
		se(5)
		se(-70000)
		se(0)
	}
	w.ue(2)
	w.bit(0)
	w.ue(19)
	w.ue(14)
	w.bit(0)
	w.bit(1)
	w.bit(1)
	w.bit(1)
	for i := range uint32(4) {
		w.ue(i)
	}
	w.bit(1)
	w.bits(1<<8|255, 9) // extended aspect ratio
	w.bits(0, 16)
	w.bits(1, 16)
	w.bits(3, 2) // overscan
	w.bit(0)
	w.bit(1) // chroma locations
	w.ue(2)
	w.ue(3)
	w.bits(0, 5)
	w.trail()
	return escape([]byte{0x67}, w.b)
}

func TestNoReorder(t *testing.T) {
	// x264 baseline already says that nothing is reordered.
	cfg := clip(t, "320x240", 1, "-profile:v", "baseline")[0].cfg
	if cfg.NoReorder() != cfg {
		t.Error("rewritten without need")
	}
	cfg = clip(t, "320x240", 1, "-profile:v", "high", "-bf", "3")[0].cfg
	out := cfg.NoReorder()
	if out.MaxReorder != 0 || out.Width != cfg.Width || out.FPS != cfg.FPS || out.ProfileLevelID() != cfg.ProfileLevelID() {
		t.Errorf("%+v", out)
	}
	if cfg.MaxReorder != 2 || out.NoReorder() != out {
		t.Error("the publisher's config changed, or the rewritten one is rewritten")
	}
}

func FuzzRewriteSPS(f *testing.F) {
	f.Add(testSPS, true)
	f.Add(testSPSWithoutVUI(), false)
	f.Add(syntheticSPS(true, 0), false)
	f.Add(syntheticSPS(false, 1), true)
	f.Add(clipSPS(f, "-profile:v", "high", "-bf", "3", "-x264-params", "cqm=jvt:nal-hrd=vbr:vbv-maxrate=500:vbv-bufsize=500"), true)
	f.Fuzz(func(t *testing.T, sps []byte, gaps bool) {
		out, err := rewriteSPS(sps, gaps)
		if err != nil {
			return
		}
		var before, after h264.SPS
		if err := before.Unmarshal(sps); err != nil {
			t.Fatal(err)
		}
		if err := after.Unmarshal(out); err != nil {
			t.Fatalf("%x is unreadable: %v", out, err)
		}
		if after.VUI == nil || after.VUI.BitstreamRestriction == nil || after.VUI.BitstreamRestriction.MaxNumReorderFrames != 0 {
			t.Fatalf("%x does not say it", out)
		}
		if before.Width() != after.Width() || before.Height() != after.Height() || before.MaxNumRefFrames != after.MaxNumRefFrames {
			t.Fatal("the picture changed")
		}
		for i := 3; i < len(out); i++ {
			if out[i-3] == 0 && out[i-2] == 0 && out[i-1] < 3 {
				t.Fatalf("start code inside %x", out)
			}
		}
	})
}
