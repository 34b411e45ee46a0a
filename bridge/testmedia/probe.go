package testmedia

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"testing"
)

// Info is what ffprobe says of a file.
type Info struct {
	Format  string       `json:"-"`
	Streams []StreamInfo `json:"streams"`
}

// StreamInfo is one elementary stream as ffprobe sees it.
type StreamInfo struct {
	Type       string `json:"codec_type"` // video, audio, data, subtitle
	Codec      string `json:"codec_name"`
	Profile    string `json:"profile"`
	Width      int    `json:"width"`
	Height     int    `json:"height"`
	BFrames    int    `json:"has_b_frames"`
	SampleRate string `json:"sample_rate"` // Hz
	Channels   int    `json:"channels"`
}

// Stream is the first stream of a type, the zero StreamInfo if there is none.
func (i Info) Stream(kind string) StreamInfo {
	for _, s := range i.Streams {
		if s.Type == kind {
			return s
		}
	}
	return StreamInfo{}
}

// Probe runs ffprobe on a file.
func Probe(tb testing.TB, path string) Info {
	tb.Helper()
	info, err := probe(path)
	if err != nil {
		tb.Fatalf("testmedia: probing %s: %v", path, err)
	}
	return info
}

func probe(path string) (Info, error) {
	cmd := exec.Command("ffprobe", "-v", "error", "-of", "json", "-show_streams", "-show_format", path)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return Info{}, fmt.Errorf("ffprobe: %w\n%s", err, stderr.Bytes())
	}
	var raw struct {
		Info
		Format struct {
			Name string `json:"format_name"`
		} `json:"format"`
	}
	if err := json.Unmarshal(stdout.Bytes(), &raw); err != nil {
		return Info{}, fmt.Errorf("ffprobe's JSON: %w", err)
	}
	raw.Info.Format = raw.Format.Name
	return raw.Info, nil
}
