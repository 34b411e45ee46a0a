package record

import (
	"strings"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"

	"hutong/bridge/audio"
	"hutong/bridge/h264"
)

const videoScale = 90_000

// maxSway is how far sound may be from where its samples' count puts it before it
// is moved there at once. Timestamps of RTMP are whole milliseconds, and those of
// many phones less exact than that.
const maxSway = 60 * time.Millisecond

// missing is how long nothing of a track has to come for it to be told as a gap
// within a file.
const missing = 1500 * time.Millisecond

// track gathers the samples of one track. The newest is held back, since its
// duration is known when the next one comes.
type track struct {
	id    int
	scale int64
	unit  int64 // of sound: the duration of an access unit
	video *h264.Config
	audio *audio.Config

	pending []*fmp4.Sample
	base    int64 // time of pending[0]
	held    *fmp4.Sample
	heldAt  int64
	last    int64 // the duration before, for the final one
	began   bool
	begin   int64
	gaps    []Hole
}

// Hole is a stretch of a file in which one of its tracks has nothing. Times are
// from the file's beginning.
type Hole struct {
	Track    string `json:"track"` // "video" or "audio"
	FromMS   int64  `json:"fromMs"`
	LengthMS int64  `json:"lengthMs"`
}

func videoTrack(id int, c *h264.Config) *track {
	return &track{id: id, scale: videoScale, video: c, last: videoScale / 30}
}

func audioTrack(id int, c *audio.Config) *track {
	t := &track{id: id, scale: int64(c.SampleRate), unit: samplesOf(c), audio: c}
	t.last = t.unit
	return t
}

// samplesOf is how many samples an access unit holds, at the rate as heard: SBR
// doubles both.
func samplesOf(c *audio.Config) int64 {
	if strings.HasPrefix(c.ObjectType, "HE-AAC") {
		return 2048
	}
	return 1024
}

func (t *track) units(d time.Duration) int64 {
	return (int64(d)*t.scale + int64(time.Second)/2) / int64(time.Second)
}

func (t *track) duration(units int64) time.Duration {
	return time.Duration(units * int64(time.Second) / t.scale)
}

// add takes a sample that belongs at a time of the file.
func (t *track) add(at time.Duration, s *fmp4.Sample) {
	want := max(t.units(at), 0)
	if t.held == nil {
		t.held, t.heldAt = s, want
		if !t.began {
			t.began, t.begin = true, want
		}
		if len(t.pending) == 0 {
			t.base = want
		}
		return
	}
	if t.unit > 0 {
		want = t.steady(want)
	}
	want = max(want, t.heldAt+1)
	if d := t.duration(want - t.heldAt); d > missing {
		name := "video"
		if t.unit > 0 {
			name = "audio"
		}
		from := t.duration(t.heldAt + t.last)
		t.gaps = append(t.gaps, Hole{Track: name, FromMS: from.Milliseconds(), LengthMS: (t.duration(want) - from).Milliseconds()})
	} else {
		t.last = want - t.heldAt
	}
	t.held.Duration = uint32(want - t.heldAt)
	t.pending = append(t.pending, t.held)
	t.held, t.heldAt = s, want
}

// astray is how far sound may be from its timestamps for long: beyond it lips and
// voices come apart to the eye.
const astray = 20 * time.Millisecond

// steady lets sound follow its timestamps slowly, by a sample in each access unit,
// so that their jitter is not heard, and faster when it has gone astray.
func (t *track) steady(want int64) int64 {
	next := t.heldAt + t.unit
	off := want - next
	switch {
	case t.duration(off) > maxSway:
		return want
	case t.duration(off) > astray:
		return next + t.unit/64
	case t.duration(-off) > astray:
		return next - t.unit/64
	}
	return next + min(max(off, -1), 1)
}

// end takes the last sample in.
func (t *track) end() {
	if t.held == nil {
		return
	}
	t.held.Duration = uint32(max(t.last, 1))
	t.pending = append(t.pending, t.held)
	t.heldAt += max(t.last, 1)
	t.held = nil
}

// reach is the time up to which samples are known.
func (t *track) reach() time.Duration { return t.duration(t.heldAt) }

// take returns what has been gathered, nil if nothing.
func (t *track) take() *fmp4.PartTrack {
	if len(t.pending) == 0 {
		return nil
	}
	p := &fmp4.PartTrack{ID: t.id, BaseTime: uint64(t.base), Samples: t.pending}
	t.base = t.heldAt
	t.pending = nil
	return p
}
