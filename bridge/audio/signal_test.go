package audio

import (
	"math"
	"testing"
	"time"
)

// toneFreq is what channel c of a test tone carries.
func toneFreq(c int) float64 { return []float64{997, 1499}[c] }

func tones(seconds float64, rate, ch int) []float32 {
	pcm := make([]float32, int(seconds*float64(rate))*ch)
	for i := range len(pcm) / ch {
		for c := range ch {
			pcm[i*ch+c] = float32(0.4 * math.Sin(2*math.Pi*toneFreq(c)*float64(i)/float64(rate)))
		}
	}
	return pcm
}

// chirp is 100 ms from 300 to 2800 Hz: its correlation has one sharp peak.
func chirp(rate int) []float32 {
	const length, f0, f1 = 0.1, 300.0, 2800.0
	pcm := make([]float32, int(length*float64(rate)))
	for i := range pcm {
		at := float64(i) / float64(rate)
		window := math.Sin(math.Pi * at / length)
		pcm[i] = float32(0.6 * window * math.Sin(2*math.Pi*(f0*at+(f1-f0)*at*at/(2*length))))
	}
	return pcm
}

// addChirps puts a chirp into all channels at each of the times, in seconds.
func addChirps(pcm []float32, rate, ch int, at ...float64) []float32 {
	for _, s := range at {
		first := int(math.Round(s * float64(rate)))
		for i, v := range chirp(rate) {
			for c := range ch {
				pcm[(first+i)*ch+c] += v
			}
		}
	}
	return pcm
}

func channel(pcm []float32, ch, c int) []float32 {
	out := make([]float32, len(pcm)/ch)
	for i := range out {
		out[i] = pcm[i*ch+c]
	}
	return out
}

// findChirp returns when, within radius of near, the chirp is: x is 48 kHz
// audio that begins at start.
func findChirp(x []float32, start, near, radius time.Duration) time.Duration {
	ref := chirp(outRate)
	first := max(0, int((near-radius-start)*outRate/time.Second))
	last := min(len(x)-len(ref), int((near+radius-start)*outRate/time.Second))
	at := -1
	search := func(from, to, step int) {
		best := 0.0
		for i := from; i <= to; i += step {
			var sum float32
			for k := 0; k < len(ref); k += 4 {
				sum += ref[k] * x[i+k]
			}
			if float64(sum) > best {
				best, at = float64(sum), i
			}
		}
	}
	search(first, last, 4)
	if at < 0 {
		return -1 << 62
	}
	search(max(first, at-4), min(last, at+4), 1)
	return start + samplesToTime(int64(at))
}

func wantChirp(t testing.TB, x []float32, start, want, tolerance time.Duration) {
	t.Helper()
	got := findChirp(x, start, want, 200*time.Millisecond)
	if d := got - want; d < -tolerance || d > tolerance {
		t.Errorf("chirp at %v, want %v: off by %v", got, want, d)
	}
}

// tone is what a fit of a sine, block by block, says of a signal.
type tone struct {
	freq     float64 // Hz
	level    float64 // amplitude
	residual float64 // dB below the tone, everything else in the signal
	spike    float64 // dB below the tone, the worst 5 ms
}

// fitTone measures x, 48 kHz, against a sine near freq, fitted anew to each
// block: a long block is strict about the pitch, a short one lets it glide.
func fitTone(x []float32, freq float64, block int) tone {
	var res tone
	var energy, rest float64
	var lastPhase, slope float64
	n := 0
	worst := 0.0
	for b := 0; b+block <= len(x); b += block {
		var sc, cc, ss, xs, xc float64
		for i := range block {
			s, c := math.Sincos(2 * math.Pi * freq * float64(b+i) / outRate)
			v := float64(x[b+i])
			sc += s * c
			cc += c * c
			ss += s * s
			xs += v * s
			xc += v * c
		}
		det := ss*cc - sc*sc
		a, bb := (xs*cc-xc*sc)/det, (xc*ss-xs*sc)/det
		phase := math.Atan2(bb, a)
		if n > 0 {
			slope += math.Remainder(phase-lastPhase, 2*math.Pi)
		}
		lastPhase = phase
		n++
		energy += (a*a + bb*bb) / 2 * float64(block)
		var piece float64
		for i := range block {
			s, c := math.Sincos(2 * math.Pi * freq * float64(b+i) / outRate)
			e := float64(x[b+i]) - a*s - bb*c
			rest += e * e
			piece += e * e
			if (i+1)%fade == 0 {
				worst = max(worst, piece/fade)
				piece = 0
			}
		}
	}
	mean := energy / float64(n*block)
	res.freq = freq + slope/(2*math.Pi)/(float64((n-1)*block)/outRate)
	res.level = math.Sqrt(2 * mean)
	res.residual = 10 * math.Log10(rest/energy)
	res.spike = 10 * math.Log10(worst/mean)
	return res
}

func wantTone(t testing.TB, x []float32, freq float64, residual, spike float64) {
	t.Helper()
	judgeTone(t, fitTone(x, freq, 2400), freq, residual, spike)
}

func judgeTone(t testing.TB, got tone, freq, residual, spike float64) {
	t.Helper()
	t.Logf("%.2f Hz, amplitude %.3f, residual %.1f dB, worst 5 ms %.1f dB", got.freq, got.level, got.residual, got.spike)
	if math.Abs(got.freq-freq) > 1 {
		t.Errorf("tone of %.2f Hz, want %.2f", got.freq, freq)
	}
	if got.level < 0.35 || got.level > 0.45 {
		t.Errorf("tone of amplitude %.3f, want 0.4", got.level)
	}
	if got.residual > residual {
		t.Errorf("residual %.1f dB, want %.1f or less", got.residual, residual)
	}
	if got.spike > spike {
		t.Errorf("a spike: worst 5 ms have residual %.1f dB, want %.1f or less", got.spike, spike)
	}
}

// between cuts 48 kHz audio that begins at start to the media times given.
func between(pcm []float32, ch int, start, from, to time.Duration) []float32 {
	i := int((from - start) * outRate / time.Second)
	j := int((to - start) * outRate / time.Second)
	return pcm[i*ch : min(j*ch, len(pcm))]
}
