package audio

import (
	"errors"
	"math"
	"slices"
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
				src := tones(1.6, rate, ch)
				c, units := encodeAAC(t, src, rate, ch, start)
				out := takeOpus(t, newToOpus(t, c, ToOpusOptions{Bitrate: 128000}), units)
				evenly(t, out, opusFrame)
				pcm := decodeOpus(t, out, ch)
				steady := between(pcm, ch, out[0].pts, start+400*time.Millisecond, start+1300*time.Millisecond)
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
		for ch := 1; ch <= 1+rate/48000; ch++ {
			t.Run(name(rate, ch), func(t *testing.T) {
				t.Parallel()
				const start = 5 * time.Second
				src := addChirps(make([]float32, 8*rate/5*ch), rate, ch, 0.4, 1.2)
				c, units := encodeAAC(t, src, rate, ch, start)
				for i := range units { // as FLV would
					units[i].pts = units[i].pts.Truncate(time.Millisecond)
				}
				out := takeOpus(t, newToOpus(t, c, ToOpusOptions{Complexity: 1}), units)
				evenly(t, out, opusFrame)
				pcm := channel(decodeOpus(t, out, ch), ch, 0)
				wantChirp(t, pcm, out[0].pts, start+400*time.Millisecond, 3*time.Millisecond)
				wantChirp(t, pcm, out[0].pts, start+1200*time.Millisecond, 3*time.Millisecond)
			})
		}
	}
}

// At the default bit rate there is more coding noise, but no click.
func TestToOpusDefaults(t *testing.T) {
	for ch := 1; ch <= 2; ch++ {
		t.Run(name(44100, ch), func(t *testing.T) {
			c, units := encodeAAC(t, tones(2, 44100, ch), 44100, ch, 0)
			out := takeOpus(t, newToOpus(t, c, ToOpusOptions{}), units)
			pcm := decodeOpus(t, out, ch)
			steady := between(pcm, ch, out[0].pts, 400*time.Millisecond, 1700*time.Millisecond)
			for i := range ch {
				wantTone(t, channel(steady, ch, i), toneFreq(i), -35, -28)
			}
		})
	}
}

// pushAll is for streams that have errors in them.
func pushAll(x *ToOpus, units []unit) (out []unit, errs []error) {
	for _, u := range units {
		if err := x.Push(u.pts, u.data, func(pts time.Duration, p []byte) { out = append(out, unit{pts, p}) }); err != nil {
			errs = append(errs, err)
		}
	}
	return out, errs
}

// A gap in the timestamps stays a gap, an overlap is cut, a wild jitter is
// nothing at all.
func TestToOpusGaps(t *testing.T) {
	const rate = 44100
	chirps := []float64{0.2, 1.7, 2.3}
	src := addChirps(tones(2.6, rate, 1), rate, 1, chirps...)
	c, units := encodeAAC(t, src, rate, 1, 0)
	for _, test := range []struct {
		name      string
		change    func([]unit) []unit
		concealed time.Duration
	}{
		{"whole", func(u []unit) []unit { return u }, 0},
		{"gap of 302 ms", func(u []unit) []unit { return slices.Delete(u, 25, 38) }, 302 * time.Millisecond},
		{"gap of 70 ms", func(u []unit) []unit { return slices.Delete(u, 25, 28) }, 70 * time.Millisecond},
		{"gap of 929 ms", func(u []unit) []unit { return slices.Delete(u, 25, 65) }, 929 * time.Millisecond},
		{"units twice", func(u []unit) []unit { return slices.Insert(u, 35, slices.Clone(u[25:35])...) }, 0},
		{"jitter of 15 ms", func(u []unit) []unit {
			for i := range u {
				u[i].pts += time.Duration((i*7+15)%31-15) * time.Millisecond
			}
			return u
		}, 0},
		{"bad units", func(u []unit) []unit {
			for i := 30; i < 34; i++ {
				u[i].data = []byte{0xff, 0xff, 0xff, 0xff}
			}
			return u
		}, 93 * time.Millisecond},
		{"empty units", func(u []unit) []unit { u[30].data = nil; return u }, 23 * time.Millisecond},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			x := newToOpus(t, c, ToOpusOptions{Complexity: 1})
			out, _ := pushAll(x, test.change(slices.Clone(units)))
			evenly(t, out, opusFrame)
			pcm := decodeOpus(t, out, 1)
			for _, at := range chirps {
				wantChirp(t, pcm, out[0].pts, time.Duration(at*1e9), 10*time.Millisecond)
			}
			wantNoClick(t, pcm)
			s := x.Stats()
			if (s.Concealed-test.concealed).Abs() > 3*time.Millisecond || s.Reanchored != 0 {
				t.Errorf("counted %+v, want %v concealed", s, test.concealed)
			}
		})
	}
}

// A step of more than a second moves the count, either way.
func TestToOpusReanchors(t *testing.T) {
	c, units := encodeAAC(t, addChirps(make([]float32, 48000), 48000, 1, 0.5), 48000, 1, 0)
	x := newToOpus(t, c, ToOpusOptions{Complexity: 1})
	for i, start := range []time.Duration{0, time.Hour, 2 * time.Second} {
		var moved []unit
		for _, u := range units {
			moved = append(moved, unit{u.pts + start, u.data})
		}
		out := takeOpus(t, x, moved)
		for len(out) > 0 && i > 0 && (out[0].pts-start).Abs() > 100*time.Millisecond {
			out = out[1:] // the end of the time before
		}
		evenly(t, out, opusFrame)
		wantChirp(t, decodeOpus(t, out, 1), out[0].pts, start+500*time.Millisecond, 3*time.Millisecond)
		if got := x.Stats().Reanchored; got != uint64(i) {
			t.Errorf("reanchored %d times, want %d", got, i)
		}
	}
}

// A phone that changes its audio in mid-stream.
func TestToOpusConfigChange(t *testing.T) {
	x := NewToOpus(ToOpusOptions{Complexity: 1})
	defer x.Close()
	var out []unit
	want := map[time.Duration]bool{}
	start := time.Duration(0)
	for _, f := range []struct{ rate, ch int }{{44100, 2}, {16000, 1}, {48000, 1}, {22050, 2}} {
		src := addChirps(make([]float32, f.rate*f.ch), f.rate, f.ch, 0.5)
		c, units := encodeAAC(t, src, f.rate, f.ch, start)
		if err := x.SetConfig(c); err != nil {
			t.Fatal(err)
		}
		out = append(out, takeOpus(t, x, units)...)
		want[start+500*time.Millisecond] = true
		start += time.Second
	}
	evenly(t, out, opusFrame)
	pcm := channel(decodeOpus(t, out, 2), 2, 1)
	for at := range want {
		wantChirp(t, pcm, out[0].pts, at, 5*time.Millisecond)
	}
	wantNoClick(t, pcm)
	if s := x.Stats(); s.Bad+s.Failures+s.Reanchored != 0 {
		t.Errorf("counted %+v", s)
	}
}

func TestToOpusStates(t *testing.T) {
	x := NewToOpus(ToOpusOptions{})
	if err := x.Push(0, []byte{0}, nil); !errors.Is(err, ErrNoConfig) {
		t.Errorf("before a config: %v", err)
	}
	if err := x.SetConfig(&Config{ASC: []byte{0x2b, 0x11, 0x88, 0}, ObjectType: "HE-AAC"}); !errors.Is(err, ErrUnsupported) {
		t.Errorf("HE-AAC: %v", err)
	}
	if err := x.Push(0, []byte{0}, nil); !errors.Is(err, ErrNoConfig) {
		t.Errorf("after a refused config: %v", err)
	}
	if err := x.SetConfig(AACConfig48k(2)); err != nil {
		t.Error(err)
	}
	if err := x.Push(math.MaxInt64, []byte{0}, nil); !errors.Is(err, ErrTime) {
		t.Errorf("at the end of time: %v", err)
	}
	x.Close()
	x.Close()
	if err := x.Push(0, []byte{0}, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}
