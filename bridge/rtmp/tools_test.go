package rtmp

import (
	"path/filepath"
	"strings"
	"testing"
)

// clip makes an FLV file with the given ffmpeg encoder arguments.
func clip(t testing.TB, seconds string, args ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "clip.flv")
	all := []string{"-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:duration=" + seconds,
		"-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=" + seconds}
	all = append(all, args...)
	run(t, "ffmpeg", append(all, "-y", file)...)
	return file
}

var plainClip = []string{"-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "25", "-c:a", "aac", "-ac", "1"}

// packets returns a checksum for each packet of one kind (v or a) that ffmpeg
// reads from a URL or file.
func packets(t testing.TB, source, kind string, args ...string) []string {
	t.Helper()
	all := append([]string{"-v", "error"}, args...)
	out := run(t, "ffmpeg", append(all, "-i", source, "-map", "0:"+kind, "-c", "copy", "-f", "framemd5", "-")...)
	var sums []string
	for _, line := range strings.Split(out, "\n") {
		if f := strings.Split(line, ","); len(f) == 6 && !strings.HasPrefix(line, "#") {
			sums = append(sums, strings.TrimSpace(f[5]))
		}
	}
	return sums
}

// contiguous tells whether part is a run of packets of whole.
func contiguous(whole, part []string) bool {
	return len(part) > 0 && strings.Contains(strings.Join(whole, " "), strings.Join(part, " "))
}

func TestFFmpegPushAndPlay(t *testing.T) {
	s := serve(t, options{})
	file := clip(t, "6", plainClip...)
	url := s.url + "/live/alice"
	background(t, "ffmpeg", "-v", "error", "-re", "-i", file, "-c", "copy", "-f", "flv", url)
	for _, kind := range []string{"v", "a"} {
		got := packets(t, url, kind, "-t", "2")
		if !contiguous(packets(t, file, kind), got) {
			t.Errorf("%s: %d packets are not a run of what was pushed", kind, len(got))
		}
	}
}
