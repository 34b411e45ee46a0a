package sfu

import (
	"bytes"
	"context"
	"testing"
	"time"
)

// pump writes frames on a live timeline until n have been written.
func pump(f *Feed, from, n int, gop int, each func(i int)) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for i := from; i < from+n; i++ {
		<-tick.C
		f.WriteFrame(Video, time.Duration(i)*5*time.Millisecond, i%gop == 0, makeFrame(Video, uint32(i), i%gop == 0, 3, 900))
		f.WriteFrame(Audio, time.Duration(i)*5*time.Millisecond, true, makeFrame(Audio, uint32(i), false, 1, 100))
		if each != nil {
			each(i)
		}
	}
}

func TestLocalFramesReachEveryPlayer(t *testing.T) {
	s := newSFU(t)
	src := NewSource("live/a")
	defer src.Close()
	feed := src.Attach(FeedOptions{HasVideo: true, HasAudio: true})
	var players []*player
	for range 3 {
		players = append(players, newPlayer(t, s, src, clientOptions{}))
	}
	if n := src.Subscribers(); n != 3 {
		t.Fatalf("Subscribers() = %d, want 3", n)
	}
	const frames = 100
	pump(feed, 0, frames, 1000, nil)
	for _, p := range players {
		eventually(t, "all video", func() bool { return p.count(Video) >= frames*3 })
		eventually(t, "all audio", func() bool { return p.count(Audio) >= frames })
		checkVideo(t, p, 0, frames)
		audio := p.got(Audio)
		for i, packet := range audio {
			if want := makeFrame(Audio, uint32(i), false, 1, 100)[0]; !bytes.Equal(packet.Payload, want) {
				t.Fatalf("audio packet %d is not what was written", i)
			}
		}
	}
	st := players[0].sub.Stats()
	if st.Protocol != "udp" || st.RemoteAddr == "" || st.Video.Packets != frames*3 || st.Connected.IsZero() {
		t.Errorf("stats = %+v", st)
	}
}

// checkVideo asserts that a player got frames first to last complete, in order
// and bit-identical, numbered without a gap and with rising timestamps.
func checkVideo(t *testing.T, p *player, first, frames int) {
	t.Helper()
	video := p.got(Video)
	for i, packet := range video[:frames*3] {
		number := first + i/3
		if got := frameNumber(packet.Payload); int(got) != number {
			t.Fatalf("packet %d belongs to frame %d, want %d", i, got, number)
		}
		if i > 0 {
			before := video[i-1]
			if packet.SequenceNumber != before.SequenceNumber+1 {
				t.Fatalf("packet %d has sequence number %d after %d", i, packet.SequenceNumber, before.SequenceNumber)
			}
			if rise := int32(packet.Timestamp - before.Timestamp); (i%3 == 0) != (rise > 0) || rise < 0 {
				t.Fatalf("packet %d: timestamp moves by %d", i, rise)
			}
		}
		if packet.Marker != (i%3 == 2) {
			t.Fatalf("packet %d: marker %v", i, packet.Marker)
		}
	}
}

func TestWebRTCPublisherReachesPlayersAndTap(t *testing.T) {
	s := newSFU(t)
	src := NewSource("live/b")
	defer src.Close()
	tap := src.Tap(TapOptions{Video: true, Audio: true})
	defer tap.Close()
	p := newPlayer(t, s, src, clientOptions{})
	pub := newPublisherClient(t, s, src, clientOptions{})
	const frames = 200
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for i := range frames {
		<-tick.C
		pub.send(t, Video, uint32(i*450), makeFrame(Video, uint32(i), i == 0, 3, 900))
		pub.send(t, Audio, uint32(i*240), makeFrame(Audio, uint32(i), false, 1, 80))
	}
	eventually(t, "all video", func() bool { return p.count(Video) >= frames*3 })
	checkVideo(t, p, 0, frames)
	seen := map[Kind]int{}
	var seq uint64
	for seen[Video] < frames*3 || seen[Audio] < frames {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		packet, err := tap.Read(ctx)
		cancel()
		if err != nil {
			t.Fatalf("after %v: %v", seen, err)
		}
		if packet.Kind == Video {
			want := makeFrame(Video, uint32(seen[Video]/3), seen[Video] < 3, 3, 900)[seen[Video]%3]
			if !bytes.Equal(packet.Payload, want) {
				t.Fatalf("tapped packet %d differs from what was published", seen[Video])
			}
			if seq != 0 && packet.Seq != seq+1 {
				t.Fatalf("tapped sequence number %d after %d", packet.Seq, seq)
			}
			seq = packet.Seq
		}
		if packet.Feed != 1 || packet.Dropped != 0 {
			t.Fatalf("tapped packet says feed %d, dropped %d", packet.Feed, packet.Dropped)
		}
		seen[packet.Kind]++
	}
	eventually(t, "a clock mapping", func() bool {
		_, _, video := tap.ClockMapping(Video)
		_, _, audio := tap.ClockMapping(Audio)

		return video && audio
	})
}
