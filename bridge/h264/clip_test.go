package h264

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// sample is one access unit of a clip.
type sample struct {
	pts, dts time.Duration
	key      bool
	avcc     []byte
	cfg      *Config
}

var clips sync.Map

// clip encodes a moving test picture with x264 and returns its access units as an RTMP publisher would send them.
func clip(tb testing.TB, size string, seconds int, args ...string) []sample {
	tb.Helper()
	key := fmt.Sprint(size, seconds, args)
	if v, ok := clips.Load(key); ok {
		return v.([]sample)
	}
	out := filepath.Join(tb.TempDir(), "clip.flv")
	all := append([]string{"-v", "error", "-f", "lavfi", "-i", fmt.Sprintf("testsrc2=s=%s:r=30:d=%d", size, seconds),
		"-pix_fmt", "yuv420p", "-threads", "1", "-c:v", "libx264"}, args...)
	if b, err := exec.Command("ffmpeg", append(all, "-y", out)...).CombinedOutput(); err != nil {
		tb.Fatalf("ffmpeg: %v: %s", err, b)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		tb.Fatal(err)
	}
	s := readFLV(tb, b)
	clips.Store(key, s)
	return s
}

// readFLV reads an FLV file's AVC tags.
func readFLV(tb testing.TB, b []byte) (out []sample) {
	tb.Helper()
	var cfg *Config
	for b = b[13:]; len(b) > 11; {
		size := int(b[1])<<16 | int(b[2])<<8 | int(b[3])
		dts := int(b[7])<<24 | int(b[4])<<16 | int(b[5])<<8 | int(b[6])
		kind, body := b[0], b[11:11+size]
		b = b[11+size+4:]
		if kind != 9 {
			continue
		}
		switch body[1] {
		case 0:
			var err error
			if cfg, err = ParseConfig(body[5:]); err != nil {
				tb.Fatal(err)
			}
		case 1:
			cts := int(int32(binary.BigEndian.Uint32(body[1:])<<8) >> 8)
			out = append(out, sample{ms(dts + cts), ms(dts), body[0]>>4 == 1, body[5:], cfg})
		}
	}
	return out
}

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

func split(tb testing.TB, s sample) [][]byte {
	tb.Helper()
	nals, err := SplitAVCC(nil, s.avcc, s.cfg.LengthSize)
	if err != nil {
		tb.Fatal(err)
	}
	return nals
}

// annexB appends NAL units behind start codes, as ffmpeg's h264 demuxer wants them.
func annexB(dst []byte, nals [][]byte) []byte {
	for _, nal := range nals {
		dst = append(append(dst, 0, 0, 0, 1), nal...)
	}
	return dst
}

// decode returns the digest of each picture that ffmpeg decodes, in the order shown. Any complaint of
// ffmpeg's fails the test.
func decode(tb testing.TB, stream []byte) (digests []string) {
	tb.Helper()
	cmd := exec.Command("ffmpeg", "-v", "error", "-threads", "1", "-f", "h264", "-i", "pipe:0", "-vsync", "passthrough", "-f", "framemd5", "-")
	var out, complaint bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stream), &out, &complaint
	if err := cmd.Run(); err != nil || complaint.Len() > 0 {
		tb.Fatalf("ffmpeg: %v: %s", err, complaint.String())
	}
	for line := range strings.Lines(out.String()) {
		if f := strings.Split(strings.TrimSpace(line), ","); len(f) == 6 && line[0] != '#' {
			digests = append(digests, strings.TrimSpace(f[5]))
		}
	}
	return digests
}
