package sfu

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"
)

// gate is a connection that takes packets as told, and keeps what it took.
type gate struct {
	verdict func(h *rtp.Header) (taken bool, err error)
	headers []rtp.Header
	numbers []uint32
}

func (g *gate) WriteRTP(h *rtp.Header, payload []byte) (int, error) {
	taken, err := g.verdict(h)
	if err != nil || !taken {
		return 0, err
	}
	g.headers = append(g.headers, *h)
	g.numbers = append(g.numbers, frameNumber(payload))

	return len(payload), nil
}

func (g *gate) Write(b []byte) (int, error) { return len(b), nil }

func passes(o *outlet) {
	for o.pass(mono()) {
	}
}

// frames writes frames to a feed without waiting for the clock.
func frames(f *Feed, o *outlet, from, to, gop int) {
	for i := from; i < to; i++ {
		f.WriteFrame(Video, time.Duration(i)*33*time.Millisecond, i%gop == 0, makeFrame(Video, uint32(i), i%gop == 0, 3, 500))
		passes(o)
	}
}

func TestSlowPlayerLosesItsOwnFramesUpToAKeyframe(t *testing.T) {
	src, o, others := fanout(2)
	defer src.Close()
	asked := 0
	f := src.Attach(FeedOptions{HasVideo: true, RequestKeyframe: func() { asked++ }})
	full := false
	g := &gate{verdict: func(*rtp.Header) (bool, error) { return !full, nil }}
	slow := o.subs[1].tracks[Video]
	slow.w = g
	frames(f, o, 0, 10, 30)
	full = true
	frames(f, o, 10, 12, 30)
	full = false
	frames(f, o, 12, 40, 30)
	if others.packets != 40*3 {
		t.Errorf("the other player got %d packets, want all %d", others.packets, 40*3)
	}
	var want []uint32
	for i := range uint32(40) {
		if i < 10 || i >= 30 {
			want = append(want, i, i, i)
		}
	}
	if len(g.numbers) != len(want) {
		t.Fatalf("the slow player got frames %v", g.numbers)
	}
	for i, n := range g.numbers {
		if n != want[i] {
			t.Fatalf("packet %d is of frame %d, want %d", i, n, want[i])
		}
		// The refused packet used up a number; nothing else is missing.
		gap := uint16(1)
		if i == 30 {
			gap = 2
		}
		if i > 0 && g.headers[i].SequenceNumber-g.headers[i-1].SequenceNumber != gap {
			t.Errorf("packet %d: sequence number %d after %d", i, g.headers[i].SequenceNumber, g.headers[i-1].SequenceNumber)
		}
	}
	st := slow.snapshot()
	if st.Dropped.QueueFull != 1 || st.Dropped.Waiting != 20*3-1 || asked == 0 {
		t.Errorf("dropped %+v, asked for %d keyframes", st.Dropped, asked)
	}
}

func TestPlayerWithoutPathJoinsAgain(t *testing.T) {
	src, o, _ := fanout(1)
	defer src.Close()
	f := src.Attach(FeedOptions{HasVideo: true}) // cannot be asked
	var err error
	g := &gate{verdict: func(*rtp.Header) (bool, error) { return true, err }}
	o.subs[0].tracks[Video].w = g
	frames(f, o, 0, 10, 1000)
	err = io.ErrClosedPipe
	f.WriteFrame(Video, 330*time.Millisecond, false, makeFrame(Video, 10, false, 3, 500))
	o.pass(mono())
	err = nil
	eventually(t, "the newest frame", func() bool {
		o.pass(mono())

		return g.numbers[len(g.numbers)-1] == 10
	})
	if g.numbers[30] != 0 {
		t.Errorf("playback goes on with frame %d, want the keyframe", g.numbers[30])
	}
	checkRising(t, g, 30)
}

func TestLostPictureIsHelpedFromCache(t *testing.T) {
	src, o, _ := fanout(1)
	defer src.Close()
	f := src.Attach(FeedOptions{HasVideo: true}) // RTMP: nobody to ask
	g := &gate{verdict: func(*rtp.Header) (bool, error) { return true, nil }}
	d := o.subs[0].tracks[Video]
	d.w = g
	frames(f, o, 0, 20, 1000)
	n := len(g.numbers)
	d.refresh()
	d.refresh() // at once again: refused
	passes(o)
	frames(f, o, 20, 30, 1000)
	if g.numbers[n] != 0 || g.numbers[len(g.numbers)-1] != 29 || len(g.numbers) != n+30*3 {
		t.Errorf("after the request came frames %v", g.numbers[n:])
	}
	checkRising(t, g, -1)
}

// checkRising asserts contiguous numbers, but at packet but, and timestamps that
// rise with every frame.
func checkRising(t *testing.T, g *gate, but int) {
	t.Helper()
	for i := 1; i < len(g.headers); i++ {
		a, b := g.headers[i-1], g.headers[i]
		if b.SequenceNumber-a.SequenceNumber != 1 && i != but {
			t.Fatalf("packet %d: sequence number %d after %d", i, b.SequenceNumber, a.SequenceNumber)
		}
		if rise := int32(b.Timestamp - a.Timestamp); (i%3 == 0) != (rise > 0) || rise < 0 {
			t.Fatalf("packet %d of frame %d: timestamp moves by %d", i, g.numbers[i], rise)
		}
	}
}

func TestOverrunCostsUpToAKeyframe(t *testing.T) {
	src, o, _ := fanout(1)
	defer src.Close()
	f := src.Attach(FeedOptions{HasVideo: true})
	g := &gate{verdict: func(*rtp.Header) (bool, error) { return true, nil }}
	d := o.subs[0].tracks[Video]
	d.w = g
	frames(f, o, 0, 5, 1<<20)
	for i := 5; i < 2005; i++ { // 6000 packets without a pass
		f.WriteFrame(Video, time.Duration(i)*time.Millisecond, false, makeFrame(Video, uint32(i), false, 3, 50))
	}
	passes(o)
	if n := g.numbers[len(g.numbers)-1]; n != 4 {
		t.Errorf("frame %d was sent after packets had been lost", n)
	}
	f.WriteFrame(Video, 3*time.Second, true, makeFrame(Video, 5000, true, 3, 50))
	passes(o)
	if n := g.numbers[len(g.numbers)-1]; n != 5000 || d.snapshot().Dropped.Overrun != 1 {
		t.Errorf("ends with frame %d, %+v", n, d.snapshot().Dropped)
	}
	checkRising(t, g, -1)
}

func TestTapSaysWhatItDropped(t *testing.T) {
	src := NewSource("tap")
	tap := src.Tap(TapOptions{Video: true, QueuePackets: 10})
	f := src.Attach(FeedOptions{HasVideo: true})
	write := func(i int) {
		f.WriteFrame(Video, time.Duration(i)*time.Millisecond, i == 0, makeFrame(Video, uint32(i), i == 0, 1, 50))
	}
	for i := range 15 {
		write(i)
	}
	ctx := context.Background()
	for i := range 10 {
		p, err := tap.Read(ctx)
		if err != nil || frameNumber(p.Payload) != uint32(i) || p.Dropped != 0 {
			t.Fatalf("packet %d: %+v, %v", i, p, err)
		}
	}
	write(15)
	if p, err := tap.Read(ctx); err != nil || p.Dropped != 5 || frameNumber(p.Payload) != 15 {
		t.Errorf("after overflow: %+v, %v", p, err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := tap.Read(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("Read with an ended context gives %v", err)
	}
	tap.Close()
	tap.Close()
	src.Close()
	if _, err := tap.Read(ctx); !errors.Is(err, io.EOF) {
		t.Errorf("Read after Close gives %v", err)
	}
	if _, err := src.Tap(TapOptions{}).Read(ctx); !errors.Is(err, io.EOF) {
		t.Errorf("a tap of a closed source says %v", err)
	}
}

func TestOnDemandFollowsPlayers(t *testing.T) {
	s := newSFU(t)
	src := NewSource("demand")
	wanted := make(chan bool, 10)
	src.OnDemand(20*time.Millisecond, func(w bool) { wanted <- w })
	next := func(want bool) {
		t.Helper()
		select {
		case got := <-wanted:
			if got != want {
				t.Fatalf("told %v, want %v", got, want)
			}
		case <-time.After(patience):
			t.Fatalf("never told %v", want)
		}
	}
	a := newPlayer(t, s, src, clientOptions{})
	next(true)
	b := newPlayer(t, s, src, clientOptions{})
	mustDo(t, a.sub.Close())
	mustDo(t, b.sub.Close())
	next(false)
	newPlayer(t, s, src, clientOptions{})
	next(true)
	src.Close()
	next(false)
	if len(wanted) != 0 {
		t.Errorf("told %v as well", <-wanted)
	}
}

// TestAPlayerThatWaitsAsksAgain: its request may have been lost.
func TestAPlayerThatWaitsAsksAgain(t *testing.T) {
	src, o, _ := fanout(1)
	defer src.Close()
	var asked atomic.Int32
	f := src.Attach(FeedOptions{HasVideo: true, RequestKeyframe: func() { asked.Add(1) }})
	d := o.subs[0].tracks[Video]
	now := mono()
	o.pass(now)
	for range 4 {
		now += int64(100 * time.Millisecond)
		o.pass(now)
	}
	if n := asked.Load(); n != 1 || d.state != downWaiting {
		t.Fatalf("%d requests in the beginning, state %d", n, d.state)
	}
	for range 12 {
		now += int64(100 * time.Millisecond)
		o.pass(now)
	}
	eventually(t, "another request", func() bool { return asked.Load() == 2 })
	f.WriteFrame(Video, 0, true, makeFrame(Video, 1, true, 3, 500))
	passes(o)
	if d.state != downLive {
		t.Errorf("with the keyframe the player is in state %d", d.state)
	}
}
