// Package demo is a simulated phone: it does over real RTMP what a mini-program
// does with <live-pusher> and <live-player>, so that a newcomer sees a call with
// nothing else at hand.
package demo

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"hutong/bridge/flv"
	"hutong/bridge/rtmp"
)

//go:embed clip.flv
var clip []byte

// Phone is what a simulated phone does. Push and Play are RTMP addresses;
// either may be empty.
type Phone struct {
	Push, Play string
	// Say is told what happens, a line at a time. It is called from one
	// goroutine at a time.
	Say func(line string)

	say sync.Mutex
}

const (
	// retry is how long a phone waits before it dials again.
	retry = 2 * time.Second
	// every is how often it reports what it receives.
	every = 2 * time.Second
)

// Run pushes and plays until ctx is done, and dials again whenever a connection
// ends, as a phone does that changes networks.
func (p *Phone) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, job := range []struct {
		what, address string
		do            func(context.Context) error
	}{{"push", p.Push, p.push}, {"play", p.Play, p.play}} {
		if job.address == "" {
			continue
		}
		wg.Go(func() {
			for ctx.Err() == nil {
				err := job.do(ctx)
				if ctx.Err() != nil {
					return
				}
				if replaced(err) {
					// To dial again would take the name back from whoever has it now.
					p.tell("%s %s: %v", job.what, job.address, err)
					return
				}
				p.tell("%s %s: %v; trying again in %v", job.what, job.address, err, retry)
				select {
				case <-time.After(retry):
				case <-ctx.Done():
				}
			}
		})
	}
	wg.Wait()
}

// replaced reports whether another publisher has, or has taken, the name.
func replaced(err error) bool {
	var refused *rtmp.StatusError
	return errors.As(err, &refused) && refused.Code == "NetStream.Publish.BadName"
}

func (p *Phone) tell(format string, args ...any) {
	p.say.Lock()
	defer p.say.Unlock()
	p.Say(fmt.Sprintf(format, args...))
}

// push sends the clip over and over, in real time.
func (p *Phone) push(ctx context.Context) error {
	tags, err := readClip()
	if err != nil {
		return err
	}
	c, err := rtmp.Dial(ctx, p.Push, rtmp.ClientOptions{})
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Publish(ctx); err != nil {
		return err
	}
	p.tell("push %s: sending 360x640 at 15 frames per second, H.264 and AAC", p.Push)
	began := time.Now()
	span := tags[len(tags)-1].Timestamp + 1000/15
	for round := uint32(0); ; round++ {
		for _, t := range tags {
			at := round*span + t.Timestamp
			if !sleep(ctx, time.Until(began.Add(time.Duration(at)*time.Millisecond))) {
				return nil
			}
			if err := send(c, t, at, round == 0); err != nil {
				return err
			}
		}
	}
}

func readClip() ([]flv.Tag, error) {
	r := flv.NewReader(bytes.NewReader(clip), 0)
	var tags []flv.Tag
	for {
		t, err := r.Next()
		if errors.Is(err, io.EOF) {
			return tags, nil
		}
		if err != nil {
			return nil, fmt.Errorf("the built-in clip: %w", err)
		}
		tags = append(tags, t)
	}
}

// send passes one tag on; headers and metadata go out once.
func send(c *rtmp.Client, t flv.Tag, at uint32, first bool) error {
	header := t.Type == flv.TagScript || len(t.Body) > 1 && t.Body[1] == 0
	if header && !first {
		return nil
	}
	switch t.Type {
	case flv.TagVideo:
		return c.WriteVideo(at, t.Body)
	case flv.TagAudio:
		return c.WriteAudio(at, t.Body)
	}
	return c.WriteMeta(t.Body)
}

func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// play receives a stream and reports on it.
func (p *Phone) play(ctx context.Context) error {
	c, err := rtmp.Dial(ctx, p.Play, rtmp.ClientOptions{Timeout: 20 * time.Second})
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, c.Abort)
	defer func() {
		if stop() {
			c.Close()
		}
	}()
	if err := c.Play(ctx); err != nil {
		return err
	}
	var r receiver
	r.reset(time.Now())
	for {
		m, err := c.Read()
		if errors.Is(err, io.EOF) {
			return errors.New("the stream has ended")
		}
		if err != nil {
			return err
		}
		r.take(m)
		if now := time.Now(); now.Sub(r.since) >= every {
			p.tell("play %s: %s", p.Play, r.report(now))
			r.reset(now)
		}
	}
}
