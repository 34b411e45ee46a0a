package demo

import (
	"fmt"
	"strings"
	"time"

	"hutong/bridge/audio"
	"hutong/bridge/h264"
	"hutong/bridge/rtmp"
)

// RTMP message types of media.
const (
	messageAudio = 8
	messageVideo = 9
)

// receiver measures a stream that is played.
type receiver struct {
	video *h264.Config
	audio *audio.Config
	meter *audio.ToOpus // decodes the sound, to tell how loud it is
	since time.Time

	frames, keys, units int
	videoBytes          int
	audioBytes          int
	bad                 int
}

func (r *receiver) reset(now time.Time) {
	r.since = now
	r.frames, r.keys, r.units, r.videoBytes, r.audioBytes, r.bad = 0, 0, 0, 0, 0, 0
}

func (r *receiver) take(m rtmp.Message) {
	switch {
	case m.Type == messageVideo && len(m.Body) > 5 && m.Body[0]&0x0f == 7:
		r.takeVideo(m.Body)
	case m.Type == messageAudio && len(m.Body) > 2 && m.Body[0]>>4 == 10:
		r.takeAudio(m)
	}
}

func (r *receiver) takeVideo(body []byte) {
	if body[1] == 0 {
		c, err := h264.ParseConfig(body[5:])
		if err != nil {
			r.bad++
			return
		}
		r.video = c
		return
	}
	r.frames++
	r.videoBytes += len(body)
	if body[0]>>4 == 1 {
		r.keys++
	}
}

func (r *receiver) takeAudio(m rtmp.Message) {
	if m.Body[1] == 0 {
		c, err := audio.ParseConfig(m.Body[2:])
		if err != nil {
			r.bad++
			return
		}
		r.audio = c
		if r.meter == nil {
			r.meter = audio.NewToOpus(audio.ToOpusOptions{})
		}
		if err := r.meter.SetConfig(c); err != nil {
			r.bad++
		}
		return
	}
	r.units++
	r.audioBytes += len(m.Body)
	if r.meter == nil {
		return
	}
	if err := r.meter.Push(time.Duration(m.Timestamp)*time.Millisecond, m.Body[2:], func(time.Duration, []byte) {}); err != nil {
		r.bad++
	}
}

// report says what came since the last one, in a line.
func (r *receiver) report(now time.Time) string {
	d := now.Sub(r.since).Seconds()
	var parts []string
	if r.video != nil {
		parts = append(parts, fmt.Sprintf("picture %dx%d, %.1f frames/s, %d keyframes, %.0f kb/s",
			r.video.Width, r.video.Height, float64(r.frames)/d, r.keys, float64(r.videoBytes)*8/1000/d))
	}
	if r.audio != nil {
		parts = append(parts, fmt.Sprintf("sound %d Hz, %d channels, %.0f kb/s, level %.0f dB",
			r.audio.SampleRate, r.audio.Channels, float64(r.audioBytes)*8/1000/d, r.meter.Level()))
	}
	if len(parts) == 0 {
		return "nothing yet"
	}
	if r.bad > 0 {
		parts = append(parts, fmt.Sprintf("%d units that did not decode", r.bad))
	}
	return strings.Join(parts, "; ")
}
