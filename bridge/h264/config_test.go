package h264

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
)

func mustConfig(tb testing.TB, sps, pps []byte) *Config {
	tb.Helper()
	c, err := NewConfig([][]byte{sps}, [][]byte{pps})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func TestConfigOfRealStreams(t *testing.T) {
	for _, c := range []struct {
		args           []string
		profile, level string
		width, height  int
		reorder        int
	}{
		{[]string{"-profile:v", "baseline", "-level", "3.1"}, "constrained-baseline", "3.1", 320, 240, 0},
		{[]string{"-profile:v", "main", "-bf", "2", "-level", "4", "-x264-params", "b-pyramid=none"}, "main", "4.0", 322, 182, 1},
		{[]string{"-profile:v", "high", "-bf", "3"}, "high", "1.3", 320, 240, 2},
		{[]string{"-profile:v", "high", "-level", "1b"}, "high", "1b", 128, 96, 2},
		{[]string{"-profile:v", "high", "-flags", "+ilme+ildct"}, "high", "2.1", 320, 240, 2},
		{[]string{"-profile:v", "high10", "-pix_fmt", "yuv420p10le"}, "high10", "1.3", 320, 240, 2},
		{[]string{"-profile:v", "high422", "-pix_fmt", "yuv422p"}, "high422", "1.3", 322, 242, 2},
		{[]string{"-profile:v", "high444", "-pix_fmt", "yuv444p"}, "high444", "1.3", 326, 242, 2},
		{[]string{"-profile:v", "high", "-pix_fmt", "gray", "-bf", "0"}, "high", "1.3", 326, 242, 0},
	} {
		t.Run(c.profile, func(t *testing.T) {
			size := fmt.Sprintf("%dx%d", c.width, c.height)
			cfg := clip(t, size, 1, c.args...)[0].cfg
			if cfg.Profile != c.profile || cfg.Level != c.level || cfg.Width != c.width || cfg.Height != c.height ||
				cfg.FPS != 30 || cfg.MaxReorder != c.reorder || cfg.LengthSize != 4 {
				t.Errorf("%s %s %dx%d, %v frames a second, reorder %d, length size %d", cfg.Profile, cfg.Level, cfg.Width, cfg.Height,
					cfg.FPS, cfg.MaxReorder, cfg.LengthSize)
			}
			again, err := ParseConfig(cfg.Record())
			if err != nil || !again.Equal(cfg) {
				t.Fatalf("its own record reads differently: %v", err)
			}
		})
	}
}

func TestParseConfig(t *testing.T) {
	good := mustConfig(t, testSPS, testPPS).Record()
	with := func(f func(b []byte) []byte) []byte { return f(bytes.Clone(good)) }
	for _, c := range []struct {
		name   string
		record []byte
		want   error
	}{
		{"good", good, nil},
		{"trailing bytes", append(bytes.Clone(good), 1, 2, 3), nil},
		{"empty", nil, ErrRecord},
		{"short", good[:6], ErrRecord},
		{"cut in the SPS", good[:12], ErrRecord},
		{"cut before the PPS", good[:8+len(testSPS)], ErrRecord},
		{"cut in the PPS", good[:len(good)-1], ErrRecord},
		{"version", with(func(b []byte) []byte { b[0] = 0; return b }), ErrRecord},
		{"no SPS", []byte{1, 0x42, 0xc0, 0x1f, 0xff, 0xe0, 0}, ErrNoSPS},
		{"no PPS", with(func(b []byte) []byte { b = b[:9+len(testSPS)]; b[len(b)-1] = 0; return b }), ErrNoPPS},
		{"PPS for SPS", with(func(b []byte) []byte { b[8] = 0x68; return b }), ErrParameter},
		{"broken SPS", with(func(b []byte) []byte { clear(b[12 : 8+len(testSPS)]); return b }), ErrParameter},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := ParseConfig(c.record); !errors.Is(err, c.want) {
				t.Fatalf("%v, want %v", err, c.want)
			}
		})
	}
	for size := 1; size <= 4; size++ {
		cfg, err := ParseConfig(with(func(b []byte) []byte { b[4] = byte(size - 1); return b }))
		if err != nil || cfg.LengthSize != size {
			t.Errorf("length size %d read as %+v, %v", size, cfg, err)
		}
	}
}

func TestConfigUpdate(t *testing.T) {
	cfg := mustConfig(t, testSPS, testPPS)
	cfg.LengthSize = 3
	small := clip(t, "160x120", 1)[0].cfg
	idr := []byte{0x65, 0x88}
	same, err := cfg.Update([][]byte{testSPS, testPPS, idr})
	if same != cfg || err != nil {
		t.Fatalf("the same sets make another config: %v", err)
	}
	next, err := cfg.Update([][]byte{small.SPS[0], small.PPS[0], idr})
	if err != nil || next.Width != 160 || next.LengthSize != 3 || len(next.SPS) != 1 || len(next.PPS) != 1 {
		t.Fatalf("%+v, %v", next, err)
	}
	if cfg.Width != 1280 {
		t.Fatal("the old config changed")
	}
	if _, err := cfg.Update([][]byte{small.SPS[0], idr}); !errors.Is(err, ErrNoPPS) {
		t.Fatalf("an SPS without its PPS: %v", err)
	}
	other := []byte{0x68, 0x5a, 0x0f, 0xc8} // PPS 1 for SPS 0
	two, err := cfg.Update([][]byte{other})
	if err != nil || len(two.PPS) != 2 {
		t.Fatalf("%+v, %v", two, err)
	}
	third, err := two.Update([][]byte{{0x68, 0x5a, 0x0f, 0xc9}})
	if err != nil || len(third.PPS) != 2 || third.PPS[1][3] != 0xc9 {
		t.Fatalf("a changed PPS: %+v, %v", third, err)
	}
	for _, bad := range [][]byte{{0x67, 0xff, 0xff, 0xff, 0xff}, {0x68}, {0x68, 0}} {
		if got, err := cfg.Update([][]byte{bad}); got != cfg || !errors.Is(err, ErrParameter) {
			t.Fatalf("%x: %+v, %v", bad, got, err)
		}
	}
	var none *Config
	if got, err := none.Update([][]byte{idr}); got != nil || err != nil {
		t.Fatalf("%v, %v", got, err)
	}
	if got, err := none.Update([][]byte{testSPS, testPPS}); err != nil || !got.Equal(mustConfig(t, testSPS, testPPS)) {
		t.Fatalf("%v, %v", got, err)
	}
	if none.Equal(cfg) || cfg.Equal(nil) || !none.Equal(nil) {
		t.Fatal("nil equals only nil")
	}
}

func FuzzParseConfig(f *testing.F) {
	cfg := mustConfig(f, testSPS, testPPS)
	f.Add(cfg.Record())
	f.Add(clip(f, "160x120", 1, "-profile:v", "high")[0].cfg.Record())
	f.Add([]byte{1, 0x64, 0, 0x1f, 0xff, 0xe1, 0, 4, 0x67, 0x64, 0, 0x1f, 1, 0, 2, 0x68, 0xce})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseConfig(b)
		if err != nil {
			return
		}
		if c.Width <= 0 || c.Height <= 0 || c.Width > maxDimension || c.Height > maxDimension {
			t.Fatalf("picture of %dx%d", c.Width, c.Height)
		}
		again, err := ParseConfig(c.Record())
		if err != nil || !again.Equal(c) || again.ProfileLevelID() != c.ProfileLevelID() {
			t.Fatalf("its own record reads differently: %v", err)
		}
		c.NoReorder()
	})
}

// TestRecordExtension: the high profiles repeat chroma format and bit depths after the PPS.
func TestRecordExtension(t *testing.T) {
	rec := clip(t, "322x242", 1, "-profile:v", "high422", "-pix_fmt", "yuv422p")[0].cfg.Record()
	if tail := binary.BigEndian.Uint32(rec[len(rec)-4:]); tail != 0xfef8f800 {
		t.Fatalf("record ends in %08x", tail)
	}
}
