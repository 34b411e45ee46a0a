package audio

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"testing"
	"time"
)

func newToAAC(t testing.TB, opts ToAACOptions) *ToAAC {
	t.Helper()
	x := NewToAAC(opts)
	t.Cleanup(x.Close)
	return x
}

func TestToAACTone(t *testing.T) {
	for _, test := range []struct {
		frame string
		ch    int
		fast  bool
	}{
		{"2.5", 1, true}, {"5", 2, true}, {"10", 1, true}, {"20", 1, true}, {"20", 2, true},
		{"20", 1, false}, {"20", 2, false}, {"40", 2, true}, {"60", 1, true}, {"120", 2, true},
	} {
		t.Run(fmt.Sprintf("%sms/%s/fast_%t", test.frame, name(outRate, test.ch), test.fast), func(t *testing.T) {
			t.Parallel()
			const start = 5 * time.Second
			ch := test.ch
			units := encodeOpus(t, tones(1.6, outRate, ch), ch, start,
				"-b:a", strconv.Itoa(192000+64000*ch), "-frame_duration", test.frame)
			x := newToAAC(t, ToAACOptions{Channels: ch, Bitrate: 96000 * ch, Fast: test.fast})
			out := takeAAC(t, x, units)
			evenly(t, out, aacFrame)
			pcm := decodeAAC(t, x.Config(), out)
			steady := between(pcm, ch, out[0].pts, start+400*time.Millisecond, start+1300*time.Millisecond)
			for i := range ch {
				wantTone(t, channel(steady, ch, i), toneFreq(i), -45, -35)
			}
			if s := x.Stats(); s.Bad+s.Failures+s.Reanchored != 0 || s.Concealed != 0 {
				t.Errorf("a clean stream counted %+v", s)
			}
		})
	}
}

// Mono packets and stereo output, and the other way round.
func TestToAACChannels(t *testing.T) {
	for _, ch := range []int{1, 2} {
		t.Run(name(outRate, ch), func(t *testing.T) {
			src := addChirps(make([]float32, 2*outRate*ch), outRate, ch, 1)
			units := encodeOpus(t, src, ch, 0, "-b:a", "96000")
			to := 3 - ch
			x := newToAAC(t, ToAACOptions{Channels: to})
			if got := x.Config(); got.Channels != to || got.SampleRate != outRate || got.Supported() != nil {
				t.Fatalf("emits %+v", got)
			}
			out := takeAAC(t, x, units)
			pcm := decodeAAC(t, x.Config(), out)
			for i := range to {
				wantChirp(t, channel(pcm, to, i), out[0].pts, time.Second, 2*time.Millisecond)
			}
		})
	}
}

func TestToAACTiming(t *testing.T) {
	for _, frame := range []string{"2.5", "10", "20", "60", "120"} {
		t.Run(frame+"ms", func(t *testing.T) {
			t.Parallel()
			const start = time.Hour
			src := addChirps(make([]float32, outRate*8/5), outRate, 1, 0.4, 1.2)
			x := newToAAC(t, ToAACOptions{Channels: 1, Fast: true})
			out := takeAAC(t, x, encodeOpus(t, src, 1, start, "-b:a", "128000", "-frame_duration", frame))
			evenly(t, out, aacFrame)
			pcm := decodeAAC(t, x.Config(), out)
			wantChirp(t, pcm, out[0].pts, start+400*time.Millisecond, 2*time.Millisecond)
			wantChirp(t, pcm, out[0].pts, start+1200*time.Millisecond, 2*time.Millisecond)
		})
	}
}

// Whatever is lost, what comes after it sounds at its time.
func TestToAACLoss(t *testing.T) {
	for _, test := range []struct{ lost, frame int }{{1, 10}, {1, 20}, {3, 20}, {45, 20}, {1, 60}, {15, 60}, {2, 120}} {
		t.Run(fmt.Sprintf("%d_of_%dms", test.lost, test.frame), func(t *testing.T) {
			t.Parallel()
			gap := time.Duration(test.lost*test.frame) * time.Millisecond
			chirps := []float64{0.2, 0.8 + gap.Seconds(), 2}
			src := addChirps(tones(2.3, outRate, 1), outRate, 1, chirps...)
			units := encodeOpus(t, src, 1, 0, "-b:a", "64000", "-frame_duration", strconv.Itoa(test.frame))
			from := 720 / test.frame
			units = slices.Delete(units, from, from+test.lost)
			x := newToAAC(t, ToAACOptions{Channels: 1, Fast: true})
			out := takeAAC(t, x, units)
			evenly(t, out, aacFrame)
			pcm := decodeAAC(t, x.Config(), out)
			for _, at := range chirps {
				wantChirp(t, pcm, out[0].pts, time.Duration(at*1e9), 3*time.Millisecond)
			}
			if got := x.Stats().Concealed; (got - gap).Abs() > 3*time.Millisecond {
				t.Errorf("concealed %v, lost %v", got, gap)
			}
			wantNoClick(t, pcm)
		})
	}
}

// wantNoClick fails on a step between two samples that no tone or chirp of the
// tests makes.
func wantNoClick(t testing.TB, x []float32) {
	t.Helper()
	for i := 1; i < len(x); i++ {
		if d := math.Abs(float64(x[i] - x[i-1])); d > 0.35 {
			t.Fatalf("a click of %.2f at sample %d (%.3f s)", d, i, float64(i)/outRate)
		}
	}
}

// A single lost packet comes back from the FEC of the next.
func TestToAACRecoversByFEC(t *testing.T) {
	src := addChirps(make([]float32, 3*outRate), outRate, 1, 0.6, 1, 1.4, 1.8)
	units := encodeOpus(t, src, 1, 0, "-b:a", "40000", "-application", "voip", "-fec", "1", "-packet_loss", "30")
	const at = 1450 * time.Millisecond // mid-chirp
	var kept []unit
	for i, u := range units {
		if u.pts <= at && at < u.pts+20*time.Millisecond {
			if !opusHasFEC(units[i+1].data) {
				t.Fatal("libopus put no FEC where this test needs it")
			}
			continue
		}
		kept = append(kept, u)
	}
	x := newToAAC(t, ToAACOptions{Channels: 1, Fast: true})
	out := takeAAC(t, x, kept)
	evenly(t, out, aacFrame)
	if got := x.Stats().Recovered; got != 1 {
		t.Errorf("recovered %d packets, want 1", got)
	}
	pcm := decodeAAC(t, x.Config(), out)
	got := between(pcm, 1, out[0].pts, at-10*time.Millisecond, at+10*time.Millisecond)
	want := between(src, 1, 0, at-10*time.Millisecond, at+10*time.Millisecond)
	best := 0.0
	for lag := -24; lag <= 24; lag++ { // SILK's own delay is not exactly the pre-skip
		var xy, xx, yy float64
		for i := 24; i < len(want)-24; i++ {
			g, w := float64(got[i+lag]), float64(want[i])
			xy, xx, yy = xy+g*w, xx+g*g, yy+w*w
		}
		best = max(best, xy/math.Sqrt(xx*yy+1e-12))
	}
	if best < 0.7 {
		t.Errorf("the lost 20 ms resemble the original by %.2f, want 0.7 or more", best)
	}
}

// A browser that pauses by DTX: packets stop, the clock does not.
func TestToAACDTX(t *testing.T) {
	src := addChirps(make([]float32, 3*outRate), outRate, 1, 0.5, 2.7)
	var sent []unit
	pause := 0
	for _, u := range encodeOpus(t, src, 1, 0, "-b:a", "32000", "-application", "voip") {
		if u.pts > 800*time.Millisecond && u.pts < 2600*time.Millisecond {
			// libwebrtc sends the first packet of a pause, and one every 400
			// ms, all empty but for their table of contents.
			if pause++; pause%20 != 1 {
				continue
			}
			u.data = []byte{u.data[0] &^ 3}
		}
		sent = append(sent, u)
	}
	for _, advancing := range []bool{false, true} {
		t.Run(fmt.Sprintf("advancing_%t", advancing), func(t *testing.T) {
			x := newToAAC(t, ToAACOptions{Channels: 1, Fast: true})
			var out []unit
			emit := func(pts time.Duration, au []byte) { out = append(out, unit{pts, au}) }
			i := 0
			for now := sent[0].pts; i < len(sent); now += 5 * time.Millisecond {
				for ; i < len(sent) && sent[i].pts <= now; i++ {
					if err := x.Push(sent[i].pts, sent[i].data, emit); err != nil {
						t.Fatal(err)
					}
				}
				if !advancing {
					continue
				}
				x.Advance(now-40*time.Millisecond, emit)
				if end := out; len(end) > 0 && now-end[len(end)-1].pts > 170*time.Millisecond {
					t.Fatalf("at %v the last unit is of %v: audio time stopped", now, end[len(end)-1].pts)
				}
			}
			evenly(t, out, aacFrame)
			pcm := decodeAAC(t, x.Config(), out)
			wantChirp(t, pcm, out[0].pts, 500*time.Millisecond, 5*time.Millisecond)
			wantChirp(t, pcm, out[0].pts, 2700*time.Millisecond, 5*time.Millisecond)
		})
	}
}

// A muted microphone: silence flows, and speech after it is on time.
func TestToAACAdvance(t *testing.T) {
	x := newToAAC(t, ToAACOptions{Channels: 1, Fast: true})
	var out []unit
	emit := func(pts time.Duration, au []byte) { out = append(out, unit{pts, au}) }
	first := encodeOpus(t, tones(1, outRate, 1), 1, 0)
	for _, u := range first {
		if err := x.Push(u.pts, u.data, emit); err != nil {
			t.Fatal(err)
		}
		got, want := x.Level(), -3.01+20*math.Log10(0.4)
		if steady := u.pts > 100*time.Millisecond && u.pts < 900*time.Millisecond; steady && math.Abs(got-want) > 0.5 {
			t.Errorf("level %.1f dBov while a tone of %.1f sounds", got, want)
		}
	}
	const back = 4 * time.Second
	for now := time.Second; now < back-20*time.Millisecond; now += 20 * time.Millisecond {
		x.Advance(now, emit)
	}
	if got := x.Level(); got != SilenceLevel {
		t.Errorf("level %.1f dBov while muted", got)
	}
	src := addChirps(make([]float32, 2*outRate), outRate, 1, 1)
	for _, u := range encodeOpus(t, src, 1, back) {
		if err := x.Push(u.pts, u.data, emit); err != nil {
			t.Fatal(err)
		}
	}
	evenly(t, out, aacFrame)
	pcm := decodeAAC(t, x.Config(), out)
	for _, s := range between(pcm, 1, out[0].pts, 2*time.Second, back-time.Second) {
		if s > 0.001 || s < -0.001 {
			t.Fatalf("a sample of %v while muted", s)
		}
	}
	wantChirp(t, pcm, out[0].pts, back+time.Second, 3*time.Millisecond)
	if s := x.Stats(); s.Reanchored != 0 {
		t.Errorf("counted %+v", s)
	}
}

// Advance may be called before anything came: silence from then on.
func TestToAACAdvanceFirst(t *testing.T) {
	x := newToAAC(t, ToAACOptions{})
	var out []unit
	for now := time.Duration(0); now <= time.Second; now += 20 * time.Millisecond {
		x.Advance(now, func(pts time.Duration, au []byte) { out = append(out, unit{pts, au}) })
	}
	evenly(t, out, aacFrame)
	if len(out) < 43 {
		t.Errorf("%d units in a second", len(out))
	}
}

// Advance was too eager, or a link stood still for longer than any jitter: the
// packets that come after all are cut, not added, and do not start time anew.
func TestToAACLatePackets(t *testing.T) {
	for _, eager := range []time.Duration{200 * time.Millisecond, 1500 * time.Millisecond} {
		x := newToAAC(t, ToAACOptions{Channels: 1, Fast: true})
		var out []unit
		emit := func(pts time.Duration, au []byte) { out = append(out, unit{pts, au}) }
		src := addChirps(make([]float32, 4*outRate), outRate, 1, 0.5, 3)
		for i, u := range encodeOpus(t, src, 1, 0) {
			if i == 50 {
				x.Advance(u.pts+eager, emit)
			}
			if err := x.Push(u.pts, u.data, emit); err != nil {
				t.Fatal(err)
			}
		}
		evenly(t, out, aacFrame)
		pcm := decodeAAC(t, x.Config(), out)
		wantChirp(t, pcm, out[0].pts, 500*time.Millisecond, 3*time.Millisecond)
		wantChirp(t, pcm, out[0].pts, 3*time.Second, 3*time.Millisecond)
	}
}
