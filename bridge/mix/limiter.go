package mix

import "math"

const (
	// ceiling is the loudest sample a mix may have, -1 dBFS: a lossy encoder adds
	// its own peaks.
	ceiling = 0.89
	// ahead is how far the limiter looks ahead, and so its delay; 5 ms.
	ahead = fadeFrames
	// hold keeps the gain down between the peaks of a tone from 50 Hz on, so that a
	// loud tone stays a tone.
	hold = rate / 100
	// release is the time constant with which the gain returns, in samples.
	release = rate * 3 / 10
)

// limiter keeps stereo sound below the ceiling without bending its wave: it turns
// the volume down before a peak arrives, smoothly, and up again slowly.
type limiter struct {
	delayed [2 * ahead]float32
	window  minima
	smooth  [ahead]float32 // what is averaged
	sum     float64
	level   float32
	n       int64
}

func newLimiter() *limiter {
	l := &limiter{level: 1, sum: ahead}
	for i := range l.smooth {
		l.smooth[i] = 1
	}
	return l
}

// process limits stereo sound in place; what comes out is ahead samples late.
func (l *limiter) process(pcm []float32) {
	ease := float32(1 - math.Exp(-1.0/release))
	for i := 0; i+1 < len(pcm); i += 2 {
		want := float32(1)
		if peak := max(pcm[i], -pcm[i], pcm[i+1], -pcm[i+1]); peak > ceiling {
			want = ceiling / peak
		}
		least := l.window.add(l.n, want, ahead+hold)
		l.level = min(least, l.level+(1-l.level)*ease)
		at := l.n % ahead
		l.sum += float64(l.level) - float64(l.smooth[at])
		l.smooth[at] = l.level
		gain := float32(min(1, l.sum/ahead))
		d := 2 * at
		left, right := l.delayed[d], l.delayed[d+1]
		l.delayed[d], l.delayed[d+1] = pcm[i], pcm[i+1]
		pcm[i], pcm[i+1] = left*gain, right*gain
		l.n++
	}
}

// minima is the least value of a sliding window.
type minima struct{ queue []minimum }

type minimum struct {
	n int64
	v float32
}

// add takes value n and returns the least of the newest size values.
func (m *minima) add(n int64, v float32, size int64) float32 {
	k := len(m.queue)
	for k > 0 && m.queue[k-1].v >= v {
		k--
	}
	m.queue = append(m.queue[:k], minimum{n, v})
	if m.queue[0].n <= n-size {
		m.queue = m.queue[:copy(m.queue, m.queue[1:])]
	}
	return m.queue[0].v
}
