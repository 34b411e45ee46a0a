package audio

import (
	"math"
	"time"
)

const (
	fade = 240 // frames of a crossfade, 5 ms

	// Drift: the offset between timestamps and sample count is averaged over
	// driftAverage, and what exceeds driftRest is worked off over driftTime.
	// The rest keeps ms-rounded timestamps from moving the pitch at all.
	driftAverage = time.Second
	driftTime    = 5 * time.Second
	driftRest    = time.Millisecond
	maxStretch   = 0.002
)

var fadeIn = func() (w [fade]float32) {
	for i := range w {
		w[i] = float32(0.5 - 0.5*math.Cos(math.Pi*(float64(i)+0.5)/fade))
	}
	return w
}()

// line is a run of 48 kHz audio cut into frames of one size. Decoded blocks,
// at any rate up to 48 kHz and with imprecise times, go in by write; evenly
// spaced frames leave by out. All positions are counted in samples from base.
type line struct {
	frame int                                      // samples per channel in a frame
	ch    int                                      // interleaved channels
	rate  int                                      // of what is written, Hz
	out   func(start time.Duration, pcm []float32) // pcm is valid during the call

	rs      resampler
	block   []float32 // resampled, scratch
	started bool
	base    time.Duration
	pos     int64 // frames put into fifo since base
	fifo    []float32
	drop    int // frames to discard from what comes next

	// The last frames put out, and the fade away from them that hides a break.
	tail   [2 * fade]float32
	mirror [2 * fade]float32
	joined int // frames of the running crossfade done; fade when none runs

	offsetMean float64 // ns
	stretch    float64
}

// setInput says what the next blocks are. Queued audio stays, in the new
// channel count.
func (l *line) setInput(rate, ch int) {
	if l.ch != ch && l.ch != 0 {
		l.fifo = rechannel(nil, l.fifo, ch)
		copy(l.tail[:], rechannel(nil, l.tail[:fade*l.ch], ch))
	}
	l.rate, l.ch = rate, ch
	l.rs.reset(rate, ch)
	l.breakHere()
	l.offsetMean, l.stretch = 0, 0
}

// rechannel appends src to dst in the other of mono and stereo.
func rechannel(dst, src []float32, ch int) []float32 {
	if ch == 2 {
		for _, s := range src {
			dst = append(dst, s, s)
		}
		return dst
	}
	for i := 0; i+1 < len(src); i += 2 {
		dst = append(dst, (src[i]+src[i+1])/2)
	}
	return dst
}

// breakHere begins a crossfade from the audio so far, played backwards, to
// whatever comes next.
func (l *line) breakHere() {
	for i := range fade {
		g := 1 - fadeIn[i]
		for c := range l.ch {
			l.mirror[i*l.ch+c] = l.tail[(fade-1-i)*l.ch+c] * g
		}
	}
	l.joined = 0
}

// anchor begins a new count at pts, after fading out what is queued.
func (l *line) anchor(pts time.Duration) {
	l.rs.reset(l.rate, l.ch)
	l.drop = 0
	l.breakHere()
	if queued := len(l.fifo) / l.ch; queued > 0 {
		n := l.frame - queued
		if n < fade {
			n += l.frame
		}
		l.silence(n)
		l.breakHere()
	}
	l.base, l.pos, l.started = pts, 0, true
	l.offsetMean, l.stretch = 0, 0
}

// offset is how far pts lies ahead of the time the next written block would
// get: positive for missing audio, negative for an overlap.
func (l *line) offset(pts time.Duration) time.Duration {
	return time.Duration(float64(pts-l.base) - l.at()*float64(time.Second)/outRate)
}

// at is the position, from base, of the next written block.
func (l *line) at() float64 {
	return float64(l.pos) - float64(l.drop) + l.rs.lead()*outRate/float64(l.rate)
}

// moveTo makes the next block begin at pts exactly, by filling or by cutting.
func (l *line) moveTo(pts time.Duration) {
	l.move(float64(pts-l.base) * outRate / float64(time.Second))
	l.offsetMean = 0
}

// extend puts silence, in 48 kHz frames, where a block would have gone.
func (l *line) extend(frames float64) { l.move(l.at() + frames) }

func (l *line) move(to float64) {
	n := int(math.Round(to)) - int(l.pos)
	l.rs.reset(l.rate, l.ch)
	l.drop = max(0, -n)
	l.breakHere()
	if n > 0 {
		l.silence(n)
		l.breakHere()
	}
}

// steer takes a block's offset, when it is within tolerance, into account.
func (l *line) steer(offset, duration time.Duration) {
	k := min(1, float64(duration)/float64(driftAverage))
	l.offsetMean += (float64(offset) - l.offsetMean) * k
	excess := l.offsetMean - min(float64(driftRest), max(-float64(driftRest), l.offsetMean))
	l.stretch = min(maxStretch, max(-maxStretch, excess/float64(driftTime)))
}

// write takes one decoded block, interleaved.
func (l *line) write(pcm []float32) {
	step := float64(l.rate) / outRate * (1 - l.stretch)
	l.block = l.rs.process(l.block[:0], pcm, step)
	l.put(l.block)
}

func (l *line) silence(frames int) {
	var zeros [2 * fade]float32
	for frames > 0 {
		n := min(frames, fade)
		clear(zeros[:])
		l.put(zeros[:n*l.ch])
		frames -= n
	}
}

// put crossfades if a break is being hidden (in place), queues, and sends full
// frames out.
func (l *line) put(pcm []float32) {
	if l.drop > 0 {
		n := min(l.drop, len(pcm)/l.ch)
		l.drop -= n
		pcm = pcm[n*l.ch:]
	}
	for i := 0; l.joined < fade && i < len(pcm); i += l.ch {
		for c := range l.ch {
			pcm[i+c] = pcm[i+c]*fadeIn[l.joined] + l.mirror[l.joined*l.ch+c]
		}
		l.joined++
	}
	keep := l.tail[:fade*l.ch]
	if len(pcm) >= len(keep) {
		copy(keep, pcm[len(pcm)-len(keep):])
	} else {
		copy(keep, keep[len(pcm):])
		copy(keep[len(keep)-len(pcm):], pcm)
	}
	size := l.frame * l.ch
	for len(pcm) > 0 {
		n := min(len(pcm), size-len(l.fifo))
		l.fifo = append(l.fifo, pcm[:n]...)
		l.pos += int64(n / l.ch)
		pcm = pcm[n:]
		if len(l.fifo) == size {
			clean(l.fifo)
			l.out(l.base+samplesToTime(l.pos-int64(l.frame)), l.fifo)
			l.fifo = l.fifo[:0]
		}
	}
}
