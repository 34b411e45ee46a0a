package testmedia

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// Picture is one decoded picture of a file.
type Picture struct {
	Strip
	PTS           time.Duration // as the file states it
	Width, Height int           // the coded size, before the reader's scaling
	Key           bool
}

// Sound is one audio track of a file.
type Sound struct {
	Rate     int
	Channels [][]float64 // samples by channel, full scale 1
	blocks   []soundBlock
}

// soundBlock says at which time a run of samples begins.
type soundBlock struct {
	first int
	pts   time.Duration
}

// Time is the media time of sample n, as the file states it: gaps and jumps of
// the track's timestamps show here.
func (s *Sound) Time(n int) time.Duration {
	at := soundBlock{}
	for _, b := range s.blocks {
		if b.first > n {
			break
		}
		at = b
	}
	return at.pts + time.Duration(float64(n-at.first)/float64(s.Rate)*float64(time.Second))
}

// Len is the number of samples in each channel.
func (s *Sound) Len() int {
	if s == nil || len(s.Channels) == 0 {
		return 0
	}
	return len(s.Channels[0])
}

// Slice is the channel's samples from one time to another after the first
// sample, by count and not by timestamp.
func (s *Sound) Slice(channel int, from, to time.Duration) []float64 {
	at := func(d time.Duration) int { return min(s.Len(), int(d.Seconds()*float64(s.Rate))) }
	return s.Channels[channel][at(from):at(to)]
}

// Jumps lists the times at which the timestamps step away from the sample count
// by more than tolerance.
func (s *Sound) Jumps(tolerance time.Duration) (jumps []time.Duration) {
	for i := 1; i < len(s.blocks); i++ {
		prev, next := s.blocks[i-1], s.blocks[i]
		want := prev.pts + time.Duration(float64(next.first-prev.first)/float64(s.Rate)*float64(time.Second))
		if d := next.pts - want; d > tolerance || d < -tolerance {
			jumps = append(jumps, next.pts)
		}
	}
	return jumps
}

// Media is a decoded file.
type Media struct {
	Pictures []Picture
	Sound    *Sound // nil without audio
	Errors   string // what the decoder complained about
}

// The size to which pictures are scaled before the strip is read.
const readWidth, readHeight = 320, 240

// Decode decodes a file with ffmpeg. Timestamps are the file's own. Of an FLV file
// that a player still writes, or was stopped at, it is what is whole: half a tag
// would look like damage.
func Decode(tb testing.TB, path string) *Media {
	tb.Helper()
	if filepath.Ext(path) == ".flv" {
		path = wholeTags(tb, path)
	}
	media, err := decode(path)
	if err != nil {
		tb.Fatalf("testmedia: decoding %s: %v", path, err)
	}
	return media
}

func decode(path string) (*Media, error) {
	info, err := probe(path)
	if err != nil {
		return nil, err
	}
	media := &Media{}
	for _, s := range info.Streams {
		switch s.Type {
		case "video":
			err = media.decodeVideo(path)
		case "audio":
			err = media.decodeAudio(path)
		}
		if err != nil {
			return nil, err
		}
	}
	return media, nil
}

var (
	timeBase  = regexp.MustCompile(`config in time_base: (\d+)/(\d+)`)
	videoLine = regexp.MustCompile(`showinfo.* n: *\d+ pts: *(-?\d+) .* s:(\d+)x(\d+) .*iskey:(\d)`)
	audioLine = regexp.MustCompile(`ashowinfo.* n:\d+ pts:(-?\d+) .* rate:(\d+) nb_samples:(\d+)`)
	errorLine = regexp.MustCompile(`(?m)^.*(?:\[error\]|\[fatal\]).*$`)
)

func (m *Media) decodeVideo(path string) error {
	stderr, err := os.CreateTemp("", "hutong-decode-*")
	if err != nil {
		return err
	}
	defer os.Remove(stderr.Name())
	defer stderr.Close()
	cmd := exec.Command("ffmpeg", "-hide_banner", "-nostdin", "-nostats", "-loglevel", "level+info", "-copyts",
		"-i", path, "-map", "0:v:0", "-fps_mode", "passthrough", "-enc_time_base", "1/90000",
		"-vf", fmt.Sprintf("showinfo=checksum=0,scale=%d:%d:flags=area,format=yuv420p", readWidth, readHeight),
		"-f", "rawvideo", "pipe:1")
	cmd.Stderr = stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	frame := make([]byte, FrameSize(readWidth, readHeight))
	for {
		if _, err = io.ReadFull(out, frame); err != nil {
			break
		}
		m.Pictures = append(m.Pictures, Picture{Strip: ReadI420(frame, readWidth, readHeight)})
	}
	waitErr := cmd.Wait()
	log, _ := os.ReadFile(stderr.Name())
	if waitErr != nil || err != io.EOF {
		return fmt.Errorf("ffmpeg: %v, reading frames: %v\n%s", waitErr, err, log)
	}
	num, den := 1, 1000
	n := 0
	for line := range bytes.Lines(log) {
		if f := timeBase.FindSubmatch(line); f != nil {
			num, den = atoi(f[1]), atoi(f[2])
		} else if f := videoLine.FindSubmatch(line); f != nil && n < len(m.Pictures) {
			p := &m.Pictures[n]
			p.PTS = time.Duration(float64(atoi(f[1])) * float64(num) / float64(den) * float64(time.Second)).Round(time.Microsecond)
			p.Width, p.Height, p.Key = atoi(f[2]), atoi(f[3]), f[4][0] == '1'
			n++
		}
	}
	if n != len(m.Pictures) {
		return fmt.Errorf("ffmpeg gave %d pictures but described %d", len(m.Pictures), n)
	}
	m.complain(log)
	return nil
}

func (m *Media) decodeAudio(path string) error {
	cmd := exec.Command("ffmpeg", "-hide_banner", "-nostdin", "-nostats", "-loglevel", "level+info", "-copyts",
		"-i", path, "-map", "0:a:0", "-af", "ashowinfo", "-f", "f32le", "pipe:1")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("ffmpeg: %w\n%s", err, stderr.Bytes())
	}
	s := &Sound{}
	total := 0
	for line := range bytes.Lines(stderr.Bytes()) {
		if f := audioLine.FindSubmatch(line); f != nil {
			if s.Rate == 0 {
				s.Rate = atoi(f[2])
			}
			pts := time.Duration(float64(atoi(f[1])) / float64(s.Rate) * float64(time.Second))
			s.blocks = append(s.blocks, soundBlock{total, pts})
			total += atoi(f[3])
		}
	}
	if total == 0 {
		return nil
	}
	count := stdout.Len() / 4 / total
	if count < 1 {
		return fmt.Errorf("%d bytes of samples for %d described", stdout.Len(), total)
	}
	s.Channels = make([][]float64, count)
	for i := range s.Channels {
		s.Channels[i] = make([]float64, total)
	}
	raw := stdout.Bytes()
	for n := range total {
		for c := range count {
			p := raw[(n*count+c)*4:]
			bits := uint32(p[0]) | uint32(p[1])<<8 | uint32(p[2])<<16 | uint32(p[3])<<24
			s.Channels[c][n] = float64(math.Float32frombits(bits))
		}
	}
	m.Sound = s
	m.complain(stderr.Bytes())
	return nil
}

func (m *Media) complain(log []byte) {
	for _, line := range errorLine.FindAll(log, 20) {
		m.Errors += string(line) + "\n"
	}
}

func atoi(b []byte) int {
	n, _ := strconv.Atoi(string(b))
	return n
}
