package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/pion/rtp"
)

// probe plays one output and compares every frame with the ledger.
type probe struct {
	url, bearer string
	ledger      *ledger

	mu        sync.Mutex
	from      time.Time // frames before it are not counted: a player's cached frames are old
	video     []float64 // ms under way
	audio     []float64
	onsets    []float64
	gaps      []float64 // between video frames
	unknown   int       // video frames nobody sent
	lastVideo time.Time
	edge      onset
	player    player
	// seen, where set, is given every known video frame's age.
	seen func(age time.Duration)
}

func (p *probe) play(ctx context.Context) error {
	if isRTMPOrFLV(p.url) {
		p.player = &tcpPlayer{url: p.url, take: p.tag}
	} else {
		var d depacketizer
		p.player = &whepPlayer{url: p.url, bearer: p.bearer,
			onVideo: func(r *rtp.Packet) {
				if k, ok := pictureKey(d.push(r.SequenceNumber, r.Marker, r.Payload)); ok {
					p.picture(k)
				}
			},
			onAudio: func(r *rtp.Packet) { p.sound(r.Payload) },
		}
	}
	return p.player.play(ctx)
}

func isRTMPOrFLV(url string) bool {
	path, _, _ := strings.Cut(url, "?")
	return strings.HasPrefix(url, "rtmp://") || strings.HasSuffix(path, ".flv")
}

func (p *probe) tag(t tag) {
	if unit := t.aac(); unit != nil {
		p.sound(unit)
	} else if k, ok := pictureKey(t.picture()); ok {
		p.picture(k)
	}
}

func (p *probe) picture(k frameKey) {
	now := time.Now()
	age, known := p.ledger.age(k, now)
	p.mu.Lock()
	defer p.mu.Unlock()
	if known && p.seen != nil {
		p.seen(age)
	}
	if now.Before(p.from) {
		return
	}
	if !known {
		p.unknown++
		return
	}
	p.video = append(p.video, millis(age))
	if !p.lastVideo.IsZero() {
		p.gaps = append(p.gaps, millis(now.Sub(p.lastVideo)))
	}
	p.lastVideo = now
}

func (p *probe) sound(b []byte) {
	now := time.Now()
	age, known := p.ledger.age(keyOf(b), now)
	since, ok := p.ledger.sinceOnset(now)
	p.mu.Lock()
	defer p.mu.Unlock()
	begins := p.edge.add(len(b))
	if now.Before(p.from) {
		return
	}
	// Coded silence is all alike, so only loud frames are told apart.
	if known && len(b) >= loudSize {
		p.audio = append(p.audio, millis(age))
	}
	if begins && ok {
		p.onsets = append(p.onsets, millis(since))
	}
}

func (p *probe) line() line {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := line{"video_frames": len(p.video), "unknown_frames": p.unknown}
	l.spread("video_ms", p.video)
	l.spread("audio_ms", p.audio)
	l.spread("frame_gap_ms", p.gaps)
	l.spread("audio_onset_ms", p.onsets)
	if len(p.onsets) > 0 {
		l["audio_onsets"] = len(p.onsets)
	}
	return l
}

var errNoFrames = errors.New("no frame of the publisher came out")

func runLatency(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("latency", flag.ContinueOnError)
	var f sourceFlags
	f.add(fs)
	in := fs.String("in", "", "where to publish: rtmp://... or a WHIP URL")
	var outs listFlag
	fs.Var(&outs, "out", "where to play: rtmp://..., http://...flv or a WHEP URL; repeatable")
	bearer := fs.String("bearer", "", "bearer token for WHEP")
	warm := fs.Duration("warm", 3*time.Second, "publish this long before playing")
	settle := fs.Duration("settle", 4*time.Second, "play this long before counting")
	dur := fs.Duration("dur", 20*time.Second, "measured time")
	if err := parseFlags(fs, args); err != nil {
		return err
	}
	if err := errors.Join(need("in", *in), need("out", outs.String())); err != nil {
		return err
	}
	src, err := f.open(*in)
	if err != nil {
		return err
	}
	l := newLedger()
	return whilePublishing(ctx, src, l.send, *warm, func(ctx context.Context) error {
		playCtx, stop := context.WithCancel(ctx)
		defer stop()
		var wg sync.WaitGroup
		probes := make([]*probe, len(outs))
		errs := make([]error, len(outs))
		for i, o := range outs {
			probes[i] = &probe{url: o, bearer: *bearer, ledger: l, from: time.Now().Add(*settle)}
			wg.Go(func() { errs[i] = probes[i].play(playCtx) })
		}
		waited := pause(ctx, *settle+*dur)
		stop()
		wg.Wait()
		if waited != nil {
			return waited
		}
		var failed error
		for i, p := range probes {
			out := p.line()
			out["cmd"], out["in"], out["out"] = "latency", kindOf(*in), kindOf(outs[i])
			if errs[i] != nil {
				out["error"] = errs[i].Error()
				failed = errors.Join(failed, errs[i])
			} else if out["video_frames"] == 0 {
				failed = errors.Join(failed, fmt.Errorf("%s: %w", kindOf(outs[i]), errNoFrames))
			}
			if err := out.print(); err != nil {
				return err
			}
		}
		return failed
	})
}

// kindOf names an endpoint without its host or its query, which may hold a token.
func kindOf(url string) string {
	path, query, _ := strings.Cut(url, "?")
	suffix := ""
	if strings.Contains(query, "path=standard") {
		suffix = " standard"
	}
	switch {
	case strings.HasPrefix(path, "rtmp://"):
		return "rtmp" + suffix
	case strings.HasSuffix(path, ".flv"):
		return "flv" + suffix
	case strings.Contains(path, "/whip/"):
		return "whip"
	}
	return "whep"
}

// whilePublishing publishes for as long as do runs, which begins after warm. It fails when the publisher does.
func whilePublishing(ctx context.Context, src source, sent onSend, warm time.Duration, do func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	var pubErr error
	go func() {
		defer close(done)
		if pubErr = src.publish(ctx, sent); pubErr != nil {
			cancel(pubErr)
		}
	}()
	err := pause(ctx, warm)
	if err == nil {
		err = do(ctx)
	}
	cancel(nil)
	<-done
	if pubErr != nil {
		return fmt.Errorf("publisher: %w", pubErr)
	}
	return err
}

type listFlag []string

func (l *listFlag) String() string     { return strings.Join(*l, " ") }
func (l *listFlag) Set(s string) error { *l = append(*l, s); return nil }
