package audio

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"
)

// The resampler alone: far cleaner than any codec.
func TestResampler(t *testing.T) {
	for _, rate := range decodable {
		for _, freq := range []float64{997, 0.4 * float64(rate)} {
			var r resampler
			r.reset(rate, 1)
			in := make([]float32, rate)
			for i := range in {
				in[i] = float32(0.4 * math.Sin(2*math.Pi*freq*float64(i)/float64(rate)))
			}
			var out []float32
			for i := 0; i < len(in); i += 1000 {
				out = r.process(out, in[i:min(i+1000, len(in))], float64(rate)/outRate)
			}
			got := fitTone(out[4800:], freq, 2400)
			limit := -95.0
			if freq > 1000 {
				limit = -75
			}
			if math.Abs(got.freq-freq) > 0.01 || got.residual > limit || math.Abs(got.level-0.4) > 0.004 {
				t.Errorf("%d Hz: %.0f Hz came out as %+v", rate, freq, got)
			}
			if lead := r.lead(); math.Abs(lead+float64(len(out))*float64(rate)/outRate-float64(len(in))) > 1e-3 {
				t.Errorf("%d Hz: lead %f does not account for what is held back", rate, lead)
			}
		}
	}
}

// fakeAAC decodes nothing: its units say where in a signal they begin.
type fakeAAC struct {
	pcm []float32
	at  int
	bad func(call int) error
	n   int
}

func (f *fakeAAC) decode(_ []byte, pcm []float32) error {
	f.n++
	from := f.pcm[f.at:]
	f.at += len(pcm)
	copy(pcm, from)
	if f.bad != nil {
		return f.bad(f.n)
	}
	return nil
}

func (f *fakeAAC) reset() error { return nil }

// catch keeps the PCM that reaches an encoder.
type catch struct {
	pcm []float32
	bad func(call int)
	n   int
}

func (c *catch) encode(pcm []float32) ([]byte, error) {
	c.n++
	if c.bad != nil {
		c.bad(c.n)
	}
	c.pcm = append(c.pcm, pcm...)
	return []byte{1}, nil
}

func (c *catch) delay() int { return 0 }

// A publisher whose clock is off by some ppm never gets out of step, and no
// ear can tell.
func TestDrift(t *testing.T) {
	for _, test := range []struct {
		ppm    float64
		length float64 // s
		limit  time.Duration
	}{
		{100, 120, 3 * time.Millisecond}, // would be 12 ms off
		{-1000, 24, 8 * time.Millisecond},
		{1000, 24, 8 * time.Millisecond},
	} {
		t.Run(fmt.Sprintf("%v_ppm", test.ppm), func(t *testing.T) {
			t.Parallel()
			const rate = 16000
			real := 1 + test.ppm*1e-6 // media seconds for each second counted
			src := tones(test.length+2, rate, 1)
			clear(src[int((test.length-0.5)*rate):])
			addChirps(src, rate, 1, test.length/real)

			x := NewToOpus(ToOpusOptions{})
			sink := &catch{}
			x.newDecoder = func(*Config) (aacDecoder, error) { return &fakeAAC{pcm: src}, nil }
			x.newEncoder = func(int, int, int) (encoder, error) { return sink, nil }
			if err := x.SetConfig(lcConfig(rate, 1)); err != nil {
				t.Fatal(err)
			}
			var out []unit
			for i := range len(src)/aacFrame - 1 {
				pts := time.Duration(float64(i) * aacFrame / rate * real * 1e9).Truncate(time.Millisecond)
				if err := x.Push(pts, nil, func(pts time.Duration, p []byte) { out = append(out, unit{pts, p}) }); err != nil {
					t.Fatal(err)
				}
			}
			evenly(t, out, opusFrame)
			if s := x.Stats(); s.Concealed != 0 || s.Reanchored != 0 {
				t.Errorf("%v ppm: counted %+v", test.ppm, s)
			}
			end := time.Duration(test.length * 1e9)
			wantChirp(t, sink.pcm, out[0].pts, end, test.limit)
			steady := between(sink.pcm, 1, out[0].pts, end/2, end-time.Second)
			judgeTone(t, fitTone(steady, 997/real, 480), 997/real, -55, -50)
		})
	}
}

// NaN from a decoder must not reach an encoder: gopus panics on it.
func TestNaN(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	src := tones(2, outRate, 2)
	for i := 48000; i < 52000; i += 3 {
		src[i], src[i+1], src[i+2] = nan, inf, -inf
	}
	x := NewToOpus(ToOpusOptions{Complexity: 1})
	x.newDecoder = func(*Config) (aacDecoder, error) { return &fakeAAC{pcm: src}, nil }
	if err := x.SetConfig(AACConfig48k(2)); err != nil {
		t.Fatal(err)
	}
	var units []unit
	for i := range len(src)/aacFrame/2 - 1 {
		units = append(units, unit{pts: time.Duration(i) * aacFrame * time.Second / outRate})
	}
	out := takeOpus(t, x, units)
	evenly(t, out, opusFrame)
	if s := x.Stats(); s.Failures != 0 {
		t.Errorf("counted %+v", s)
	}
	if level := x.Level(); math.IsNaN(level) || level < -20 {
		t.Errorf("level %v", level)
	}
	pcm := decodeOpus(t, out, 2)
	wantTone(t, channel(between(pcm, 2, out[0].pts, 1200*time.Millisecond, 1900*time.Millisecond), 2, 0), 997, -30, -24)
}

// A codec that panics costs its unit and nothing more.
func TestPanic(t *testing.T) {
	src := addChirps(make([]float32, 3*outRate), outRate, 1, 0.5, 2)
	sink := &catch{bad: func(n int) {
		if n == 60 {
			panic("encoder")
		}
	}}
	x := NewToOpus(ToOpusOptions{})
	x.newDecoder = func(*Config) (aacDecoder, error) {
		return &fakeAAC{pcm: src, bad: func(n int) error {
			if n == 40 {
				panic("decoder")
			}
			return nil
		}}, nil
	}
	x.newEncoder = func(int, int, int) (encoder, error) { return sink, nil }
	if err := x.SetConfig(AACConfig48k(1)); err != nil {
		t.Fatal(err)
	}
	var units []unit
	for i := range len(src)/aacFrame - 1 {
		units = append(units, unit{pts: time.Duration(i) * aacFrame * time.Second / outRate})
	}
	out, errs := pushAll(x, units)
	if len(errs) != 2 || !errors.Is(errs[0], ErrCodec) || !errors.Is(errs[1], ErrCodec) {
		t.Fatalf("errors: %v", errs)
	}
	if s := x.Stats(); s.Failures != 2 || s.UnitsIn != uint64(len(units)) || s.UnitsOut != uint64(len(out)) {
		t.Errorf("counted %+v", s)
	}
	wantChirp(t, sink.pcm, out[0].pts, 500*time.Millisecond, time.Millisecond)
	// The packet that panicked is a hole of 20 ms.
	wantChirp(t, sink.pcm, out[0].pts, 1980*time.Millisecond, time.Millisecond)
	if last, want := out[len(out)-1].pts, out[0].pts+samplesToTime(int64(len(out)*opusFrame)); last != want {
		t.Errorf("last packet at %v, want %v", last, want)
	}
}

// Level and Stats may be read while units flow.
func TestMeterWhileRunning(t *testing.T) {
	x := NewToAAC(ToAACOptions{})
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				if l := x.Level(); l > 0 || x.Stats().Bad > 0 {
					t.Errorf("level %v, %+v", l, x.Stats())
				}
			}
		}
	}()
	takeAAC(t, x, encodeOpus(t, tones(1, outRate, 1), 1, 0))
	x.Close()
	close(stop)
	<-done
}
