package testmedia

import (
	"math/rand/v2"
	"testing"
)

var sizes = [][2]int{{640, 480}, {320, 240}, {360, 640}, {320, 180}, {176, 144}, {1280, 720}}

func TestReadsWhatItDraws(t *testing.T) {
	for _, size := range sizes {
		frame := make([]byte, FrameSize(size[0], size[1]))
		for _, counter := range []int{0, 1, 2, 299, 300, 4095, 32767, 65535} {
			for _, flash := range []bool{false, true} {
				Draw(frame, size[0], size[1], counter, flash)
				want := Strip{Counter: counter, OK: true, Flash: flash}
				if got := ReadI420(frame, size[0], size[1]); got != want {
					t.Errorf("%v: read %+v, want %+v", size, got, want)
				}
			}
		}
	}
}

func TestSeesDamage(t *testing.T) {
	const w, h = 640, 480
	draw := func(counter int) []byte {
		frame := make([]byte, FrameSize(w, h))
		Draw(frame, w, h, counter, false)
		return frame
	}
	// The rows from one on come from another picture, as when a slice is lost
	// and the decoder fills in what it showed before.
	concealed := func(now, before, from, to int) []byte {
		frame, old := draw(now), draw(before)
		copy(frame[from*w:to*w], old[from*w:to*w])
		for p := range 2 {
			base := w*h + p*w*h/4
			copy(frame[base+from/2*w/2:base+to/2*w/2], old[base+from/2*w/2:base+to/2*w/2])
		}
		return frame
	}
	for counter := 10; counter < 400; counter++ {
		for back := 1; back < 8; back++ {
			if got := ReadI420(concealed(counter, counter-back, h/2, h), w, h); !got.Damaged() {
				t.Fatalf("lower half of %d before %d is not seen: %+v", back, counter, got)
			}
		}
	}
	grey := draw(77)
	for i := w * h / 2; i < w*h*3/4; i++ {
		grey[i] = 128
	}
	if got := ReadI420(grey, w, h); !got.Damaged() {
		t.Errorf("a grey band is not seen: %+v", got)
	}
	green := draw(77)
	for i := w * h; i < len(green); i++ {
		green[i] = 0
	}
	if got := ReadI420(green, w, h); !got.Damaged() {
		t.Errorf("lost chroma is not seen: %+v", got)
	}
}

func TestNoiseIsNoStrip(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	frame := make([]byte, FrameSize(320, 240))
	for range 200 {
		for i := range frame {
			frame[i] = byte(random.Uint32())
		}
		if got := ReadI420(frame, 320, 240); got.OK {
			t.Fatalf("read %+v from noise", got)
		}
	}
	clear(frame)
	if got := ReadI420(frame, 320, 240); got.OK || !got.Damaged() {
		t.Errorf("read %+v from a black picture", got)
	}
}
