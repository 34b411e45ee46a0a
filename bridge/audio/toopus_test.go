package audio

import (
	"testing"
	"time"
)

func newToOpus(t testing.TB, c *Config, opts ToOpusOptions) *ToOpus {
	t.Helper()
	x := NewToOpus(opts)
	t.Cleanup(x.Close)
	if err := x.SetConfig(c); err != nil {
		t.Fatal(err)
	}
	return x
}

// Every rate and layout a phone may send sounds right at the browser.
func TestToOpusTone(t *testing.T) {
	for _, rate := range decodable {
		for ch := 1; ch <= 2; ch++ {
			t.Run(name(rate, ch), func(t *testing.T) {
				t.Parallel()
				const start = 5 * time.Second
				src := tones(3, rate, ch)
				c, units := encodeAAC(t, src, rate, ch, start)
				out := takeOpus(t, newToOpus(t, c, ToOpusOptions{}), units)
				evenly(t, out, opusFrame)
				pcm := decodeOpus(t, out, ch)
				steady := between(pcm, ch, out[0].pts, start+300*time.Millisecond, start+2700*time.Millisecond)
				for i := range ch {
					wantTone(t, channel(steady, ch, i), toneFreq(i), -45, -38)
				}
			})
		}
	}
}

// What sounds at a media time on one side sounds at it on the other.
func TestToOpusTiming(t *testing.T) {
	for _, rate := range decodable {
		for ch := 1; ch <= 2; ch++ {
			t.Run(name(rate, ch), func(t *testing.T) {
				t.Parallel()
				const start = 5 * time.Second
				src := addChirps(make([]float32, 3*rate*ch), rate, ch, 0.7, 1.9)
				c, units := encodeAAC(t, src, rate, ch, start)
				for i := range units { // as FLV would
					units[i].pts = units[i].pts.Truncate(time.Millisecond)
				}
				out := takeOpus(t, newToOpus(t, c, ToOpusOptions{}), units)
				evenly(t, out, opusFrame)
				pcm := channel(decodeOpus(t, out, ch), ch, 0)
				wantChirp(t, pcm, out[0].pts, start+700*time.Millisecond, 3*time.Millisecond)
				wantChirp(t, pcm, out[0].pts, start+1900*time.Millisecond, 3*time.Millisecond)
			})
		}
	}
}
