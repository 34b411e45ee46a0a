package h264

import (
	"slices"
	"testing"
	"time"
)

// TestReorderFilter filters real streams, then decodes what is left: ffmpeg finds nothing wrong, and each
// picture is the very one of the full stream, in order.
func TestReorderFilter(t *testing.T) {
	const gop = 30
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
		{"pyramid normal", []string{"-profile:v", "high", "-bf", "3", "-g", "30", "-x264-params", "b-pyramid=normal:b-adapt=0"}, ModeKeyframesOnly, 3, 5},
		{"pyramid strict", []string{"-profile:v", "main", "-bf", "3", "-g", "30", "-x264-params", "b-pyramid=strict:b-adapt=0"}, ModeKeyframesOnly, 3, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			samples := clip(t, "320x240", 3, c.args...)
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
			if f.Mode() != c.mode || len(pts) < c.min || len(pts) > c.max {
				t.Fatalf("mode %s, %d of %d passed, dropped %v; want %s, %d to %d", f.Mode(), len(pts), len(samples), f.Dropped(), c.mode, c.min, c.max)
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
		})
	}
}
