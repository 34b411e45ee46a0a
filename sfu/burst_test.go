package sfu

import (
	"testing"
	"time"

	"github.com/pion/rtp"
)

// TestALargeKeyframeIsSpread: what comes at once goes out at once only in part,
// the rest soon after, in order and with the keyframe's timestamp; and the
// player is live again.
func TestALargeKeyframeIsSpread(t *testing.T) {
	const packets, size = 100, 1100
	src, o, _ := fanout(1)
	defer src.Close()
	f := src.Attach(FeedOptions{HasVideo: true})
	g := &gate{verdict: func(*rtp.Header) (bool, error) { return true, nil }}
	d := o.subs[0].tracks[Video]
	d.w = g
	frames(f, o, 0, 20, 100)
	g.headers, g.numbers = nil, nil

	now := mono()
	f.WriteFrame(Video, 20*33*time.Millisecond, true, makeFrame(Video, 20, true, packets, size))
	more := o.pass(now)
	if got := len(g.numbers) * size; !more || got > burstAtOnce || got < burstAtOnce-2*size {
		t.Fatalf("%d bytes of a keyframe of %d go out at once, want %d", got, packets*size, burstAtOnce)
	}
	began := now
	for last := len(g.numbers); more; last = len(g.numbers) {
		now += int64(paceTick)
		if now-began == int64(6*paceTick) {
			// The next picture does not wait for the clock.
			f.WriteFrame(Video, 21*33*time.Millisecond, false, makeFrame(Video, 21, false, 3, size))
		}
		more = o.pass(now)
		if got, most := (len(g.numbers)-last)*size, burstLeast*int(paceTick)/int(time.Second); more && got > most+2*size {
			t.Errorf("%d bytes in one tick, want %d", got, most)
		}
		if now-began > int64(time.Second) {
			t.Fatalf("after a second %d packets have been sent", len(g.numbers))
		}
	}
	f.WriteFrame(Video, 22*33*time.Millisecond, false, makeFrame(Video, 22, false, 3, size))
	if o.pass(now) || d.state != downLive {
		t.Error("the player is not live again")
	}
	if len(g.numbers) != packets+6 {
		t.Fatalf("%d packets, want %d", len(g.numbers), packets+6)
	}
	for i, h := range g.headers {
		frame := uint32(20 + max(0, (i-packets+3)/3))
		if g.numbers[i] != frame || i > 0 && h.SequenceNumber != g.headers[i-1].SequenceNumber+1 {
			t.Fatalf("packet %d is of frame %d, want %d without a gap", i, g.numbers[i], frame)
		}
		if want := g.headers[0].Timestamp + (frame-20)*33*90; h.Timestamp != want {
			t.Fatalf("packet %d has timestamp %d, want %d", i, h.Timestamp, want)
		}
	}
}

// TestAKeyframeThatComesSlowlyIsNotHeld: a browser paces its own.
func TestAKeyframeThatComesSlowlyIsNotHeld(t *testing.T) {
	d := &downTrack{}
	now := mono()
	for i := range 200 {
		p := &packet{ts: 9000, key: i == 0, payload: make([]byte, 1100)}
		if d.spreads(p, now) {
			t.Fatalf("packet %d is held", i)
		}
		now += int64(4 * time.Millisecond) // 2.2 Mbit/s
	}
	if d.spreads(&packet{ts: 12000, payload: make([]byte, 60_000)}, now) {
		t.Error("what is not a keyframe is held")
	}
}
