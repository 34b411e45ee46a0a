package stream

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"hutong/bridge/audio"
	"hutong/bridge/h264"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// crossingsOf counts what a registry starts and stops.
type crossingsOf struct{ ingress, egress atomic.Int64 }

type counted struct{ n *atomic.Int64 }

func (c counted) Close() { c.n.Add(-1) }

func (c *crossingsOf) Ingress(*Stream) Crossing {
	c.ingress.Add(1)
	return counted{&c.ingress}
}

func (c *crossingsOf) Egress(*Stream, *Turn) Crossing {
	c.egress.Add(1)
	return counted{&c.egress}
}

func newTestRegistry(t *testing.T, change func(*Options)) (*Registry, *crossingsOf) {
	t.Helper()
	c := &crossingsOf{}
	o := Options{Grace: time.Minute, Linger: time.Millisecond, MaxLag: time.Second, GOPMaxBytes: 1 << 20, GOPMaxSpan: 10 * time.Second, Crossings: c}
	if change != nil {
		change(&o)
	}
	r := NewRegistry(o)
	t.Cleanup(r.Close)
	return r, c
}

func publishFrames(t *testing.T, r *Registry, kick func(error)) *Publication {
	t.Helper()
	p, err := r.Publish("live/a", PublisherInfo{Protocol: "rtmp", Remote: "test", Origin: FromFrames, Kick: kick})
	if err != nil {
		t.Fatal(err)
	}
	p.Turn().SetVideo(&h264.Config{LengthSize: 4, Width: 640, Height: 360, SPS: [][]byte{{0x67, 0x42, 0, 30}}, PPS: [][]byte{{0x68}}})
	p.Turn().SetAudio(&audio.Config{ASC: []byte{0x11, 0x90}, SampleRate: 48000, Channels: 2})
	return p
}

// group writes a keyframe and n-1 pictures after it, 100 ms apart, from at on.
func group(p *Publication, at time.Duration, n int) {
	for i := range n {
		p.Turn().WriteVideo(at+time.Duration(i)*100*ms, 0, i == 0, []byte{0x17, 1, 0, 0, 0, byte(i)})
	}
}

func read(t *testing.T, r *Reader) []*Frame {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	frames, err := r.Next(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	return frames
}

func play(t *testing.T, s *Stream, p Protocol, o ReaderOptions) (*Player, *Reader) {
	t.Helper()
	player, err := s.Play(p)
	if err != nil {
		t.Fatal(err)
	}
	return player, player.Reader(o)
}

func TestLateJoinerStartsAtKeyframeWithHeaders(t *testing.T) {
	reg, _ := newTestRegistry(t, nil)
	p := publishFrames(t, reg, nil)
	group(p, 0, 5)
	group(p, 500*ms, 3)
	_, r := play(t, p.Stream(), FLV, ReaderOptions{})
	got := read(t, r)
	if len(got) != 6 {
		t.Fatalf("%d frames, want metadata, two headers and the newest group of 3", len(got))
	}
	if got[0].Kind != Meta || !got[1].Config || got[1].Kind != Video || !got[2].Config || got[2].Kind != Audio {
		t.Errorf("headers are %v %v %v", got[0].Kind, got[1].Kind, got[2].Kind)
	}
	if !got[3].Key || got[3].Body[5] != 0 {
		t.Error("the first picture is not the newest keyframe")
	}
}

func TestPicturesBeforeTheFirstKeyframeAreDropped(t *testing.T) {
	drops := map[string]int{}
	reg, _ := newTestRegistry(t, func(o *Options) { o.OnDrop = func(why string, n int) { drops[why] += n } })
	p := publishFrames(t, reg, nil)
	p.Turn().WriteVideo(0, 0, false, []byte{0x27, 1, 0, 0, 0, 9})
	group(p, 100*ms, 2)
	_, r := play(t, p.Stream(), FLV, ReaderOptions{})
	for _, f := range read(t, r) {
		if f.Kind == Video && !f.Config && f.Body[5] == 9 {
			t.Error("a picture that refers to nothing was played")
		}
	}
	if drops["before_keyframe"] != 1 {
		t.Errorf("drops %v", drops)
	}
}

func TestTakeoverContinuesTimeAndSparesHeaders(t *testing.T) {
	reg, _ := newTestRegistry(t, nil)
	kicked := make(chan error, 1)
	first := publishFrames(t, reg, func(err error) { kicked <- err })
	group(first, 50*time.Second, 2)
	_, r := play(t, first.Stream(), RTMP, ReaderOptions{})
	before := read(t, r)
	second := publishFrames(t, reg, nil)
	if err := <-kicked; !errors.Is(err, ErrReplaced) {
		t.Errorf("the first publisher was told %v", err)
	}
	first.Turn().WriteVideo(51*time.Second, 0, true, []byte{0x17, 1, 0, 0, 0, 77})
	group(second, 0, 2)
	after := read(t, r)
	if len(after) != 2+1 || after[0].Kind != Meta || !after[1].Key || after[1].Body[5] != 0 {
		t.Errorf("after the takeover came %d frames, want metadata and the newcomer's two pictures, no headers for an equal configuration", len(after))
	}
	if last := before[len(before)-1]; after[1].DTS <= last.DTS {
		t.Errorf("time went from %v back to %v", last.DTS, after[1].DTS)
	}
	first.Close(true)
	if reg.Get("live/a") == nil {
		t.Error("the replaced publisher ended the stream by leaving")
	}
}

func TestChangesAreTold(t *testing.T) {
	told := make(chan string, 8)
	reg, _ := newTestRegistry(t, func(o *Options) {
		o.Grace = time.Millisecond
		o.OnChange = func(name string) { told <- name }
	})
	publishFrames(t, reg, nil).Close(false)
	for _, what := range []string{"publisher", "loss", "end"} {
		select {
		case name := <-told:
			if name != "live/a" {
				t.Errorf("the %s was told of %s", what, name)
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("the %s was not told", what)
		}
	}
}

func TestTakeoverRefused(t *testing.T) {
	reg, _ := newTestRegistry(t, func(o *Options) { o.RefuseTakeover = true })
	publishFrames(t, reg, nil)
	if _, err := reg.Publish("live/a", PublisherInfo{Origin: FromFrames}); !errors.Is(err, ErrInUse) {
		t.Errorf("got %v, want ErrInUse", err)
	}
}

func TestGraceKeepsPlayersAndFinalEnds(t *testing.T) {
	reg, _ := newTestRegistry(t, nil)
	p := publishFrames(t, reg, nil)
	group(p, 0, 1)
	_, r := play(t, p.Stream(), FLV, ReaderOptions{})
	read(t, r)
	p.Close(false)
	if st := p.Stream().Stats(); st.Live {
		t.Error("a stream without its publisher is live")
	}
	back := publishFrames(t, reg, nil)
	group(back, 0, 1)
	if got := read(t, r); !got[len(got)-1].Key {
		t.Error("the returned publisher's first picture did not reach the player")
	}
	back.Close(true)
	if _, err := r.Next(context.Background(), nil); !errors.Is(err, ErrEnded) {
		t.Errorf("after the end Next gave %v", err)
	}
	if reg.Get("live/a") != nil {
		t.Error("the stream is still there")
	}
}

func TestGraceEnds(t *testing.T) {
	reg, _ := newTestRegistry(t, func(o *Options) { o.Grace = time.Millisecond })
	p := publishFrames(t, reg, nil)
	_, r := play(t, p.Stream(), FLV, ReaderOptions{})
	p.Close(false)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if _, err := r.Next(ctx, nil); !errors.Is(err, ErrEnded) {
		t.Errorf("got %v, want ErrEnded", err)
	}
}

func TestWait(t *testing.T) {
	reg, _ := newTestRegistry(t, nil)
	if _, err := reg.Wait(context.Background(), "live/a", time.Millisecond); !errors.Is(err, ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
	found := make(chan error, 1)
	go func() {
		_, err := reg.Wait(context.Background(), "live/a", 10*time.Second)
		found <- err
	}()
	publishFrames(t, reg, nil)
	if err := <-found; err != nil {
		t.Error(err)
	}
}

func TestSlowPlayerLosesToTheNextKeyframe(t *testing.T) {
	drops := map[string]int{}
	reg, _ := newTestRegistry(t, func(o *Options) { o.OnDrop = func(why string, n int) { drops[why] += n } })
	p := publishFrames(t, reg, nil)
	group(p, 0, 1)
	_, r := play(t, p.Stream(), RTMP, ReaderOptions{})
	read(t, r)
	group(p, 100*ms, 15) // 1.5 s: more than MaxLag
	group(p, 1600*ms, 3)
	if got := read(t, r); len(got) != 3 || !got[0].Key {
		t.Errorf("a player 1.7 s behind got %d frames, want the newest group of 3", len(got))
	}
	if drops["lag_rtmp"] != 15 {
		t.Errorf("drops %v, want 15 for lag", drops)
	}
	p.Turn().WriteAudio(4*time.Second, []byte{0xaf, 1, 0})
	p.Turn().WriteVideo(4*time.Second, 0, false, []byte{0x27, 1, 0, 0, 0, 1})
	p.Turn().WriteVideo(6*time.Second, 0, false, []byte{0x27, 1, 0, 0, 0, 2})
	p.Turn().WriteVideo(6100*ms, 0, true, []byte{0x17, 1, 0, 0, 0, 3})
	if got := read(t, r); !got[0].Key {
		t.Error("after a skip the player got a picture it cannot decode")
	}
}

func TestCrossingsAreLazy(t *testing.T) {
	reg, c := newTestRegistry(t, nil)
	p := publishFrames(t, reg, nil)
	frames, _ := play(t, p.Stream(), RTMP, ReaderOptions{})
	if c.ingress.Load()+c.egress.Load() != 0 {
		t.Error("a stream nobody watches across is crossing")
	}
	browser, err := p.Stream().Play(WHEP)
	if err != nil {
		t.Fatal(err)
	}
	if c.ingress.Load() != 1 {
		t.Error("no ingress for a browser")
	}
	if _, err := reg.Publish("live/a", PublisherInfo{Protocol: "whip", Origin: FromWebRTC}); err != nil {
		t.Fatal(err)
	}
	if c.ingress.Load() != 0 || c.egress.Load() != 1 {
		t.Errorf("after a browser took over: %d ingresses, %d egresses", c.ingress.Load(), c.egress.Load())
	}
	frames.Close()
	browser.Close()
	eventually(t, "the egress did not end after its linger", func() bool { return c.egress.Load() == 0 })
}

func TestCrossingLingers(t *testing.T) {
	reg, c := newTestRegistry(t, func(o *Options) { o.Linger = time.Hour })
	p := publishFrames(t, reg, nil)
	for range 3 {
		b, err := p.Stream().Play(WHEP)
		if err != nil {
			t.Fatal(err)
		}
		b.Close()
	}
	if c.ingress.Load() != 1 {
		t.Errorf("%d ingresses, want the one that lingers", c.ingress.Load())
	}
}

func TestLimits(t *testing.T) {
	reg, _ := newTestRegistry(t, func(o *Options) { o.MaxStreams, o.MaxPlayers = 1, 1 })
	p := publishFrames(t, reg, nil)
	if _, err := reg.Publish("live/b", PublisherInfo{Origin: FromFrames}); !errors.Is(err, ErrTooMany) {
		t.Errorf("second stream: %v", err)
	}
	play(t, p.Stream(), FLV, ReaderOptions{})
	if _, err := p.Stream().Play(FLV); !errors.Is(err, ErrTooMany) {
		t.Errorf("second player: %v", err)
	}
}

func TestMergingReaderBatches(t *testing.T) {
	reg, _ := newTestRegistry(t, nil)
	p := publishFrames(t, reg, nil)
	group(p, 0, 1)
	_, r := play(t, p.Stream(), FLV, ReaderOptions{Merge: 50 * ms})
	read(t, r)
	group(p, 100*ms, 3)
	if got := read(t, r); len(got) != 3 {
		t.Errorf("%d frames in one batch, want 3", len(got))
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * ms)
	defer tick.Stop()
	for deadline := time.Now().Add(5 * time.Second); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal(what)
		}
	}
}
