package sfu

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/pion/rtp"
)

// broadcaster writes a Source's frames until stopped; number says whose a frame is.
type broadcaster struct {
	src  *Source
	base uint32
	stop chan struct{}
	done chan struct{}
}

// broadcast sends live frames with a keyframe every gop frames. Their numbers
// start at base.
func broadcast(t testing.TB, name string, base uint32, gop int) *broadcaster {
	b := &broadcaster{src: NewSource(name), base: base, stop: make(chan struct{}), done: make(chan struct{})}
	feed := b.src.Attach(FeedOptions{HasVideo: true, HasAudio: true})
	go func() {
		defer close(b.done)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-b.stop:
				return
			case <-tick.C:
			}
			media := time.Duration(i) * 10 * time.Millisecond
			feed.WriteFrame(Video, media, i%gop == 0, makeFrame(Video, base+uint32(i), i%gop == 0, 3, 600))
			feed.WriteFrame(Audio, media, true, makeFrame(Audio, base+uint32(i), false, 1, 80))
		}
	}()
	t.Cleanup(func() {
		b.end()
		b.src.Close()
	})

	return b
}

func (b *broadcaster) end() {
	select {
	case <-b.stop:
	default:
		close(b.stop)
	}
	<-b.done
}

// checkMedia asserts that packets are a Source's own, bit-identical, numbered
// without a gap, and that video begins with a keyframe.
func checkMedia(t *testing.T, b *broadcaster, kind Kind, gop int, packets []*rtp.Packet) {
	t.Helper()
	if len(packets) == 0 {
		t.Fatal("no packets")
	}
	perFrame, size := 3, 600
	if kind == Audio {
		perFrame, size = 1, 80
	}
	for i, p := range packets {
		number := frameNumber(p.Payload)
		if number < b.base || number >= b.base+1_000_000 {
			t.Fatalf("packet %d is of frame %d, which is not of %s", i, number, b.src.Name())
		}
		key := kind == Video && int(number-b.base)%gop == 0
		frame := makeFrame(kind, number, key, perFrame, size)
		found := false
		for _, payload := range frame {
			found = found || bytes.Equal(payload, p.Payload)
		}
		if !found {
			t.Fatalf("packet %d of frame %d differs from what was written", i, number)
		}
		if i == 0 && kind == Video && (p.Payload[0] != 0x67 || !key) {
			t.Fatalf("video begins with frame %d, type %#x", number, p.Payload[0])
		}
		if i > 0 && p.SequenceNumber != packets[i-1].SequenceNumber+1 {
			t.Fatalf("sequence number %d after %d", p.SequenceNumber, packets[i-1].SequenceNumber)
		}
	}
}

func TestViewerPlaysSourcesThatComeAndGo(t *testing.T) {
	s := newSFU(t)
	const gop = 50
	var sources []*broadcaster
	for i := range 3 {
		sources = append(sources, broadcast(t, fmt.Sprintf("live/%d", i), uint32(i+1)*1_000_000, gop))
	}
	c := newViewerClient(t, s, clientOptions{})
	mustDo(t, c.v.Add("u0", sources[0].src, ViewOptions{Audio: true, Video: true}))
	eventually(t, "the first source", func() bool { return c.count("u0", Video) > 30 && c.count("u0", Audio) > 10 })
	mustDo(t, c.v.Add("u1", sources[1].src, ViewOptions{Audio: true, Video: true}))
	mustDo(t, c.v.Add("u2", sources[2].src, ViewOptions{Audio: true}))
	eventually(t, "the others", func() bool {
		return c.count("u1", Video) > 30 && c.count("u1", Audio) > 10 && c.count("u2", Audio) > 10
	})
	if c.count("u2", Video) != 0 {
		t.Error("video came that was not asked for")
	}
	c.v.Remove("u0")
	eventually(t, "the removal", c.settled(3))
	if n := sources[0].src.Subscribers(); n != 0 {
		t.Errorf("%d subscribers of a source that was removed", n)
	}
	before, n := c.count("u0", Video), c.count("u1", Video)
	eventually(t, "the rest to go on", func() bool { return c.count("u1", Video) > n+60 })
	if c.count("u0", Video) > before {
		t.Error("a source that was removed is still sent")
	}
	mustDo(t, c.v.Add("u2", sources[2].src, ViewOptions{Audio: true, Video: true})) // video comes to it
	eventually(t, "added video", func() bool { return c.count("u2", Video) > 30 })
	mustDo(t, c.v.Add("again", sources[0].src, ViewOptions{Video: true}))
	eventually(t, "a source that came back", func() bool { return c.count("again", Video) > 30 })

	st := c.v.Stats()
	if st.Video.Packets == 0 || st.Protocol != "udp" || st.Connected.IsZero() {
		t.Errorf("stats %+v", st)
	}
	if keys := c.v.KeyStats(); len(keys) != 3 || keys["u1"].Video.Packets == 0 || keys["u1"].Source != "live/1" {
		t.Errorf("stats by key %+v", keys)
	}
	mustDo(t, c.v.Close())
	for i, key := range []string{"u0", "u1", "u2"} {
		checkMedia(t, sources[i], Audio, gop, c.got(key, Audio))
		checkMedia(t, sources[i], Video, gop, c.got(key, Video))
		if n := sources[i].src.Subscribers(); n != 0 || sources[i].src.outlets.Load() != nil {
			t.Errorf("%s has %d subscribers after the end", key, n)
		}
	}
	checkMedia(t, sources[0], Video, gop, c.got("again", Video))
	if err := c.v.Add("late", sources[0].src, ViewOptions{Audio: true}); !errors.Is(err, ErrClosed) {
		t.Errorf("Add after Close gives %v", err)
	}
}

func TestViewerDescriptionsDoNotGrow(t *testing.T) {
	s := newSFU(t)
	b := broadcast(t, "live/churn", 1_000_000, 20)
	c := newViewerClient(t, s, clientOptions{})
	const together = 2
	for i := range together {
		mustDo(t, c.v.Add(fmt.Sprintf("k%d", i), b.src, ViewOptions{Audio: true, Video: true}))
	}
	for i := together; i < 20; i++ {
		c.v.Remove(fmt.Sprintf("k%d", i-together))
		key := fmt.Sprintf("k%d", i)
		mustDo(t, c.v.Add(key, b.src, ViewOptions{Audio: true, Video: true}))
		eventually(t, "media of "+key, func() bool { return c.count(key, Video) > 5 && c.count(key, Audio) > 2 })
	}
	eventually(t, "the last", func() bool { return c.count("k19", Video) > 30 && c.count("k18", Video) > 30 })
	if n := c.sections(); n != 2*together {
		t.Errorf("%d sections for %d sources", n, together)
	}
	for _, key := range []string{"k18", "k19"} {
		checkMedia(t, b, Video, 20, c.got(key, Video))
	}
}

// TestViewerBurstOfChanges: what changes while an offer waits is gathered. The
// client is only asked to answer: one made with pion loses tracks where
// descriptions follow each other closely.
func TestViewerBurstOfChanges(t *testing.T) {
	s := newSFU(t)
	b := broadcast(t, "live/burst", 1_000_000, 20)
	c := newViewerClient(t, s, clientOptions{})
	const changes, together = 40, 3
	for i := range changes {
		if i >= together {
			c.v.Remove(fmt.Sprintf("k%d", i-together))
		}
		mustDo(t, c.v.Add(fmt.Sprintf("k%d", i), b.src, ViewOptions{Audio: true, Video: true}))
	}
	sent := func() bool {
		st := c.v.KeyStats()
		for i := changes - together; i < changes; i++ {
			if s := st[fmt.Sprintf("k%d", i)]; s.Video.Packets < 10 || s.Audio.Packets < 5 {
				return false
			}
		}

		return len(st) == together
	}
	eventually(t, "the last keys", sent)
	eventually(t, "the last answer", c.settled(2*together))
	c.mu.Lock()
	offers := len(c.offers)
	c.mu.Unlock()
	if n := c.sections(); n != 2*together || offers > changes {
		t.Errorf("%d sections for %d sources, %d offers for %d changes", n, together, offers, changes)
	}
	if n := b.src.Subscribers(); n != together {
		t.Errorf("%d subscribers", n)
	}
}
