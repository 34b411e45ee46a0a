package audio

import (
	"encoding/binary"
	"testing"
	"time"
)

// script reads hostile input: records of a step of time in ms, a length, and
// so many bytes.
func script(b []byte, each func(pts time.Duration, data []byte)) {
	var pts time.Duration
	for n := 0; len(b) >= 3 && n < 64; n++ {
		pts += time.Duration(int16(binary.LittleEndian.Uint16(b))) * time.Millisecond
		size := min(int(b[2]), len(b)-3)
		each(pts, b[3:3+size])
		b = b[3+size:]
	}
}

// steady fails if output times go wrong without a reanchoring to excuse it.
type steady struct {
	t     *testing.T
	step  time.Duration
	last  time.Duration
	moves uint64
	any   bool
}

func (s *steady) check(pts time.Duration, data []byte, moves uint64) {
	if len(data) == 0 {
		s.t.Fatal("an empty unit")
	}
	if d := pts - s.last - s.step; s.any && moves == s.moves && (d > time.Microsecond || d < -time.Microsecond) {
		s.t.Fatalf("time went from %v to %v", s.last, pts)
	}
	s.last, s.moves, s.any = pts, moves, true
}

func record(step int, data []byte) []byte {
	data = data[:min(len(data), 255)]
	b := binary.LittleEndian.AppendUint16(nil, uint16(step))
	return append(append(b, byte(len(data))), data...)
}

func FuzzToOpus(f *testing.F) {
	_, units := encodeAAC(f, tones(0.3, outRate, 1), outRate, 1, 0)
	var seed []byte
	for _, u := range units {
		seed = append(seed, record(21, u.data)...)
	}
	f.Add(true, seed)
	f.Add(false, seed)
	f.Add(true, append(record(500, []byte{0xff, 0xf1}), seed...))
	f.Add(true, append(record(-2000, nil), seed...))
	f.Fuzz(func(t *testing.T, mono bool, b []byte) {
		x := NewToOpus(ToOpusOptions{Complexity: 1})
		defer x.Close()
		c := lcConfig(44100, 2)
		if mono {
			c = AACConfig48k(1)
		}
		if err := x.SetConfig(c); err != nil {
			t.Fatal(err)
		}
		s := steady{t: t, step: samplesToTime(opusFrame)}
		script(b, func(pts time.Duration, au []byte) {
			_ = x.Push(pts, au, func(pts time.Duration, p []byte) { s.check(pts, p, x.Stats().Reanchored) })
		})
		if n := x.Stats().Failures; n != 0 {
			t.Fatalf("a codec failed %d times", n)
		}
	})
}

func FuzzToAAC(f *testing.F) {
	var seed []byte
	for _, u := range encodeOpus(f, tones(0.3, outRate, 1), 1, 0, "-b:a", "32000") {
		seed = append(seed, record(20, u.data)...)
	}
	f.Add(seed)
	f.Add(append(record(500, []byte{0xff, 0xff}), seed...))
	f.Add(append(record(-2000, nil), seed...))
	f.Add(append(seed, record(45, []byte{0x08})...))
	f.Fuzz(func(t *testing.T, b []byte) {
		x := NewToAAC(ToAACOptions{Channels: 1, Fast: true})
		defer x.Close()
		s := steady{t: t, step: samplesToTime(aacFrame)}
		emit := func(pts time.Duration, au []byte) { s.check(pts, au, x.Stats().Reanchored) }
		script(b, func(pts time.Duration, packet []byte) {
			if len(packet) == 1 {
				x.Advance(pts, emit)
				return
			}
			_ = x.Push(pts, packet, emit)
		})
		if n := x.Stats().Failures; n != 0 {
			t.Fatalf("a codec failed %d times", n)
		}
	})
}
