package mix

import (
	"context"
	"time"

	"hutong/bridge/audio"
	"hutong/bridge/stream"
)

// sound mixes the voices and encodes them, block by block, each when it is due.
type sound struct {
	m       *mixdown
	enc     *audio.FromPCM
	limiter *limiter
	next    int64 // the position of the next block
	block   [2 * audio.PCMUnit]float32
	mono    [audio.PCMUnit]float32
	warned  bool
}

// maxCatchUp is how much sound is mixed at once when time has gone ahead; beyond
// it, sound is left out.
const maxCatchUp = time.Second

func newSound(m *mixdown, channels int) *sound {
	o := audio.ToAACOptions{Channels: channels, Bitrate: m.mixer.opts.AACBitrate, Fast: channels == 2}
	if channels == 1 {
		o.Bitrate /= 2
	}
	s := &sound{m: m, enc: audio.NewFromPCM(o), limiter: newLimiter()}
	m.comp.SetAudio(s.enc.Config())
	return s
}

func (s *sound) run(ctx context.Context) {
	now, _ := s.m.now()
	s.next = position(now)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		now, _ := s.m.now()
		if timeOf(s.next) < now-maxCatchUp {
			s.next = position(now)
		}
		for ; timeOf(s.next) <= now; s.next += audio.PCMUnit {
			s.mix()
		}
		// The anchor's clock may be set, so the wait is short.
		timer.Reset(min(timeOf(s.next)-now, 50*time.Millisecond))
	}
}

// mix mixes and sends one block.
func (s *sound) mix() {
	clear(s.block[:])
	for _, in := range s.m.all() {
		in.voice.add(s.next, s.block[:])
	}
	s.limiter.process(s.block[:])
	pcm := s.block[:]
	if s.enc.Config().Channels == 1 {
		for i := range s.mono {
			s.mono[i] = (s.block[2*i] + s.block[2*i+1]) / 2
		}
		pcm = s.mono[:]
	}
	pts, au, err := s.enc.Push(timeOf(s.next-ahead), pcm)
	if err != nil && !s.warned {
		s.warned = true
		s.m.log.Warn("the mix's sound has a gap", "error", err)
	}
	if pts += s.m.shift; au == nil || pts < 0 {
		return
	}
	body := make([]byte, stream.AudioHeaderSize+len(au))
	body[0], body[1] = 0xaf, 1
	copy(body[stream.AudioHeaderSize:], au)
	s.m.comp.WriteAudio(pts, body)
}
