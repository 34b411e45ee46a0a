package testmedia

import (
	"math"
	"math/cmplx"
	"time"
)

// Tone is what a stretch of sound consists of, taken as one sine and the rest.
type Tone struct {
	Hz       float64
	Level    float64 // peak, full scale 1
	Residual float64 // power of everything else against the sine's, dB; -60 is clean
}

// MeasureTone finds the strongest tone of a stretch of sound. A fifth of a second
// or more gives the frequency to a few hundredths of a hertz.
func MeasureTone(pcm []float64, rate int) Tone {
	if len(pcm) < 256 {
		return Tone{Residual: math.Inf(1)}
	}
	pcm = centred(pcm)
	hz := peak(pcm, rate)
	// The fit's error has one minimum near the peak: narrow down on it.
	step := float64(rate) / float64(len(pcm)) / 2
	best := fit(pcm, rate, hz)
	for range 24 {
		for _, try := range []float64{hz - step, hz + step} {
			if f := fit(pcm, rate, try); f.residual < best.residual {
				best, hz = f, try
			}
		}
		step /= 1.6
	}
	sine := best.level * best.level / 2
	return Tone{Hz: hz, Level: best.level, Residual: 10 * math.Log10((best.residual+1e-15)/(sine+1e-15))}
}

// Clicks lists where the sound departs from a pure sine: blocks of 20 ms in which
// the rest is louder than limit dB against the sine, where -30 hears any click.
// Each block is fitted on its own, so a slow drift is no click, but a lost,
// repeated or silent stretch is.
func Clicks(pcm []float64, rate int, limit float64) (at []time.Duration) {
	pcm = centred(pcm)
	size := rate / 50
	whole := MeasureTone(pcm, rate)
	for from := 0; from+size <= len(pcm); from += size {
		f := fit(pcm[from:from+size], rate, whole.Hz)
		power := math.Max(f.level*f.level, whole.Level*whole.Level) / 2
		quiet := f.level < whole.Level/2
		if quiet || 10*math.Log10((f.residual+1e-15)/power) > limit {
			at = append(at, time.Duration(float64(from)/float64(rate)*float64(time.Second)))
		}
	}
	return at
}

// Onsets lists the sample numbers at which sound begins after at least 200 ms of
// quiet. Quiet is below a fifth of the loudest.
func Onsets(pcm []float64, rate int) (at []int) {
	window := max(1, rate/500)
	loudest := 0.0
	for _, v := range pcm {
		loudest = math.Max(loudest, math.Abs(v))
	}
	if loudest < 0.01 {
		return nil
	}
	quiet := 0
	for n := 0; n+window <= len(pcm); n++ {
		if math.Abs(pcm[n]) < loudest/5 {
			quiet++
			continue
		}
		if quiet >= rate/5 {
			at = append(at, n)
		}
		quiet = 0
	}
	return at
}

// centred is the sound without its mean.
func centred(pcm []float64) []float64 {
	mean := 0.0
	for _, v := range pcm {
		mean += v
	}
	mean /= float64(len(pcm))
	out := make([]float64, len(pcm))
	for i, v := range pcm {
		out[i] = v - mean
	}
	return out
}

type sineFit struct{ level, residual float64 }

// fit is the least-squares fit of a sine of known frequency; the residual is its
// mean square error.
func fit(pcm []float64, rate int, hz float64) sineFit {
	w := 2 * math.Pi * hz / float64(rate)
	n := float64(len(pcm))
	turn, at := cmplx.Rect(1, w), complex(1, 0)
	var ss, cc, sc, sv, cv, vv float64
	for i, v := range pcm {
		if i%1024 == 0 { // keep the rotation exact
			at = cmplx.Rect(1, w*float64(i))
		}
		s, c := imag(at), real(at)
		ss, cc, sc = ss+s*s, cc+c*c, sc+s*c
		sv, cv, vv = sv+s*v, cv+c*v, vv+v*v
		at *= turn
	}
	det := ss*cc - sc*sc
	if det < 1e-9 {
		return sineFit{0, vv / n}
	}
	a, b := (sv*cc-cv*sc)/det, (cv*ss-sv*sc)/det
	return sineFit{math.Hypot(a, b), math.Max(0, vv-a*sv-b*cv) / n}
}

// peak is the strongest frequency of a windowed transform.
func peak(pcm []float64, rate int) float64 {
	size := 256
	for size*2 <= len(pcm) && size < 1<<16 {
		size *= 2
	}
	x := make([]complex128, size)
	for i := range x {
		x[i] = complex(pcm[i]*(0.5-0.5*math.Cos(2*math.Pi*float64(i)/float64(size))), 0)
	}
	transform(x)
	best := 1
	for i := 1; i < size/2; i++ {
		if cmplx.Abs(x[i]) > cmplx.Abs(x[best]) {
			best = i
		}
	}
	return float64(best) * float64(rate) / float64(size)
}

// transform is an in-place radix-2 FFT; the length is a power of two.
func transform(x []complex128) {
	n := len(x)
	for i, j := 1, 0; i < n; i++ {
		bit := n >> 1
		for ; j&bit != 0; bit >>= 1 {
			j ^= bit
		}
		j ^= bit
		if i < j {
			x[i], x[j] = x[j], x[i]
		}
	}
	for length := 2; length <= n; length *= 2 {
		turn := cmplx.Rect(1, -2*math.Pi/float64(length))
		for i := 0; i < n; i += length {
			at := complex(1, 0)
			for k := range length / 2 {
				a, b := x[i+k], x[i+k+length/2]*at
				x[i+k], x[i+k+length/2] = a+b, a-b
				at *= turn
			}
		}
	}
}
