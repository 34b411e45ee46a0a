package stream

import (
	"sync"
	"time"

	"hutong/bridge/audio"
	"hutong/bridge/h264"
)

// Turn is one publisher's time at the frame face of a stream, or one egress's.
// The newest turn of a stream writes; what an older one writes is dropped. Its
// methods may be called from several goroutines.
type Turn struct {
	s *Stream

	mu      sync.Mutex
	over    bool
	tl      timeline
	tracks  Tracks
	before  Tracks  // of the turn before: an equal configuration is not signalled again
	current *Tracks // the published snapshot of tracks
	gotKey  bool
}

// SetVideo states the video's configuration from the next frame on; nil ends
// the video.
func (t *Turn) SetVideo(c *h264.Config) {
	t.change(func(tr *Tracks) {
		for _, same := range []*h264.Config{tr.Video, t.before.Video} {
			if c != nil && same != nil && same.Equal(c) {
				c = same
			}
		}
		tr.Video = c
	})
}

// SetAudio states the audio's configuration from the next frame on.
func (t *Turn) SetAudio(c *audio.Config) {
	t.change(func(tr *Tracks) {
		for _, same := range []*audio.Config{tr.Audio, t.before.Audio} {
			if c != nil && same != nil && string(same.ASC) == string(c.ASC) {
				c = same
			}
		}
		tr.Audio = c
	})
}

// Describe notes what the publisher's metadata told.
func (t *Turn) Describe(encoder string, frameRate, videoBitrate, audioBitrate float64) {
	t.change(func(tr *Tracks) {
		tr.Encoder, tr.FrameRate, tr.VideoBitrate, tr.AudioBitrate = encoder, frameRate, videoBitrate, audioBitrate
	})
}

func (t *Turn) change(f func(*Tracks)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	old := t.tracks
	f(&t.tracks)
	if t.tracks != old {
		t.current = nil
	}
}

// WriteVideo adds one access unit. body is a complete FLV VIDEODATA and now
// belongs to the stream; dts is in the publisher's own time, cts is what to add
// to it for the presentation time. Pictures before the first keyframe are
// dropped: no player could decode them.
func (t *Turn) WriteVideo(dts, cts time.Duration, key bool, body []byte) {
	t.write(Video, dts, cts, key, body)
}

// WriteAudio adds one AAC access unit; body is a complete FLV AUDIODATA.
func (t *Turn) WriteAudio(pts time.Duration, body []byte) {
	t.write(Audio, pts, 0, false, body)
}

func (t *Turn) write(kind Kind, dts, cts time.Duration, key bool, body []byte) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return
	}
	if kind == Video {
		if t.tracks.Video == nil || !t.gotKey && !key {
			t.s.drop("before_keyframe", 1)
			return
		}
		t.gotKey = true
	} else if t.tracks.Audio == nil {
		return
	}
	if t.current == nil {
		snapshot := t.tracks
		t.current = &snapshot
		t.s.tracks.Store(t.current)
	}
	out := t.tl.convert(kind, dts, now.Sub(t.s.created), now)
	t.s.count(kind, len(body))
	t.s.log.append(&Frame{Kind: kind, Key: key, DTS: out, PTS: max(0, out+cts), Body: body, Tracks: t.current, Arrival: now})
}

// end stops the turn and returns the stream time it reached.
func (t *Turn) end() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
	return max(t.tl.last, t.tl.floor)
}

// newTurn ends the current turn and begins another, which continues its
// timeline.
func (s *Stream) newTurn() *Turn {
	t := &Turn{s: s}
	s.turnMu.Lock()
	defer s.turnMu.Unlock()
	if old := s.turn; old != nil {
		t.tl.resume(old.end())
		t.before = old.tracks
	}
	s.turn = t
	s.log.forget()
	return t
}
