//go:build unix

package audio

import (
	"fmt"
	"math"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"
)

// speechLike is harmonics under noise whose level moves, as voice and music do.
func speechLike(seconds float64, rate, ch int) []float32 {
	rnd := rand.New(rand.NewPCG(1, 2))
	pcm := tones(seconds, rate, ch)
	for i := range pcm {
		swell := float32((i/ch)%rate) / float32(rate)
		pcm[i] = pcm[i]*swell + 0.2*(1-swell)*(rnd.Float32()-0.5)
	}
	return pcm
}

// loop pushes units again and again, on a timeline that goes on, and reports
// the CPU time that a second of stream costs.
func loop(b *testing.B, units []unit, push func(pts time.Duration, data []byte)) {
	length := units[len(units)-1].pts - units[0].pts
	length += units[1].pts - units[0].pts
	b.ReportAllocs()
	b.ResetTimer()
	began := cpuTime(b)
	var media time.Duration
	for i := range b.N {
		u := units[i%len(units)]
		media = time.Duration(i/len(units))*length + u.pts
		push(media, u.data)
	}
	b.StopTimer()
	if s := (media - units[0].pts).Seconds(); s > 0 {
		b.ReportMetric((cpuTime(b)-began).Seconds()*1000/s, "cpu-ms/s")
	}
}

// cpuTime is more telling than the clock on a machine that others use.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkToOpus(b *testing.B) {
	for _, rate := range []int{16000, 44100, 48000} {
		for ch := 1; ch <= 2; ch++ {
			c, units := encodeAAC(b, speechLike(4, rate, ch), rate, ch, 0)
			for _, complexity := range []int{5, 9} {
				b.Run(fmt.Sprintf("%s/complexity_%d", name(rate, ch), complexity), func(b *testing.B) {
					x := NewToOpus(ToOpusOptions{Complexity: complexity})
					defer x.Close()
					if err := x.SetConfig(c); err != nil {
						b.Fatal(err)
					}
					loop(b, units, func(pts time.Duration, au []byte) {
						if err := x.Push(pts, au, func(time.Duration, []byte) {}); err != nil {
							b.Fatal(err)
						}
					})
				})
			}
		}
	}
}

func BenchmarkToAAC(b *testing.B) {
	for ch := 1; ch <= 2; ch++ {
		units := encodeOpus(b, speechLike(4, outRate, ch), ch, 0, "-b:a", "64000")
		for _, fast := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/fast_%t", name(outRate, ch), fast), func(b *testing.B) {
				x := NewToAAC(ToAACOptions{Channels: ch, Fast: fast})
				defer x.Close()
				loop(b, units, func(pts time.Duration, packet []byte) {
					if err := x.Push(pts, packet, func(time.Duration, []byte) {}); err != nil {
						b.Fatal(err)
					}
				})
			})
		}
	}
}

// BenchmarkToAACContent shows that no sound costs much more than another: left
// to itself the fast coder takes four times as long for a tone as for speech.
func BenchmarkToAACContent(b *testing.B) {
	sine := func(freq, peak float64) func(ch int) []float32 {
		return func(ch int) []float32 {
			pcm := make([]float32, 4*outRate*ch)
			for i := range pcm {
				pcm[i] = float32(peak * math.Sin(2*math.Pi*freq*float64(i/ch)/outRate))
			}
			return pcm
		}
	}
	scaled := func(pcm []float32, by float32) []float32 {
		for i := range pcm {
			pcm[i] *= by
		}
		return pcm
	}
	for ch := 1; ch <= 2; ch++ {
		for _, c := range []struct {
			name string
			pcm  []float32
		}{
			{"speech", speechLike(4, outRate, ch)},
			{"quiet speech", scaled(speechLike(4, outRate, ch), 0.001)},
			{"tone", sine(440, 0.06)(ch)},
			{"loud tone", sine(1000, 0.5)(ch)},
			{"quiet tone", sine(3000, 0.002)(ch)},
			{"silence", make([]float32, 4*outRate*ch)},
		} {
			b.Run(fmt.Sprintf("%s/%s", name(outRate, ch), c.name), func(b *testing.B) {
				enc, err := newAACEncoder(ch, 64000*ch, true)
				if err != nil {
					b.Fatal(err)
				}
				bytes := 0
				b.ReportAllocs()
				began := cpuTime(b)
				for i := range b.N {
					at := i * aacFrame * ch % (len(c.pcm) - aacFrame*ch)
					unit, err := enc.encode(c.pcm[at-at%ch:][:aacFrame*ch])
					if err != nil {
						b.Fatal(err)
					}
					bytes += len(unit)
				}
				seconds := float64(b.N) * aacFrame / outRate
				b.ReportMetric((cpuTime(b)-began).Seconds()*1000/seconds, "cpu-ms/s")
				b.ReportMetric(float64(bytes)*8/1000/seconds, "kb/s")
			})
		}
	}
}

func BenchmarkResample(b *testing.B) {
	for _, rate := range []int{44100, 48000} {
		for ch := 1; ch <= 2; ch++ {
			b.Run(name(rate, ch), func(b *testing.B) {
				in := tones(1, rate, ch)
				var r resampler
				r.reset(rate, ch)
				var out []float32
				b.ReportAllocs()
				for b.Loop() {
					for i := 0; i < rate/1000*ch*1000; i += 1000 * ch {
						out = r.process(out[:0], in[i:min(i+1000*ch, len(in))], float64(rate)/outRate*1.0001)
					}
				}
			})
		}
	}
}
