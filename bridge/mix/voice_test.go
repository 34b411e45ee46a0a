package mix

import (
	"math"
	"testing"
	"time"

	"hutong/bridge/audio"
	"hutong/bridge/testmedia"
)

// tone writes frames of a sine into a voice, from one position to another.
func tone(v *voice, from, to int64, hz, level float64) {
	for at := from; at < to; at += audio.PCMFrame {
		pcm := make([]float32, audio.PCMFrame)
		for i := range pcm {
			pcm[i] = float32(level * math.Sin(2*math.Pi*hz*float64(at+int64(i))/rate))
		}
		v.write(at, pcm, 1)
	}
}

// run mixes voices from one position to another, writing ahead as arrivals do, and
// returns the left channel.
func run(from, to int64, l *limiter, ahead func(at int64), voices ...*voice) []float64 {
	var out []float64
	for at := from; at < to; at += audio.PCMUnit {
		if ahead != nil {
			ahead(at)
		}
		block := make([]float32, 2*audio.PCMUnit)
		for _, v := range voices {
			v.add(at, block)
		}
		if l != nil {
			l.process(block)
		}
		for i := 0; i < len(block); i += 2 {
			out = append(out, float64(block[i]))
		}
	}
	return out
}

func TestPureToneStaysPure(t *testing.T) {
	var v voice
	written := int64(0)
	out := run(0, 2*rate, newLimiter(), func(at int64) {
		for ; written < at+rate/5; written += audio.PCMFrame {
			tone(&v, written, written+audio.PCMFrame, 440, 0.25)
		}
	}, &v)
	got := testmedia.MeasureTone(out[rate/2:3*rate/2], rate)
	if math.Abs(got.Hz-440) > 0.01 || math.Abs(got.Level-0.25) > 0.0005 || got.Residual > -95 {
		t.Errorf("440 Hz became %+v", got)
	}
}

// TestLoudTonesAreTurnedDown mixes more than full scale: the limiter turns it down
// and leaves the wave as it is.
func TestLoudTonesAreTurnedDown(t *testing.T) {
	for _, hz := range []float64{60, 440, 5000} {
		voices := []*voice{{}, {}, {}}
		written := int64(0)
		out := run(0, 3*rate, newLimiter(), func(at int64) {
			for ; written < at+rate/5; written += audio.PCMFrame {
				for _, v := range voices {
					tone(v, written, written+audio.PCMFrame, hz, 0.8)
				}
			}
		}, voices...)
		for i, s := range out {
			if math.Abs(s) > ceiling+1e-4 {
				t.Fatalf("%v Hz: sample %d is %.4f", hz, i, s)
			}
		}
		got := testmedia.MeasureTone(out[rate:], rate)
		if got.Residual > -45 || got.Level < ceiling*0.95 {
			t.Errorf("%v Hz became %+v; want a pure tone at %.2f", hz, got, ceiling)
		}
		if clicks := testmedia.Clicks(out[:], rate, -30); len(clicks) > 2 { // the fade-in, and the turning down
			t.Errorf("%v Hz: clicks at %v", hz, clicks)
		}
	}
}

// TestGapsAreFaded loses sound in the middle: no sample may jump.
func TestGapsAreFaded(t *testing.T) {
	const hz, level = 440, 0.25
	steepest := level * 2 * math.Pi * hz / rate * 1.6 // fades add to a sine's own slope
	for _, gap := range []time.Duration{10 * ms, 100 * ms, 700 * ms} {
		var v voice
		from := int64(rate/2 + 300)
		until := from + int64(gap*rate/time.Second)
		written := int64(0)
		out := run(0, 3*rate/2+audio.PCMUnit, nil, func(at int64) {
			for ; written < at+3000; written += audio.PCMFrame {
				if written >= from && written < until {
					continue // it never comes
				}
				tone(&v, written, written+audio.PCMFrame, hz, level)
			}
		}, &v)
		silent := 0
		for i := 1; i < len(out); i++ {
			if d := math.Abs(out[i] - out[i-1]); d > steepest {
				t.Fatalf("gap of %v: a step of %.4f at sample %d", gap, d, i)
			}
			if i > rate/2 && i < rate && out[i] == 0 {
				silent++
			}
		}
		if gap >= 100*ms && silent < int(gap.Seconds()*rate*0.5) {
			t.Errorf("gap of %v: %d silent samples", gap, silent)
		}
	}
}

// TestLateSoundIsSilence has sound that comes only after its time, and then in time
// again.
func TestLateSoundIsSilence(t *testing.T) {
	var v voice
	written := int64(0)
	out := run(0, 2*rate, nil, func(at int64) {
		lead := int64(rate / 5)
		if at > rate/2 && at < rate {
			lead = -rate / 10
		}
		for ; written < at+lead; written += audio.PCMFrame {
			tone(&v, written, written+audio.PCMFrame, 440, 0.25)
		}
	}, &v)
	middle, end := testmedia.MeasureTone(out[3*rate/4:rate-2048], rate), testmedia.MeasureTone(out[3*rate/2:2*rate], rate) // whole periods, or the measure is off
	if middle.Level > 0.001 {
		t.Errorf("sound that comes late is heard at %.3f", middle.Level)
	}
	if math.Abs(end.Level-0.25) > 0.001 || end.Residual > -80 {
		t.Errorf("afterwards %+v", end)
	}
	for i := 1; i < len(out); i++ {
		if math.Abs(out[i]-out[i-1]) > 0.25*2*math.Pi*440/rate*1.6 {
			t.Fatalf("a step at sample %d", i)
		}
	}
}

// TestVoicesAreAligned puts two clicks of one instant, on two voices, at one
// position, whatever order and blocks they came in.
func TestVoicesAreAligned(t *testing.T) {
	var a, b voice
	const at = 30000
	silence := make([]float32, 2*audio.PCMFrame)
	for p := int64(0); p < rate; p += audio.PCMFrame {
		a.write(p, silence[:audio.PCMFrame], 1)
	}
	for p := int64(-7); p < rate; p += audio.PCMFrame {
		b.write(p, silence, 2)
	}
	for _, v := range []*voice{&a, &b} {
		v.mu.Lock()
		v.set(at, 0.25, 0.25)
		v.mu.Unlock()
	}
	out := run(0, rate, nil, nil, &a, &b)
	for i, s := range out {
		if want := map[bool]float64{true: 0.5}[i == at]; math.Abs(s-want) > 1e-6 {
			t.Fatalf("sample %d is %.3f, want %.3f", i, s, want)
		}
	}
}

func TestPositions(t *testing.T) {
	for _, d := range []time.Duration{0, time.Second, 1000 * time.Hour, 123456789 * time.Microsecond, -time.Second / 3} {
		if got := timeOf(position(d)) - d; got > 11*time.Microsecond || got < -11*time.Microsecond {
			t.Errorf("%v is off by %v", d, got)
		}
	}
}
