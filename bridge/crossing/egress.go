package crossing

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"hutong/bridge/h264"
	"hutong/bridge/stream"
	"hutong/sfu"
)

const (
	// repairWait is how long a missing RTP packet is waited for: a NACK, a
	// round trip of up to about 100 ms, and another try.
	repairWait = 250 * time.Millisecond
	// reorderWait is the same for audio, which is not retransmitted.
	reorderWait = 40 * time.Millisecond
	// silenceAfter is how far audio may be behind before it is filled up: DTX
	// sends nothing for 400 ms, and the network adds its jitter.
	silenceAfter = 200 * time.Millisecond
	tapPackets   = 1024
)

// egress reads a source's RTP packets and writes them to a stream's frame face.
type egress struct {
	b      *Bridge
	s      *stream.Stream
	turn   *stream.Turn
	tap    *sfu.Tap
	log    *slog.Logger
	began  time.Time
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu         sync.Mutex
	generation int
	video      egressVideo
	audio      egressAudio
}

// Egress starts carrying s.Source() to the turn.
func (b *Bridge) Egress(s *stream.Stream, t *stream.Turn) stream.Crossing {
	ctx, cancel := context.WithCancel(context.Background())
	e := &egress{b: b, s: s, turn: t, cancel: cancel, began: time.Now(), log: b.opts.Log.With("stream", s.Name)}
	e.tap = s.Source().Tap(sfu.TapOptions{Video: true, Audio: true, QueuePackets: tapPackets})
	e.reset()
	b.Stats.Egresses.Add(1)
	e.log.Info("egress started")
	e.wg.Add(2)
	go e.run(ctx)
	go e.watch(ctx)
	return e
}

// Close stops the egress and waits for it.
func (e *egress) Close() {
	e.cancel()
	e.wg.Wait()
	e.tap.Close()
	e.audio.close()
	e.b.Stats.Egresses.Add(-1)
	e.log.Info("egress stopped")
}

// reset begins anew with another publisher's packets.
func (e *egress) reset() {
	e.audio.close()
	e.video = egressVideo{e: e, clock: rtpClock{rate: 90000}, jitter: h264.NewJitterBuffer(repairWait), asm: h264.NewAssembler()}
	e.audio = egressAudio{e: e, clock: rtpClock{rate: 48000}, jitter: h264.NewJitterBuffer(reorderWait)}
	e.requestKeyframe()
}

func (e *egress) requestKeyframe() {
	e.b.Stats.KeyframeRequests.Add(1)
	e.tap.RequestKeyframe()
}

// tick is how often waits are looked at: a deadline is late by this at most.
const tick = 10 * time.Millisecond

func (e *egress) run(ctx context.Context) {
	defer e.wg.Done()
	defer e.cancel() // the source may have ended first
	for {
		p, err := e.tap.Read(ctx)
		if err != nil {
			return
		}
		e.mu.Lock()
		e.packet(p)
		e.mu.Unlock()
	}
}

// watch ends the waits for packets that do not come.
func (e *egress) watch(ctx context.Context) {
	defer e.wg.Done()
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-t.C:
			e.mu.Lock()
			e.video.drain(now)
			e.audio.drain(now)
			e.audio.fill()
			e.mu.Unlock()
		}
	}
}

func (e *egress) packet(p sfu.TapPacket) {
	if p.Feed != e.generation {
		e.generation = p.Feed
		e.reset()
	}
	e.lipSync()
	if p.Kind == sfu.Video {
		e.video.push(p)
	} else {
		e.audio.push(p)
	}
}

// lipSync aims the video's clock at the audio's when both have sender reports.
func (e *egress) lipSync() {
	a, aRTP, ok := e.tap.ClockMapping(sfu.Audio)
	if !ok {
		return
	}
	v, vRTP, ok := e.tap.ClockMapping(sfu.Video)
	if !ok {
		return
	}
	e.video.clock.follow(&e.audio.clock, v, vRTP, a, aRTP)
}

// hasAudio tells whether the publisher has an audio track, sending or not.
func (e *egress) hasAudio() bool {
	f := e.s.Source().Feed()
	return f != nil && f.Has(sfu.Audio)
}
