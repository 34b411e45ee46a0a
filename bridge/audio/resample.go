package audio

import (
	"math"
	"sync"
)

const (
	taps   = 48
	half   = taps / 2
	phases = 512
)

// firTable holds the filter at every phase from 0 to 1 inclusive.
type firTable [phases + 1][taps]float32

// The filter depends on the input rate only through its cutoff, as a share of
// the input's Nyquist frequency. At 48 kHz the cutoff is the Nyquist frequency
// itself, which makes phase 0 an exact delta: no drift, no change.
var (
	unityTable = sync.OnceValue(func() *firTable { return newFIRTable(1) })
	upTable    = sync.OnceValue(func() *firTable { return newFIRTable(0.96) })
)

// newFIRTable samples a Kaiser-windowed sinc.
func newFIRTable(cutoff float64) *firTable {
	const beta = 8
	t := new(firTable)
	for p := range t {
		var h [taps]float64
		sum := 0.0
		for k := range h {
			x := float64(k-half+1) - float64(p)/phases
			w := x / half
			if w <= -1 || w >= 1 {
				continue
			}
			h[k] = cutoff * sinc(cutoff*x) * besselI0(beta*math.Sqrt(1-w*w))
			sum += h[k]
		}
		for k := range h {
			t[p][k] = float32(h[k] / sum)
		}
	}
	return t
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	if x == math.Trunc(x) {
		return 0
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

func besselI0(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > sum*1e-12; k++ {
		term *= x * x / (4 * k * k)
		sum += term
	}
	return sum
}

// resampler turns interleaved PCM of one rate into 48 kHz. It is a polyphase
// FIR with linear interpolation between phases, so any ratio works and may
// change between blocks. It delays by half its taps, 0.5 ms at 48 kHz, which
// lead accounts for.
type resampler struct {
	table *firTable
	ch    int
	buf   []float32 // history, then input not yet passed
	pos   float64   // of the next output, in frames from the start of buf
}

// reset forgets all history. rate is at most 48 kHz.
func (r *resampler) reset(rate, ch int) {
	r.table = upTable()
	if rate == outRate {
		r.table = unityTable()
	}
	r.ch = ch
	r.pos = 0
	r.buf = append(r.buf[:0], make([]float32, (half-1)*ch)...)
}

// lead is how many frames of input have been taken in but not yet put out.
func (r *resampler) lead() float64 {
	return float64(len(r.buf)/r.ch-(half-1)) - r.pos
}

// process appends to out what in makes possible. step is input frames per
// output frame.
func (r *resampler) process(out, in []float32, step float64) []float32 {
	r.buf = append(r.buf, in...)
	frames := len(r.buf) / r.ch
	pos := r.pos
	for {
		i := int(pos)
		if i+taps > frames {
			break
		}
		frac := pos - float64(i)
		if frac == 0 && r.table[0][half-1] == 1 { // a delta
			at := (i + half - 1) * r.ch
			out = append(out, r.buf[at:at+r.ch]...)
		} else {
			out = r.filter(out, i, frac)
		}
		pos += step
	}
	drop := min(int(pos), frames)
	r.pos = pos - float64(drop)
	r.buf = r.buf[:copy(r.buf, r.buf[drop*r.ch:])]
	return out
}

func (r *resampler) filter(out []float32, i int, frac float64) []float32 {
	phase := frac * phases
	p := int(phase)
	f := float32(phase - float64(p))
	lo, hi := &r.table[p], &r.table[p+1]
	if r.ch == 1 {
		x := (*[taps]float32)(r.buf[i:])
		var sum float32
		for k := range taps {
			sum += x[k] * (lo[k] + f*(hi[k]-lo[k]))
		}
		return append(out, sum)
	}
	x := (*[2 * taps]float32)(r.buf[2*i:])
	var left, right float32
	for k := range taps {
		c := lo[k] + f*(hi[k]-lo[k])
		left += x[2*k] * c
		right += x[2*k+1] * c
	}
	return append(out, left, right)
}
