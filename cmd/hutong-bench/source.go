package main

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"time"
)

// onSend is told of every frame just before it leaves: of a video frame its key and whether it is a keyframe, of an
// audio frame its key and coded size. It may be nil.
type onSend func(f sentFrame)

type sentFrame struct {
	video    bool
	keyframe bool
	key      frameKey
	size     int
}

// source publishes a recording in real time, again and again, until ctx ends (nil) or the server does (an error).
// It takes no notice of keyframe requests.
type source interface {
	publish(ctx context.Context, sent onSend) error
}

// sourceFlags are those of push, whip, latency and join.
type sourceFlags struct {
	file, ogg, bearer string
	fps               float64
}

func (f *sourceFlags) add(fs *flag.FlagSet) {
	fs.StringVar(&f.file, "file", "", "FLV file for RTMP; H.264 Annex B file for WHIP")
	fs.StringVar(&f.ogg, "ogg", "", "Ogg Opus file for WHIP, one 20 ms packet a page")
	fs.Float64Var(&f.fps, "fps", 30, "frame rate of the H.264 file")
	fs.StringVar(&f.bearer, "in-bearer", "", "bearer token for WHIP")
}

func (f *sourceFlags) open(url string) (source, error) {
	if err := need("file", f.file); err != nil {
		return nil, err
	}
	if strings.HasPrefix(url, "rtmp://") {
		tags, err := readFLVFile(f.file)
		if err != nil {
			return nil, err
		}
		return &rtmpSource{url: url, tags: tags}, nil
	}
	s := &whipSource{url: url, bearer: f.bearer, fps: f.fps}
	if err := s.load(f.file, f.ogg); err != nil {
		return nil, err
	}
	return s, nil
}

func runPush(ctx context.Context, args []string) error { return runSource(ctx, "push", args) }
func runWHIP(ctx context.Context, args []string) error { return runSource(ctx, "whip", args) }

func runSource(ctx context.Context, name string, args []string) error {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	var f sourceFlags
	f.add(fs)
	url := fs.String("url", "", "where to publish")
	dur := fs.Duration("dur", 0, "stop after this long (0: when interrupted)")
	if err := parseFlags(fs, args); err != nil {
		return err
	}
	if err := need("url", *url); err != nil {
		return err
	}
	src, err := f.open(*url)
	if err != nil {
		return err
	}
	if *dur > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, *dur)
		defer cancel()
	}
	began, frames := time.Now(), 0
	err = src.publish(ctx, func(s sentFrame) {
		if s.video {
			frames++
		}
	})
	if err != nil {
		return err
	}
	sec := time.Since(began).Seconds()
	return line{"cmd": name, "dur_s": round(sec, 2), "frames": frames, "frames_s": round(float64(frames)/sec, 2)}.print()
}

// pacer waits for media times on one wall clock.
type pacer struct{ start time.Time }

func (p pacer) wait(ctx context.Context, media time.Duration) bool {
	return pause(ctx, max(time.Until(p.start.Add(media)), 0)) == nil
}

// rtmpSource pushes the tags of an FLV file, as a phone would.
type rtmpSource struct {
	url  string
	tags []tag
}

func (s *rtmpSource) publish(ctx context.Context, sent onSend) error {
	c, err := dialRTMP(ctx, s.url)
	if err != nil {
		return ended(ctx, err)
	}
	defer c.close()
	stop := context.AfterFunc(ctx, c.close)
	defer stop()
	if err := c.open("publish"); err != nil {
		return ended(ctx, err)
	}
	drained := make(chan struct{})
	var status string
	go func() { // acknowledgements and pings; it ends with the connection
		defer close(drained)
		for {
			m, err := c.next()
			if err != nil {
				return
			}
			if m.kind == msgAMF0Command {
				status = statusOf(m.body)
			}
		}
	}()
	defer func() { c.close(); <-drained }()

	var last uint32
	for _, t := range s.tags {
		last = max(last, t.ts)
	}
	const frame = 33 // ms from the last picture to the first of the next round
	clock := pacer{time.Now()}
	for round := uint32(0); ; round++ {
		for _, t := range s.tags {
			if round > 0 && (t.isConfig() || t.kind == tagData) {
				continue
			}
			t.ts += round * (last + frame)
			if !clock.wait(ctx, time.Duration(t.ts)*time.Millisecond) {
				return nil
			}
			if err := s.write(c, t, sent); err != nil {
				c.close()
				<-drained
				return ended(ctx, fmt.Errorf("publishing: %w (the server's last status: %q)", err, status))
			}
		}
	}
}

func (s *rtmpSource) write(c *rtmpClient, t tag, sent onSend) error {
	csid := byte(4)
	switch t.kind {
	case tagVideo:
		csid = 6
		if k, ok := pictureKey(t.picture()); ok && sent != nil {
			sent(sentFrame{video: true, keyframe: t.isKeyframe(), key: k, size: len(t.body)})
		}
	case tagAudio:
		if unit := t.aac(); unit != nil && sent != nil {
			sent(sentFrame{key: keyOf(unit), size: len(unit)})
		}
	case tagData:
		t.body = append(appendAMF(nil, "@setDataFrame"), t.body...)
	default:
		return nil
	}
	return c.send(csid, message{tag: t, streamID: mediaStream})
}
