package stream

import (
	"sync"
	"sync/atomic"
	"time"

	"hutong/bridge/h264"
	"hutong/sfu"
)

type streamStats struct {
	bytesIn, bytesOut atomic.Int64
	frames            [Meta]atomic.Int64
	bytes             [Meta]atomic.Int64
	dropped           atomic.Int64
	meters            [Meta]meter
	fps               meter
	bFrames           atomic.Value // string
}

// meter turns a byte counter into bits per second over about two seconds.
type meter struct {
	mu    sync.Mutex
	bytes int64
	at    time.Time
	rate  float64
}

func (m *meter) read(bytes int64, now time.Time) float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.at.IsZero() {
		m.bytes, m.at = bytes, now
		return 0
	}
	if d := now.Sub(m.at); d >= 2*time.Second || m.rate == 0 && d >= 200*time.Millisecond {
		m.rate = float64(bytes-m.bytes) * 8 / d.Seconds()
		m.bytes, m.at = bytes, now
	}
	return m.rate
}

func (s *Stream) count(kind Kind, bytes int) {
	s.stats.bytesIn.Add(int64(bytes))
	s.stats.frames[kind-1].Add(1)
	s.stats.bytes[kind-1].Add(int64(bytes))
}

func (s *Stream) drop(reason string, frames int) {
	s.stats.dropped.Add(int64(frames))
	s.r.opts.OnDrop(reason, frames)
}

// Drop counts frames a crossing dropped.
func (s *Stream) Drop(reason string, frames int) { s.drop(reason, frames) }

// SetBFrames says what WebRTC players get of a stream with B-frames: "none",
// "dropped" or "keyframes_only".
func (s *Stream) SetBFrames(mode string) { s.stats.bFrames.Store(mode) }

// Stats is what an operator sees of a stream.
type Stats struct {
	Name         string
	Live         bool // false while the publisher is awaited back
	Since        time.Time
	Protocol     string
	Remote       string
	PublishedAt  time.Time
	Origin       Origin
	Video        *VideoStats
	Audio        *AudioStats
	VideoBitrate float64 // bits per second
	AudioBitrate float64
	BytesIn      int64
	BytesOut     int64
	Dropped      int64
	Frames       [2]int64 // video, audio
	Players      map[string]int
	Ingress      bool
	Egress       bool
}

// VideoStats describes the video a publisher sends now.
type VideoStats struct {
	Profile       string
	Width, Height int
	FPS           float64
	// BFrames is what WebRTC players get of a stream with B-frames: "none" there
	// are, "dropped", or "keyframes_only".
	BFrames string
}

// AudioStats describes the audio a publisher sends now.
type AudioStats struct {
	Codec      string // "AAC", "Opus"
	SampleRate int    // Hz
	Channels   int
}

// Stats returns the stream's figures now.
func (s *Stream) Stats() Stats {
	now := time.Now()
	st := Stats{Name: s.Name, Since: s.created, Players: map[string]int{},
		BytesIn: s.stats.bytesIn.Load(), BytesOut: s.stats.bytesOut.Load(), Dropped: s.stats.dropped.Load()}
	for k := range st.Frames {
		st.Frames[k] = s.stats.frames[k].Load()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.pub; p != nil {
		st.Live, st.Protocol, st.Remote, st.PublishedAt, st.Origin = true, p.info.Protocol, p.info.Remote, p.since, p.origin
	}
	for p := range protocols {
		st.Players[p.String()] = s.players[p]
	}
	st.Ingress, st.Egress = s.ingress.c != nil, s.egress.c != nil
	s.describe(&st, now)
	return st
}

// describe fills in what the tracks are and carry: from the frames of an RTMP
// publisher, from the packets of a browser, which may not cross the bridge at all.
func (s *Stream) describe(st *Stats, now time.Time) {
	if st.Origin == FromWebRTC {
		s.describeSource(st, now)
		return
	}
	st.VideoBitrate = s.stats.meters[0].read(s.stats.bytes[0].Load(), now)
	st.AudioBitrate = s.stats.meters[1].read(s.stats.bytes[1].Load(), now)
	t := s.tracks.Load()
	if t == nil {
		return
	}
	if t.Video != nil {
		mode, _ := s.stats.bFrames.Load().(string)
		if mode == "" {
			mode = "none"
		}
		fps := s.stats.fps.read(s.stats.frames[0].Load(), now) / 8
		st.Video = &VideoStats{Profile: t.Video.Profile, Width: t.Video.Width, Height: t.Video.Height, FPS: fps, BFrames: mode}
	}
	if t.Audio != nil {
		st.Audio = &AudioStats{Codec: "AAC", SampleRate: t.Audio.SampleRate, Channels: t.Audio.Channels}
	}
}

func (s *Stream) describeSource(st *Stats, now time.Time) {
	videoFrames, videoBytes := s.source.Traffic(sfu.Video)
	audioFrames, audioBytes := s.source.Traffic(sfu.Audio)
	st.Frames = [2]int64{int64(videoFrames), int64(audioFrames)}
	st.BytesIn = int64(videoBytes + audioBytes)
	st.VideoBitrate = s.stats.meters[0].read(int64(videoBytes), now)
	st.AudioBitrate = s.stats.meters[1].read(int64(audioBytes), now)
	f := s.source.Feed()
	if f == nil {
		return
	}
	if f.Has(sfu.Video) {
		st.Video = &VideoStats{FPS: s.stats.fps.read(int64(videoFrames), now) / 8, BFrames: "none"}
		if c := h264.ConfigOf(s.source.KeyframePayload()); c != nil {
			st.Video.Profile, st.Video.Width, st.Video.Height = c.Profile, c.Width, c.Height
		}
	}
	if f.Has(sfu.Audio) {
		st.Audio = &AudioStats{Codec: "Opus", SampleRate: 48000, Channels: 2}
	}
}
