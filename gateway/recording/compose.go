package recording

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxInputs bounds the files of one composite: each is opened by ffmpeg.
const maxInputs = 200

// make has ffmpeg put the sides of a recording together.
func (j *jobs) make(ctx context.Context, i Item, c Composite) (Composite, error) {
	s := j.s
	if err := s.FFmpeg(); err != nil {
		return c, err
	}
	if len(i.Files) > maxInputs {
		return c, fmt.Errorf("the recording has %d files; a composite is made of up to %d: raise recording.split_after", len(i.Files), maxInputs)
	}
	j.advance(i.RecordingID, c.ID, 0)
	work, err := os.MkdirTemp(s.dir, ".composite-*")
	if err != nil {
		return c, err
	}
	defer os.RemoveAll(work)
	i.Files = slices.Clone(i.Files) // they are in the order in which they became whole
	slices.SortStableFunc(i.Files, func(a, b File) int { return a.StartedAt.Compare(b.StartedAt) })
	var names []string
	for _, f := range i.Files {
		names = append(names, f.Name)
	}
	paths, err := s.fetch(ctx, i, names, work)
	if err != nil {
		return c, err
	}
	p := plan{c: s.o.Config.Composite, layout: c.Layout, files: i.Files, paths: paths, work: work}
	out := filepath.Join(work, "composite.mp4")
	args, length, err := p.args(out)
	if err != nil {
		return c, err
	}
	last := time.Now()
	err = s.ffmpeg(ctx, args, func(at time.Duration) {
		if length > 0 && time.Since(last) > time.Second {
			last = time.Now()
			j.advance(i.RecordingID, c.ID, min(at.Seconds()/length.Seconds(), 0.99))
		}
	})
	if err != nil {
		return c, err
	}
	if c.SHA256, c.Bytes, err = sum(out); err != nil {
		return c, err
	}
	c.Name = "composite-" + c.ID + ".mp4"
	dir := filepath.Join(s.dir, i.RecordingID)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return c, err
	}
	return c, os.Rename(out, filepath.Join(dir, c.Name))
}

func sum(path string) (string, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), n, err
}

// ffmpeg runs it behind everything else, and kills it when ctx ends.
func (s *Service) ffmpeg(ctx context.Context, args []string, progress func(time.Duration)) error {
	cmd := exec.CommandContext(ctx, s.o.Config.Composite.FFmpeg, args...)
	var said tail
	cmd.Stderr = &said
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	dieTogether(cmd)
	if err := cmd.Start(); err != nil {
		return err
	}
	if err := stepBack(cmd.Process.Pid, s.o.Config.Composite.Nice); err != nil {
		s.log.Warn("ffmpeg runs with the gateway's own priority", "error", err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if us, ok := strings.CutPrefix(lines.Text(), "out_time_us="); ok {
			if n, err := strconv.ParseInt(us, 10, 64); err == nil {
				progress(time.Duration(n) * time.Microsecond)
			}
		}
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("ffmpeg: %w: %s", err, bytes.TrimSpace(said.b))
	}
	return nil
}

// tail keeps the end of what a program says.
type tail struct{ b []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if over := len(t.b) - 2000; over > 0 {
		t.b = append([]byte{}, t.b[over:]...)
	}
	return len(p), nil
}
