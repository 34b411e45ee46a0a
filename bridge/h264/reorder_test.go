package h264

import (
	"slices"
	"testing"
	"time"
)

// TestReorderFilter filters real streams, then decodes what is left: ffmpeg finds nothing wrong, and each
// picture is the very one of the full stream, in order.
func TestReorderFilter(t *testing.T) {
	for _, c := range []struct {
		name     string
		args     []string
		mode     string
		min, max int // access units passed, of 90
	}{
		{"baseline", []string{"-profile:v", "baseline", "-g", "30"}, ModeNone, 90, 90},
		{"main", []string{"-profile:v", "main", "-bf", "0", "-g", "30"}, ModeNone, 90, 90},
		{"high slices", []string{"-profile:v", "high", "-bf", "0", "-g", "30", "-slices", "4"}, ModeNone, 90, 90},
		{"zerolatency", []string{"-tune", "zerolatency", "-g", "30"}, ModeNone, 90, 90},
		{"b main", []string{"-profile:v", "main", "-bf", "2", "-g", "30", "-x264-params", "b-pyramid=none:b-adapt=0"}, ModeDropped, 30, 40},
		{"b high", []string{"-profile:v", "high", "-bf", "2", "-g", "30", "-x264-params", "b-pyramid=none"}, ModeDropped, 30, 89},
		{"b slices", []string{"-profile:v", "high", "-bf", "2", "-g", "30", "-slices", "4", "-x264-params", "b-pyramid=none:b-adapt=0"}, ModeDropped, 30, 40},
		{"pyramid, one reference", []string{"-preset", "veryfast", "-bf", "3", "-g", "30", "-x264-params", "b-adapt=0"}, ModeDropped, 24, 27},
		{"pyramid, one reference, strict", []string{"-preset", "veryfast", "-bf", "3", "-g", "30", "-x264-params", "b-adapt=0:b-pyramid=strict"}, ModeDropped, 24, 27},
		{"pyramid, one reference, slices", []string{"-preset", "superfast", "-bf", "3", "-g", "30", "-slices", "3"}, ModeDropped, 24, 89},
		{"pyramid, weights", []string{"-preset", "veryfast", "-bf", "5", "-g", "45", "-x264-params", "weightp=2:b-adapt=0", "-vf", "fade=in:0:60"}, ModeDropped, 15, 20},
		{"pyramid normal", []string{"-profile:v", "high", "-bf", "3", "-g", "30", "-x264-params", "b-pyramid=normal:b-adapt=0"}, ModeKeyframesOnly, 3, 5},
		{"pyramid strict", []string{"-profile:v", "main", "-bf", "3", "-g", "30", "-x264-params", "b-pyramid=strict:b-adapt=0"}, ModeDropped, 24, 27},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f, n := filterAndDecode(t, clip(t, "320x240", 3, c.args...))
			if f.Mode() != c.mode || n < c.min || n > c.max {
				t.Fatalf("mode %s, %d of 90 passed, dropped %v; want %s, %d to %d", f.Mode(), n, f.Dropped(), c.mode, c.min, c.max)
			}
		})
	}
}

// TestReorderFilterSteps walks through what real clips do not hold.
func TestReorderFilterSteps(t *testing.T) {
	pyramid := clip(t, "320x240", 3, "-profile:v", "high", "-bf", "3", "-g", "30", "-x264-params", "b-pyramid=normal:b-adapt=0")
	plain := clip(t, "320x240", 3, "-profile:v", "high", "-bf", "0", "-g", "30")
	f := NewReorderFilter()
	run := func(samples []sample, want string) (passed int) {
		t.Helper()
		for _, s := range samples {
			nals := split(t, s)
			if f.Check(nals, s.cfg, s.pts, s.dts, IsKeyframe(nals)).Pass {
				passed++
			}
		}
		if f.Mode() != want {
			t.Fatalf("mode %s, want %s", f.Mode(), want)
		}
		return passed
	}
	if n := run(plain[5:30], ModeNone); n != 0 {
		t.Fatalf("%d passed before any keyframe", n)
	}
	run(pyramid, ModeKeyframesOnly)
	// The first group without B pictures is still thinned; the second passes whole.
	if n := run(plain[:30], ModeKeyframesOnly); n != 1 {
		t.Fatalf("%d passed of the group after", n)
	}
	if n := run(plain[30:60], ModeNone); n != 30 {
		t.Fatalf("%d passed of the group after that", n)
	}
	f.Reset()
	if n := run(plain[31:40], ModeNone); n != 0 || f.Dropped()[ReasonKeyframesOnly] == 0 {
		t.Fatalf("%d passed after a reset, dropped %v", n, f.Dropped())
	}
	for _, c := range []struct {
		nals   [][]byte
		cfg    *Config
		reason string
	}{
		{nil, plain[0].cfg, ReasonNoPicture},
		{[][]byte{{0x09, 0xf0}, {0x06, 5, 1, 0x80}}, plain[0].cfg, ReasonNoPicture},
		{[][]byte{{0x41, 0, 0, 0}}, plain[0].cfg, ReasonBadSlice},
		{[][]byte{pNAL}, nil, ReasonKeyframesOnly},
	} {
		if v := f.Check(c.nals, c.cfg, 0, 0, false); v.Pass || v.Reason != c.reason {
			t.Errorf("%x: %+v, want %s", c.nals, v, c.reason)
		}
	}
}

// TestReorderFilterLostReference takes a reference out of the publisher's stream: what is left out after that cannot be
// told from it, so the filter falls back to keyframes instead of passing what may be broken.
func TestReorderFilterLostReference(t *testing.T) {
	samples := clip(t, "320x240", 3, "-preset", "veryfast", "-bf", "3", "-g", "30", "-x264-params", "b-adapt=0")
	f := NewReorderFilter()
	for i, s := range samples {
		nals := split(t, s)
		if i == 9 {
			if nalRef(nals[len(nals)-1]) == 0 {
				t.Fatal("the clip has no reference here")
			}
			continue
		}
		if v := f.Check(nals, s.cfg, s.pts, s.dts, IsKeyframe(nals)); v.Pass && i > 9 && i < 30 {
			t.Fatalf("access unit %d passed although reference 9 is missing", i)
		}
	}
}

// filterAndDecode checks that what a filter passes decodes without complaint to pictures of the full stream, and returns
// their number.
func filterAndDecode(t *testing.T, samples []sample) (*ReorderFilter, int) {
	t.Helper()
	var full, thin []byte
	var pts []time.Duration
	f := NewReorderFilter()
	for _, s := range samples {
		nals := split(t, s)
		if s.key {
			full = annexB(full, slices.Concat(s.cfg.SPS, s.cfg.PPS))
		}
		full = annexB(full, nals)
		v := f.Check(nals, s.cfg, s.pts, s.dts, IsKeyframe(nals))
		if !v.Pass {
			continue
		}
		if out := s.cfg.NoReorder(); s.key {
			thin = annexB(thin, slices.Concat(out.SPS, out.PPS))
		}
		thin = annexB(thin, nals)
		if n := len(pts); n > 0 && s.pts <= pts[n-1] {
			t.Fatalf("access unit at %v passed after %v", s.pts, pts[n-1])
		}
		pts = append(pts, s.pts)
	}
	shown := slices.Clone(samples)
	slices.SortFunc(shown, func(a, b sample) int { return int(a.pts - b.pts) })
	all, some := decode(t, full), decode(t, thin)
	if len(all) != len(samples) || len(some) != len(pts) {
		t.Fatalf("%d of %d, and filtered %d of %d pictures decoded", len(all), len(samples), len(some), len(pts))
	}
	for i, p := range pts {
		at := slices.IndexFunc(shown, func(s sample) bool { return s.pts == p })
		if some[i] != all[at] {
			t.Fatalf("picture at %v decodes to another one than in the full stream", p)
		}
	}
	return f, len(pts)
}
