package sfu

import (
	"testing"
	"time"

	"github.com/pion/rtp"
)

func TestLevelFollowsSpeech(t *testing.T) {
	m := &levelMeter{}
	if _, ok := m.get(1); ok {
		t.Error("a level is known from the start")
	}
	now := int64(time.Second)
	speak := func(dBov float64, span time.Duration) float64 {
		for end := now + int64(span); now < end; now += int64(20 * time.Millisecond) {
			m.set(dBov, now)
		}
		level, ok := m.get(now)
		if !ok {
			t.Fatal("no level")
		}

		return level
	}
	for _, c := range []struct {
		name     string
		dBov     float64
		span     time.Duration
		min, max float64
	}{
		{"silence", -127, time.Second, -127, -127},
		{"the first word", -30, 120 * time.Millisecond, -40, -30},
		{"speech", -30, time.Second, -30.1, -30},
		{"a short pause", -90, 100 * time.Millisecond, -60, -40},
		{"a long pause", -90, 2 * time.Second, -90, -89},
		{"out of range", 20, 2 * time.Second, -0.1, 0},
	} {
		if got := speak(c.dBov, c.span); got < c.min || got > c.max {
			t.Errorf("after %s the level is %.1f, want %.1f to %.1f", c.name, got, c.min, c.max)
		}
	}
	if _, ok := m.get(now + int64(2*time.Second)); ok {
		t.Error("a level stands although no audio comes")
	}
}

func TestAudioLevelOfBothWorlds(t *testing.T) {
	s := newSFU(t)
	src := NewSource("live/level")
	defer src.Close()
	feed := src.Attach(FeedOptions{HasAudio: true})
	feed.SetAudioLevel(-20)
	if level, ok := src.AudioLevel(); !ok || level != -20 {
		t.Errorf("a local feed's level is %v, %v", level, ok)
	}
	pub := newPublisherClient(t, s, src, clientOptions{levels: true})
	eventually(t, "the new feed", func() bool { return !feed.Current() })
	feed.SetAudioLevel(-20)
	if _, ok := src.AudioLevel(); ok {
		t.Error("the level of a feed that was replaced still counts")
	}
	var id uint8
	for _, sender := range pub.pc.GetSenders() {
		for _, x := range sender.GetParameters().HeaderExtensions {
			if x.URI == audioLevelURI {
				id = uint8(x.ID)
			}
		}
	}
	if id == 0 {
		t.Fatal("levels were not negotiated")
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	n := uint16(0)
	eventually(t, "the level of a browser", func() bool {
		select {
		case <-tick.C:
			n++
			h := rtp.Header{Version: 2, SequenceNumber: n, Timestamp: uint32(n) * 960}
			mustDo(t, h.SetExtension(id, []byte{0x80 | 42}))
			mustDo(t, pub.tracks[Audio].WriteRTP(&rtp.Packet{Header: h, Payload: makeFrame(Audio, uint32(n), false, 1, 50)[0]}))
		default:
		}
		level, ok := src.AudioLevel()

		return ok && level == -42
	})
}
