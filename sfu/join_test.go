package sfu

import (
	"testing"
	"time"

	"github.com/pion/rtp"
)

// checkJoin asserts what a player that came late sees: it starts with the whole
// keyframe, gets every frame after it (or leaps to a newer keyframe), in one
// sequence of numbers and with timestamps that rise with every frame.
func checkJoin(t *testing.T, packets []*rtp.Packet, perFrame, gop int, keyed func(number uint32) bool) {
	t.Helper()
	if first := packets[0]; first.Payload[0] != 0x67 || !keyed(frameNumber(first.Payload)) {
		t.Fatalf("the first packet is of frame %d, type %#x; want the first of a keyframe",
			frameNumber(first.Payload), first.Payload[0])
	}
	for i, p := range packets[1:] {
		before := packets[i]
		if p.SequenceNumber != before.SequenceNumber+1 {
			t.Fatalf("sequence number %d after %d", p.SequenceNumber, before.SequenceNumber)
		}
		was, is := frameNumber(before.Payload), frameNumber(p.Payload)
		rise := int32(p.Timestamp - before.Timestamp)
		switch {
		case is == was && rise != 0:
			t.Fatalf("frame %d has two timestamps", is)
		case is == was:
		case rise <= 0:
			t.Fatalf("timestamp moves by %d from frame %d to %d", rise, was, is)
		case is == was+1 && before.Marker:
		case is > was && keyed(is) && p.Payload[0] == 0x67:
		default:
			t.Fatalf("frame %d (marker %v) is followed by %d", was, before.Marker, is)
		}
	}
}

func TestLatePlayerStartsFromCache(t *testing.T) {
	s := newSFU(t)
	src := NewSource("live/join")
	defer src.Close()
	feed := src.Attach(FeedOptions{HasVideo: true, HasAudio: true})
	const gop = 1 << 20 // only one keyframe, so without the cache nothing comes
	pump(feed, 0, 150, gop, nil)
	joined := make(chan *player)
	go func() { joined <- newPlayer(t, s, src, clientOptions{}) }()
	pump(feed, 150, 250, gop, nil)
	p := <-joined
	const frames = 400
	eventually(t, "the live edge", func() bool {
		n := p.numbers(Video)

		return len(n) == frames
	})
	checkJoin(t, p.got(Video), 3, gop, func(n uint32) bool { return n == 0 })
	if audio := p.numbers(Audio); audio[0] < 100 {
		t.Errorf("audio starts with frame %d; want it live, from 150 on", audio[0])
	}
}

func TestJoinLeapsToNewerKeyframe(t *testing.T) {
	s := newSFU(t)
	src := NewSource("live/leap")
	defer src.Close()
	feed := src.Attach(FeedOptions{HasVideo: true})
	pump(feed, 0, 120, 60, nil)
	joined := make(chan *player)
	go func() { joined <- newPlayer(t, s, src, clientOptions{}) }()
	pump(feed, 120, 200, 60, nil)
	p := <-joined
	eventually(t, "the last frame", func() bool {
		n := p.numbers(Video)

		return len(n) > 0 && n[len(n)-1] == 319
	})
	checkJoin(t, p.got(Video), 3, 60, func(n uint32) bool { return n%60 == 0 })
}

func TestFeedBacklogIsPacedAndRestamped(t *testing.T) {
	s := newSFU(t)
	src := NewSource("live/backlog")
	defer src.Close()
	p := newPlayer(t, s, src, clientOptions{})
	feed := src.Attach(FeedOptions{HasVideo: true})
	// One second of frames at once, as an ingress does that starts from a
	// cached group of pictures, then live ones.
	feed.SetClock(time.Now().Add(-time.Second))
	for i := range 200 {
		feed.WriteFrame(Video, time.Duration(i)*5*time.Millisecond, i == 0, makeFrame(Video, uint32(i), i == 0, 3, 900))
	}
	pump(feed, 200, 200, 1<<20, nil)
	eventually(t, "all frames", func() bool { return p.count(Video) == 1200 })
	packets := p.got(Video)
	checkJoin(t, packets, 3, 1<<20, func(n uint32) bool { return n == 0 })
	span := packets[len(packets)-1].Timestamp - packets[0].Timestamp
	if span > 90000*3/2 {
		t.Errorf("timestamps span %d ticks; the backlog was not stamped with the instant of sending", span)
	}
}

func TestPlayerWithoutCacheWaitsForKeyframe(t *testing.T) {
	s := newSFU(t)
	src := NewSource("live/wait")
	defer src.Close()
	asked := make(chan struct{}, 10)
	feed := src.Attach(FeedOptions{HasVideo: true, RequestKeyframe: func() { asked <- struct{}{} }})
	p := newPlayer(t, s, src, clientOptions{})
	await(t, "a keyframe request", asked)
	pump(feed, 1, 20, 1<<20, nil) // nothing a decoder could start with
	if p.count(Video) != 0 {
		t.Fatal("the player got video before the first keyframe")
	}
	feed.WriteFrame(Video, 200*time.Millisecond, true, makeFrame(Video, 500, true, 3, 900))
	eventually(t, "the keyframe", func() bool { return p.count(Video) == 3 })
	if n := frameNumber(p.got(Video)[0].Payload); n != 500 {
		t.Errorf("playback starts with frame %d", n)
	}
}

func TestFeedSwitchIsContinuous(t *testing.T) {
	s := newSFU(t)
	src := NewSource("live/switch")
	defer src.Close()
	p := newPlayer(t, s, src, clientOptions{})
	first := src.Attach(FeedOptions{HasVideo: true, HasAudio: true})
	pump(first, 0, 40, 1000, nil)
	second := src.Attach(FeedOptions{HasVideo: true, HasAudio: true})
	if first.Current() || !second.Current() || second.Generation() != 2 {
		t.Fatal("the newest feed does not win")
	}
	first.WriteFrame(Video, time.Second, true, makeFrame(Video, 7777, true, 3, 900))
	second.WriteFrame(Video, time.Hour, false, makeFrame(Video, 8888, false, 3, 900)) // before its first keyframe
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for i := range 40 {
		<-tick.C
		// Another timeline altogether.
		media := time.Hour + time.Duration(i)*5*time.Millisecond
		second.WriteFrame(Video, media, i == 0, makeFrame(Video, uint32(1000+i), i == 0, 3, 900))
		second.WriteFrame(Audio, media, false, makeFrame(Audio, uint32(1000+i), false, 1, 80))
	}
	eventually(t, "both feeds", func() bool { return p.count(Video) == 240 && p.count(Audio) == 80 })
	for _, kind := range []Kind{Video, Audio} {
		packets := p.got(kind)
		start := p.got(kind)[0].Timestamp
		for i, packet := range packets[1:] {
			if packet.SequenceNumber != packets[i].SequenceNumber+1 {
				t.Fatalf("%v: sequence number %d after %d", kind, packet.SequenceNumber, packets[i].SequenceNumber)
			}
			if rise := int32(packet.Timestamp - packets[i].Timestamp); rise < 0 || rise > int32(kind.clockRate())*5 {
				t.Fatalf("%v: timestamp moves by %d at packet %d", kind, rise, i+1)
			}
			if n := frameNumber(packet.Payload); n == 7777 || n == 8888 {
				t.Fatalf("%v: frame %d should have been ignored", kind, n)
			}
		}
		if kind == Video && frameNumber(packets[120].Payload) != 1000 {
			t.Errorf("the second feed starts with frame %d", frameNumber(packets[120].Payload))
		}
		_ = start
	}
}

func TestSenderReportsKeepLipSync(t *testing.T) {
	s := newSFU(t)
	src := NewSource("live/lips")
	defer src.Close()
	feed := src.Attach(FeedOptions{HasVideo: true, HasAudio: true})
	epoch := time.Now()
	feed.SetClock(epoch)
	p := newPlayer(t, s, src, clientOptions{})
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			media := time.Since(epoch)
			feed.WriteFrame(Video, media, i%20 == 0, makeFrame(Video, uint32(i), i%20 == 0, 3, 500))
			// Audio leaves 150 ms after its capture, as after a transcoder.
			feed.WriteFrame(Audio, media-150*time.Millisecond, false, makeFrame(Audio, uint32(i), false, 1, 80))
		}
	}()
	eventually(t, "sender reports", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()

		return len(p.reports[Video]) > 1 && len(p.reports[Audio]) > 1
	})
	close(stop)
	<-done
	p.mu.Lock()
	defer p.mu.Unlock()
	capture := [kinds]time.Duration{}
	for kind := range p.reports {
		sr := p.reports[kind][len(p.reports[kind])-1]
		last := p.packets[kind][len(p.packets[kind])-1]
		behind := int64(int32(last.Timestamp - sr.RTPTime))
		at := fromNTP(sr.NTPTime).Add(ticksToDuration(behind, Kind(kind).clockRate()))
		capture[kind] = at.Sub(epoch)
	}
	if d := capture[Video] - capture[Audio]; d < 130*time.Millisecond || d > 170*time.Millisecond {
		t.Errorf("the last video and audio frames were captured %v apart by the sender reports, want 150 ms", d)
	}
}
