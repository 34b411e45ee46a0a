package testmedia

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Push publishes a clip over RTMP in real time, round and round, with ffmpeg and
// without re-encoding.
func Push(tb testing.TB, clip, url string) *Process {
	tb.Helper()
	return Start(tb, "ffmpeg", "-hide_banner", "-nostdin", "-nostats", "-loglevel", "warning",
		"-re", "-stream_loop", "-1", "-i", clip, "-c", "copy", "-f", "flv", url)
}

// Tool is a program that plays a stream into a file.
type Tool string

// The players. All take rtmp:// addresses; FFmpeg and Curl take http:// too.
const (
	FFmpeg    Tool = "ffmpeg"
	RTMPDump  Tool = "rtmpdump"
	GStreamer Tool = "gst-launch-1.0"
	Curl      Tool = "curl"
)

// Play starts a tool that plays url into an FLV file and goes on until stopped.
func Play(tb testing.TB, tool Tool, url string) (*Process, string) {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), string(tool)+".flv")
	var args []string
	switch tool {
	case FFmpeg:
		args = []string{"-hide_banner", "-nostdin", "-nostats", "-loglevel", "warning", "-y", "-copyts",
			"-i", url, "-c", "copy", "-flush_packets", "1", "-f", "flv", path}
	case RTMPDump:
		args = []string{"--live", "-r", url, "-o", path}
	case GStreamer:
		args = []string{"-q", "rtmp2src", "location=" + url, "!", "filesink", "buffer-mode=unbuffered", "location=" + path}
	case Curl:
		args = []string{"-sS", "--no-buffer", "--fail", "-o", path, url}
	default:
		tb.Fatalf("testmedia: no player %q", tool)
	}
	return Start(tb, string(tool), args...), path
}

// Record plays url with a tool until a file holds the given length of media by
// its timestamps, and returns the file, complete.
func Record(tb testing.TB, tool Tool, url string, length time.Duration) string {
	tb.Helper()
	p, path := Play(tb, tool, url)
	WaitLength(tb, p, path, length)
	p.Stop()
	return path
}

// WaitLength waits until the FLV file a player is writing holds the given length
// of media, and fails if the player ends before.
func WaitLength(tb testing.TB, p *Process, path string, length time.Duration) {
	tb.Helper()
	limit := length*3 + 30*time.Second
	Eventually(tb, limit, fmt.Sprintf("%v of media in %s", length, filepath.Base(path)), func() bool {
		select {
		case <-p.Done():
			if flvLength(path) < length {
				tb.Fatalf("%s ended with %v of media: %v\n%s", p.name, flvLength(path), p.err, p.log.Tail(2000))
			}
		default:
		}
		return flvLength(path) >= length
	})
}

// eachTag gives what is whole of an FLV file, tag by tag, and how many bytes that
// is.
func eachTag(raw []byte, do func(tag []byte)) (whole int) {
	if len(raw) < 13 {
		return len(raw)
	}
	at := 13
	for at+11 <= len(raw) {
		size := 11 + int(raw[at+1])<<16 + int(raw[at+2])<<8 + int(raw[at+3]) + 4
		if at+size > len(raw) {
			break
		}
		do(raw[at : at+size-4])
		at += size
	}
	return at
}

// wholeTags is a copy of an FLV file, which may be growing, without the half tag at
// its end.
func wholeTags(tb testing.TB, path string) string {
	tb.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		return path // decoding says so
	}
	whole := eachTag(raw, func([]byte) {})
	cut := filepath.Join(tb.TempDir(), filepath.Base(path))
	if err := os.WriteFile(cut, raw[:whole], 0o600); err != nil {
		tb.Fatalf("testmedia: copying what is whole of %s: %v", path, err)
	}
	return cut
}

// flvLength is the span of the timestamps of an FLV file that may still grow.
func flvLength(path string) time.Duration {
	raw, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	first, last, seen := 0, 0, false
	eachTag(raw, func(tag []byte) {
		ms := int(tag[4])<<16 | int(tag[5])<<8 | int(tag[6]) | int(tag[7])<<24
		if len(tag) > 12 && (tag[0] == 8 || tag[0] == 9 && tag[12] == 1) && !(tag[0] == 8 && tag[12] == 0) {
			if !seen {
				first, seen = ms, true
			}
			last = max(last, ms)
		}
	})
	return time.Duration(last-first) * time.Millisecond
}
