package stream

import (
	"context"
	"errors"
	"testing"
	"time"

	"hutong/bridge/audio"
	"hutong/bridge/h264"
)

// composed begins a composition with a configuration of its own.
func composed(t *testing.T, s *Stream) *Composition {
	t.Helper()
	c, err := s.Compose()
	if err != nil {
		t.Fatal(err)
	}
	c.SetVideo(&h264.Config{LengthSize: 4, Width: 320, Height: 240, SPS: [][]byte{{0x67, 0x42, 0, 20}}, PPS: [][]byte{{0x68}}})
	c.SetAudio(&audio.Config{ASC: []byte{0x11, 0x88}, SampleRate: 48000, Channels: 1})
	return c
}

// origins says which frames came, by the first byte of their payload: own ones
// count from 0, a composition's from 100.
func origins(frames []*Frame) (media []int, headers int) {
	for _, f := range frames {
		switch {
		case f.Config:
			headers++
		case f.Kind == Video:
			media = append(media, int(f.Payload()[0]))
		}
	}
	return media, headers
}

func TestAudienceGoesOverAndComesBack(t *testing.T) {
	r, _ := newTestRegistry(t, nil)
	p := publishFrames(t, r, nil)
	group(p, 0, 3)
	s := p.Stream()
	player, audience := play(t, s, FLV, ReaderOptions{Audience: true})
	defer player.Close()
	_, other := play(t, s, FLV, ReaderOptions{})
	if got, _ := origins(read(t, audience)); len(got) != 3 {
		t.Fatalf("the publisher's own frames: %v", got)
	}
	read(t, other)

	c := composed(t, s)
	c.WriteAudio(300*ms, []byte{0xaf, 1, 9}) // not yet: it goes over at a keyframe
	p.Turn().WriteVideo(300*ms, 0, false, []byte{0x27, 1, 0, 0, 0, 3})
	if got, headers := origins(read(t, audience)); len(got) != 1 || got[0] != 3 || headers != 0 {
		t.Fatalf("before the composition's keyframe: pictures %v, %d headers", got, headers)
	}
	read(t, other)
	c.WriteVideo(350*ms, 0, true, []byte{0x17, 1, 0, 0, 0, 100})
	c.WriteVideo(400*ms, 0, false, []byte{0x27, 1, 0, 0, 0, 101})
	frames := read(t, audience)
	if got, headers := origins(frames); len(got) != 2 || got[0] != 100 || headers != 3 {
		t.Fatalf("from the composition: pictures %v, %d headers; want 100, 101 and all headers", got, headers)
	}
	late, newcomer := play(t, s, RTMP, ReaderOptions{Audience: true})
	defer late.Close()
	if got, _ := origins(read(t, newcomer)); len(got) != 2 || got[0] != 100 {
		t.Fatalf("a newcomer sees pictures %v, want the composition's", got)
	}

	p.Turn().WriteVideo(390*ms, 0, true, []byte{0x17, 1, 0, 0, 0, 4})
	p.Turn().WriteAudio(395*ms, []byte{0xaf, 1, 1})
	c.Close()
	p.Turn().WriteVideo(420*ms, 0, false, []byte{0x27, 1, 0, 0, 0, 5})
	frames = read(t, audience)
	got, headers := origins(frames)
	if len(got) != 2 || got[0] != 4 || got[1] != 5 || headers == 0 {
		t.Fatalf("back at the publisher: pictures %v, %d headers", got, headers)
	}
	last := 400 * ms
	for _, f := range frames {
		if f.Kind == Video && f.DTS < last {
			t.Errorf("time goes back from %v to %v", last, f.DTS)
		}
		if f.Kind == Video {
			last = f.DTS
		}
	}
	if got, _ := origins(read(t, other)); len(got) != 2 {
		t.Errorf("a player that is no audience saw %v, want the publisher's 4 and 5", got)
	}
}

func TestCompositionEndsWithTheStream(t *testing.T) {
	r, _ := newTestRegistry(t, nil)
	p := publishFrames(t, r, nil)
	group(p, 0, 1)
	c := composed(t, p.Stream())
	if _, err := p.Stream().Compose(); !errors.Is(err, ErrComposed) {
		t.Errorf("a second composition: %v", err)
	}
	c.WriteVideo(10*ms, 0, true, []byte{0x17, 1, 0, 0, 0, 100})
	_, audience := play(t, p.Stream(), FLV, ReaderOptions{Audience: true})
	read(t, audience)
	ended := make(chan error, 1)
	go func() {
		_, err := audience.Next(context.Background(), nil)
		ended <- err
	}()
	p.Close(true)
	select {
	case err := <-ended:
		if !errors.Is(err, ErrEnded) {
			t.Errorf("the audience was told %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the audience was not told of the end")
	}
	if p.Stream().Composed() || !p.Stream().Ended() {
		t.Error("the composition outlives its stream")
	}
	if _, err := p.Stream().Compose(); !errors.Is(err, ErrNotFound) {
		t.Errorf("composing a stream that has ended: %v", err)
	}
}

// TestOneCompositionAfterTheOther has a reader on one that has ended while the
// next has nothing yet.
func TestOneCompositionAfterTheOther(t *testing.T) {
	r, _ := newTestRegistry(t, nil)
	p := publishFrames(t, r, nil)
	group(p, 0, 1)
	first := composed(t, p.Stream())
	first.WriteVideo(10*ms, 0, true, []byte{0x17, 1, 0, 0, 0, 100})
	_, audience := play(t, p.Stream(), FLV, ReaderOptions{Audience: true})
	read(t, audience)
	first.Close()
	second := composed(t, p.Stream())
	if got, _ := origins(read(t, audience)); len(got) != 1 || got[0] != 0 {
		t.Fatalf("between two compositions: pictures %v, want the publisher's", got)
	}
	second.WriteVideo(20*ms, 0, true, []byte{0x17, 1, 0, 0, 0, 100})
	if got, _ := origins(read(t, audience)); len(got) != 1 || got[0] != 100 {
		t.Fatalf("after the second one's keyframe: pictures %v", got)
	}
	second.Close()
}

func TestAudienceOfSoundAloneGoesOver(t *testing.T) {
	r, _ := newTestRegistry(t, nil)
	p, err := r.Publish("live/a", PublisherInfo{Origin: FromFrames})
	if err != nil {
		t.Fatal(err)
	}
	p.Turn().SetAudio(&audio.Config{ASC: []byte{0x11, 0x90}, SampleRate: 48000, Channels: 2})
	p.Turn().WriteAudio(0, []byte{0xaf, 1, 1})
	_, audience := play(t, p.Stream(), FLV, ReaderOptions{Audience: true})
	p.Turn().WriteAudio(20*ms, []byte{0xaf, 1, 2})
	read(t, audience)
	c, err := p.Stream().Compose()
	if err != nil {
		t.Fatal(err)
	}
	c.SetAudio(&audio.Config{ASC: []byte{0x11, 0x88}, SampleRate: 48000, Channels: 1})
	over := make(chan error, 1)
	go func() {
		for {
			frames, err := audience.Next(context.Background(), nil)
			if err != nil || frames[len(frames)-1].Body[2] > 100 {
				over <- err
				return
			}
		}
	}()
	tick := time.NewTicker(5 * ms)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for at := 40 * ms; ; at += 5 * ms {
		c.WriteAudio(at, []byte{0xaf, 1, 101})
		p.Turn().WriteAudio(at, []byte{0xaf, 1, 3})
		select {
		case err := <-over:
			if err != nil {
				t.Error(err)
			}
			c.Close()
			return
		case <-deadline:
			t.Fatal("the audience never heard the composition")
		case <-tick.C:
		}
	}
}

func TestNobodyWaitsForEver(t *testing.T) {
	r, _ := newTestRegistry(t, nil)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, name := range []string{"live/x", "live/y"} {
		if _, err := r.Wait(ctx, name, time.Hour); !errors.Is(err, context.Canceled) {
			t.Errorf("a wait that was given up: %v", err)
		}
		if _, err := r.Wait(context.Background(), name, time.Millisecond); !errors.Is(err, ErrNotFound) {
			t.Errorf("a wait in vain: %v", err)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.waiters) != 0 {
		t.Errorf("%d names are waited for by nobody", len(r.waiters))
	}
}
