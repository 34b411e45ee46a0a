package crossing

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"hutong/bridge/audio"
	"hutong/bridge/h264"
	"hutong/bridge/stream"
	"hutong/sfu"
)

// staleAudio is how old, on arrival, audio of the cached group of pictures may
// be and still be transcoded: it would be played late or not at all.
const staleAudio = 200 * time.Millisecond

// ingress reads a stream's frames and writes them to its source as RTP. Video
// and audio run apart, so that the transcoder does not hold pictures up.
type ingress struct {
	b      *Bridge
	s      *stream.Stream
	feed   *sfu.Feed
	log    *slog.Logger
	cancel context.CancelFunc
	wg     sync.WaitGroup
	began  time.Time
}

// Ingress starts carrying frames to s.Source().
func (b *Bridge) Ingress(s *stream.Stream) stream.Crossing {
	ctx, cancel := context.WithCancel(context.Background())
	in := &ingress{b: b, s: s, cancel: cancel, began: time.Now(), log: b.opts.Log.With("stream", s.Name)}
	o := sfu.FeedOptions{HasVideo: true, HasAudio: true}
	if t := s.Tracks(); t != nil {
		o.HasVideo, o.HasAudio = t.Video != nil, t.Audio != nil
	}
	in.feed = s.Source().Attach(o)
	in.feed.SetClock(s.Created())
	b.Stats.Ingresses.Add(1)
	in.log.Info("ingress started", "video", o.HasVideo, "audio", o.HasAudio)
	in.wg.Add(2)
	go in.run(ctx, in.video(), stream.ReaderOptions{OnDrop: func(n int) { s.Drop("lag_ingress", n) }})
	go in.run(ctx, in.audio(), stream.ReaderOptions{})
	return in
}

// Close stops the ingress and waits for it.
func (in *ingress) Close() {
	in.cancel()
	in.wg.Wait()
	in.feed.Close()
	in.b.Stats.Ingresses.Add(-1)
	in.log.Info("ingress stopped")
}

// half is the video or the audio of an ingress.
type half interface {
	frame(f *stream.Frame)
	close()
}

func (in *ingress) run(ctx context.Context, h half, o stream.ReaderOptions) {
	defer in.wg.Done()
	defer h.close()
	r := in.s.Reader(o)
	var batch []*stream.Frame
	for {
		var err error
		if batch, err = r.Next(ctx, batch); err != nil {
			return
		}
		for _, f := range batch {
			h.frame(f)
		}
		clear(batch)
	}
}

type videoHalf struct {
	in     *ingress
	cfg    *h264.Config // the publisher's
	out    *h264.Config // what WebRTC players are told
	filter *h264.ReorderFilter
	mode   string
	told   map[string]bool // modes the log has
	pack   h264.Packetizer
	nals   [][]byte
	bad    int
}

func (in *ingress) video() *videoHalf {
	return &videoHalf{in: in, filter: h264.NewReorderFilter(), told: map[string]bool{}}
}

func (v *videoHalf) frame(f *stream.Frame) {
	if f.Kind != stream.Video || f.Config || f.Tracks.Video == nil {
		return
	}
	nals, err := h264.SplitAVCC(v.nals[:0], f.Payload(), f.Tracks.Video.LengthSize)
	if err != nil {
		v.in.s.Drop("bad_video", 1)
		if v.bad++; v.bad == 1 {
			v.in.log.Warn("video frame left out: not length-prefixed NAL units", "error", err)
		}
		return
	}
	v.nals = nals
	if f.Tracks.Video != v.cfg {
		v.cfg = f.Tracks.Video
		v.out = nil
		v.filter.Reset()
	}
	// A frame that RTMP players may start at need not be an IDR picture;
	// browsers start at nothing less.
	key := h264.IsKeyframe(nals)
	verdict := v.filter.Check(nals, v.cfg, f.PTS, f.DTS, key)
	if m := v.filter.Mode(); m != v.mode {
		v.setMode(m)
	}
	if !verdict.Pass {
		v.in.s.Drop(verdict.Reason, 1)
		return
	}
	if v.out == nil {
		v.out = v.cfg.NoReorder()
	}
	v.in.feed.WriteFrame(sfu.Video, f.PTS, key, v.pack.Packetize(nals, v.out, key))
}

func (v *videoHalf) setMode(m string) {
	v.mode = m
	v.in.s.SetBFrames(m)
	if v.told[m] {
		return
	}
	v.told[m] = true
	switch m {
	case h264.ModeDropped:
		v.in.log.Warn("publisher sends B-frames, which WebRTC cannot show: they are left out for browsers; set bframes=0 in the encoder")
	case h264.ModeKeyframesOnly:
		v.in.log.Warn("publisher sends B-frames that other pictures refer to: browsers get keyframes only where that cannot be undone; set bframes=0, or b-pyramid=strict, in the encoder")
	}
}

func (v *videoHalf) close() {}

type audioHalf struct {
	in      *ingress
	cfg     *audio.Config
	usable  bool
	enc     *audio.ToOpus
	payload [][]byte
	warned  bool
}

func (in *ingress) audio() *audioHalf { return &audioHalf{in: in} }

func (a *audioHalf) frame(f *stream.Frame) {
	if f.Kind != stream.Audio || f.Config || f.Tracks.Audio == nil || len(f.Payload()) == 0 {
		return
	}
	if a.in.began.Sub(f.Arrival) > staleAudio {
		return
	}
	if f.Tracks.Audio != a.cfg && !a.configure(f.Tracks.Audio) || !a.usable {
		return
	}
	err := a.enc.Push(f.PTS, f.Payload(), func(pts time.Duration, packet []byte) {
		a.in.b.Stats.OpusPackets.Add(1)
		a.in.feed.SetAudioLevel(a.enc.Level())
		a.in.feed.WriteFrame(sfu.Audio, pts, false, [][]byte{packet})
	})
	if err != nil {
		a.in.b.Stats.BadAudio.Add(1)
		if !a.warned {
			a.warned = true
			a.in.log.Warn("audio left out: an AAC access unit did not decode", "error", err)
		}
	}
}

func (a *audioHalf) configure(c *audio.Config) bool {
	a.cfg, a.usable = c, false
	if err := c.Supported(); err != nil {
		a.in.log.Warn("WebRTC players of this stream get no audio", "error", err)
		return false
	}
	if a.enc == nil {
		a.enc = audio.NewToOpus(audio.ToOpusOptions{Bitrate: a.in.b.opts.OpusBitrate})
		a.in.b.Stats.ToOpus.Add(1)
	}
	if err := a.enc.SetConfig(c); err != nil {
		a.in.log.Warn("WebRTC players of this stream get no audio", "error", err)
		return false
	}
	a.usable = true
	return true
}

func (a *audioHalf) close() {
	if a.enc != nil {
		a.enc.Close()
		a.in.b.Stats.ToOpus.Add(-1)
	}
}
