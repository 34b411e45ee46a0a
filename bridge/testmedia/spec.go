package testmedia

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"
)

// Spec describes a clip. Zero fields take the defaults of a phone: 640x480 at 30
// frames a second, 10 s, a keyframe every 2 s, H.264 baseline without B-frames,
// one slice, 800 kb/s, AAC-LC mono at 48 kHz, a tone of 440 Hz.
type Spec struct {
	Width, Height int
	FPS           int
	Duration      time.Duration // whole seconds, so that a looped tone has no seam
	GOP           int           // frames from keyframe to keyframe
	Profile       string        // baseline, main or high
	BFrames       int           // most B-frames in a row; needs main or high
	BPyramid      bool          // let B-frames be references
	Slices        int           // slices in each picture
	VideoBitrate  int           // bits a second

	AudioRate    int // Hz
	Channels     int // 1 or 2
	AudioBitrate int // bits a second
	ToneHz       int // left channel; the right one, if any, plays 3/2 of it
	FlashBeep    bool
	FirstCounter int // the counter of the first frame

	NoVideo, NoAudio bool
}

// layoutVersion changes whenever drawing or sound does, so that old clips are
// made anew.
const layoutVersion = 4

func (s Spec) withDefaults() Spec {
	def := func(p *int, value int) {
		if *p == 0 {
			*p = value
		}
	}
	def(&s.Width, 640)
	def(&s.Height, 480)
	def(&s.FPS, 30)
	def(&s.GOP, 2*s.FPS)
	def(&s.Slices, 1)
	def(&s.VideoBitrate, 800_000)
	def(&s.AudioRate, 48000)
	def(&s.Channels, 1)
	def(&s.AudioBitrate, min(64000, 4*s.AudioRate)*s.Channels)
	def(&s.ToneHz, 440)
	if s.Duration == 0 {
		s.Duration = 10 * time.Second
	}
	if s.Profile == "" {
		s.Profile = "baseline"
		if s.BFrames > 0 {
			s.Profile = "main"
		}
	}
	return s
}

// Frames is the number of pictures in the clip, and so the period of the
// counters when it is looped.
func (s Spec) Frames() int {
	s = s.withDefaults()
	return int(s.Duration.Seconds() * float64(s.FPS))
}

// flash says whether frame n is lit: the first 100 ms of every second but the
// first, which is left dark so that encoders settle.
func (s Spec) flash(n int) bool {
	return s.FlashBeep && n >= s.FPS && n%s.FPS < max(1, s.FPS/10)
}

func (s Spec) key() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %+v", layoutVersion, s))
	return hex.EncodeToString(sum[:10])
}
