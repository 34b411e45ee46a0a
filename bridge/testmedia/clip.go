package testmedia

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// Kind is the container of a clip, named as its file extension.
type Kind string

// The kinds of clip. Y4M and WAV are raw, for Chromium's fake camera and
// microphone; the others hold H.264 and AAC.
const (
	FLV Kind = "flv"
	MP4 Kind = "mp4"
	Y4M Kind = "y4m"
	WAV Kind = "wav"
)

// Clip returns the path of the clip, making it on first use. Clips are kept in
// the user's cache directory under a name that follows from the spec; several
// test processes may ask for the same clip at once.
func Clip(tb testing.TB, spec Spec, kind Kind) string {
	tb.Helper()
	spec = spec.withDefaults()
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	dir := filepath.Join(cache, "hutong-test")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		tb.Fatalf("testmedia: making the clip cache: %v", err)
	}
	path := filepath.Join(dir, spec.key()+"."+string(kind))
	if _, err := os.Stat(path); err == nil {
		return path
	}
	temp, err := os.CreateTemp(dir, "making-*."+string(kind))
	if err != nil {
		tb.Fatalf("testmedia: making clip: %v", err)
	}
	defer os.Remove(temp.Name())
	switch kind {
	case Y4M:
		err = spec.writeY4M(temp)
	case WAV:
		err = spec.writeWAV(temp)
	default:
		err = spec.encode(temp.Name(), kind)
	}
	if closeErr := temp.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		tb.Fatalf("testmedia: making clip %+v as %s: %v", spec, kind, err)
	}
	return path
}

// writeFrames writes every picture as raw I420, each after prefix.
func (s Spec) writeFrames(w io.Writer, prefix string) error {
	frame := make([]byte, FrameSize(s.Width, s.Height))
	for n := range s.Frames() {
		Draw(frame, s.Width, s.Height, s.FirstCounter+n, s.flash(n))
		if _, err := io.WriteString(w, prefix); err != nil {
			return err
		}
		if _, err := w.Write(frame); err != nil {
			return err
		}
	}
	return nil
}

func (s Spec) writeY4M(w io.Writer) error {
	buffered := bufio.NewWriterSize(w, 1<<20)
	fmt.Fprintf(buffered, "YUV4MPEG2 W%d H%d F%d:1 Ip A1:1 C420jpeg\n", s.Width, s.Height, s.FPS)
	if err := s.writeFrames(buffered, "FRAME\n"); err != nil {
		return err
	}
	return buffered.Flush()
}

// encode has ffmpeg turn the pictures and the sound into the container.
func (s Spec) encode(path string, kind Kind) error {
	args := []string{"-hide_banner", "-loglevel", "error", "-y"}
	if !s.NoVideo {
		args = append(args, "-f", "rawvideo", "-pix_fmt", "yuv420p",
			"-s", fmt.Sprintf("%dx%d", s.Width, s.Height), "-r", strconv.Itoa(s.FPS), "-i", "pipe:0")
	}
	if !s.NoAudio {
		wav, err := os.CreateTemp("", "hutong-*.wav")
		if err != nil {
			return err
		}
		defer os.Remove(wav.Name())
		defer wav.Close()
		if err := s.writeWAV(wav); err != nil {
			return err
		}
		args = append(args, "-i", wav.Name())
	}
	if !s.NoVideo {
		pyramid := "none"
		if s.BPyramid {
			pyramid = "normal"
		}
		args = append(args, "-c:v", "libx264", "-preset", "veryfast", "-profile:v", s.Profile,
			"-b:v", strconv.Itoa(s.VideoBitrate), "-maxrate", strconv.Itoa(s.VideoBitrate*3/2), "-bufsize", strconv.Itoa(s.VideoBitrate),
			"-g", strconv.Itoa(s.GOP), "-keyint_min", strconv.Itoa(s.GOP), "-sc_threshold", "0",
			"-bf", strconv.Itoa(s.BFrames), "-b_strategy", "0", "-slices", strconv.Itoa(s.Slices),
			"-x264-params", "b-pyramid="+pyramid, "-pix_fmt", "yuv420p")
	}
	if !s.NoAudio {
		// The default coder adds noise that would pass for the gateway's.
		args = append(args, "-c:a", "aac", "-aac_coder", "fast", "-aac_pns", "0", "-b:a", strconv.Itoa(s.AudioBitrate))
	}
	args = append(args, "-f", string(kind), path)

	cmd := exec.Command("ffmpeg", args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if !s.NoVideo {
		pipe, err := cmd.StdinPipe()
		if err != nil {
			return err
		}
		go func() {
			defer pipe.Close()
			_ = s.writeFrames(pipe, "") // ffmpeg's own exit tells what went wrong
		}()
	}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("ffmpeg: %w\n%s", err, stderr.Bytes())
	}
	return nil
}
