package mix

import (
	"math"
	"sync"
	"time"

	"hutong/bridge/audio"
)

const (
	rate = audio.PCMRate
	// ringFrames is how much of an input's sound waits for its time at most.
	ringFrames = rate
	// fadeFrames is the length of a fade, 5 ms. That much has to be there beyond
	// what is mixed, or the voice is faded out in time.
	fadeFrames = rate / 200
)

var fadeIn = func() (w [fadeFrames]float32) {
	for i := range w {
		w[i] = float32(0.5 - 0.5*math.Cos(math.Pi*(float64(i)+0.5)/fadeFrames))
	}
	return w
}()

// position is the sample at a media time, timeOf its inverse.
func position(t time.Duration) int64 {
	s, rest := int64(t/time.Second), t%time.Second
	return s*rate + int64(math.Round(float64(rest)*rate/float64(time.Second)))
}

func timeOf(position int64) time.Duration {
	return time.Duration(position/rate)*time.Second + time.Duration(position%rate)*time.Second/rate
}

// voice is an input's sound that waits for its time: stereo samples at positions
// of the mix's time. One goroutine writes, another one reads.
type voice struct {
	mu         sync.Mutex
	ring       []float32 // 2*ringFrames, made at the first write
	start, end int64     // what the ring holds
	on         bool      // the last read went to its end at full volume
	gaps       int       // times it was on and went silent
}

// write puts mono or stereo sound in place. Sound that was to come after it is
// replaced.
func (v *voice) write(at int64, pcm []float32, channels int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.ring == nil {
		v.ring = make([]float32, 2*ringFrames)
		v.start, v.end = at, at
	}
	frames := int64(len(pcm) / channels)
	if at < v.start || at > v.end+ringFrames {
		v.start, v.end = at, at
	}
	gap := at > v.end
	if gap {
		v.fadeOut()
	}
	for ; v.end < at; v.end++ {
		v.set(v.end, 0, 0)
	}
	for i := range frames {
		l := pcm[i*int64(channels)]
		r := l
		if channels == 2 {
			r = pcm[2*i+1]
		}
		if gap && i < fadeFrames {
			l, r = l*fadeIn[i], r*fadeIn[i]
		}
		v.set(at+i, l, r)
	}
	v.end = at + frames
	v.start = max(v.start, v.end-ringFrames)
}

// fadeOut fades out what the ring has last.
func (v *voice) fadeOut() {
	for i := range min(int64(fadeFrames), v.end-v.start) {
		at := index(v.end - 1 - i)
		v.ring[at] *= fadeIn[i]
		v.ring[at+1] *= fadeIn[i]
	}
}

// index is where a position is in the ring.
func index(position int64) int64 {
	i := position % ringFrames
	if i < 0 {
		i += ringFrames
	}
	return 2 * i
}

func (v *voice) set(at int64, l, r float32) {
	i := index(at)
	v.ring[i], v.ring[i+1] = l, r
}

// add adds the sound from position at on to out, stereo. Where there is none, it
// adds nothing; where it begins and ends, it is faded.
func (v *voice) add(at int64, out []float32) {
	v.mu.Lock()
	defer v.mu.Unlock()
	end := at + int64(len(out)/2)
	from, to := max(v.start, at), min(v.end, end)
	goesOn := v.end >= end+fadeFrames
	begins := !v.on || from > at
	if v.on && !goesOn {
		v.gaps++
	}
	if to-from < fadeFrames || begins && to-from < 2*fadeFrames {
		v.on = false
		return
	}
	for p := from; p < to; p++ {
		gain := float32(1)
		if begins && p-from < fadeFrames {
			gain = fadeIn[p-from]
		}
		if !goesOn && to-1-p < fadeFrames {
			gain *= fadeIn[to-1-p]
		}
		i := index(p)
		o := 2 * (p - at)
		out[o] += gain * v.ring[i]
		out[o+1] += gain * v.ring[i+1]
	}
	v.on = goesOn
}

// clear forgets all sound.
func (v *voice) clear() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.ring, v.start, v.end, v.on = nil, 0, 0, false
}
