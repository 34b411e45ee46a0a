package e2e

import (
	"math"
	"testing"
	"time"

	"hutong/bridge/testmedia"
)

// The clips that most tests use.
var (
	// phone is long enough that no test meets the seam of its loop.
	phone = testmedia.Spec{ToneHz: 440, VideoBitrate: 600_000, Duration: 30 * time.Second}
	// camera is what the publishing browser's fake devices show and say.
	camera     = testmedia.Spec{Duration: 4 * time.Second, FirstCounter: 20000}
	microphone = testmedia.Spec{Duration: 3 * time.Minute, ToneHz: 880} // long, for Chromium clicks when it starts again
)

func sampleStrips(samples []testmedia.Sample) (strips []testmedia.Strip) {
	for _, s := range samples {
		strips = append(strips, s.Strip())
	}
	return strips
}

func pictureStrips(pictures []testmedia.Picture) (strips []testmedia.Strip) {
	for _, p := range pictures {
		strips = append(strips, p.Strip)
	}
	return strips
}

// requireAdvance fails unless every picture is whole and belongs to the clip, and
// counters go round forwards in steps of at most maxStep.
func requireAdvance(t *testing.T, strips []testmedia.Strip, spec testmedia.Spec, maxStep int) {
	t.Helper()
	requireWhole(t, strips)
	frames, moved := spec.Frames(), 0
	for i, s := range strips {
		if s.Counter < spec.FirstCounter || s.Counter >= spec.FirstCounter+frames {
			t.Fatalf("picture %d has counter %d, the clip has %d to %d", i, s.Counter, spec.FirstCounter, spec.FirstCounter+frames-1)
		}
		if i == 0 {
			continue
		}
		step := (s.Counter - strips[i-1].Counter + frames) % frames
		if step > maxStep {
			t.Fatalf("picture %d goes from counter %d to %d; steps of up to %d are expected", i, strips[i-1].Counter, s.Counter, maxStep)
		}
		moved += step
	}
	if moved < len(strips)/3 {
		t.Fatalf("%d pictures show only %d frames' progress", len(strips), moved)
	}
}

// requireWhole fails on any damaged picture, and on none at all.
func requireWhole(t *testing.T, strips []testmedia.Strip) {
	t.Helper()
	if len(strips) == 0 {
		t.Fatal("no pictures")
	}
	damaged := 0
	for i, s := range strips {
		if s.Damaged() {
			if damaged++; damaged <= 5 {
				t.Errorf("picture %d of %d is damaged: %+v", i, len(strips), s)
			}
		}
	}
	if damaged > 0 {
		t.Fatalf("%d of %d pictures are damaged", damaged, len(strips))
	}
}

// requireForward fails where time stands still or goes back from picture to picture.
func requireForward(t *testing.T, media *testmedia.Media) {
	t.Helper()
	for n := 1; n < len(media.Pictures); n++ {
		was, is := media.Pictures[n-1], media.Pictures[n]
		if is.PTS <= was.PTS {
			t.Errorf("time goes from %v to %v at picture %d (counters %d, %d)", was.PTS, is.PTS, n, was.Counter, is.Counter)
		}
	}
}

// residualLimit, in dB, is what two lossy codecs in a row may add to a pure tone;
// clickLimit is the same for any 20 ms.
const (
	residualLimit = -30
	clickLimit    = -25
)

func requireTone(t *testing.T, pcm []float64, rate int, hz float64) {
	t.Helper()
	tone := testmedia.MeasureTone(pcm, rate)
	if math.Abs(tone.Hz-hz) > 1 || tone.Level < testmedia.Amplitude/2 || tone.Level > testmedia.Amplitude*1.5 || tone.Residual > residualLimit {
		t.Errorf("heard %.2f Hz at level %.3f with residual %.1f dB, want %.0f Hz at %.2f, below %d dB",
			tone.Hz, tone.Level, tone.Residual, hz, testmedia.Amplitude, residualLimit)
	}
	if clicks := testmedia.Clicks(pcm, rate, clickLimit); len(clicks) > 0 {
		t.Errorf("%d clicks in %v of sound, at %v", len(clicks), seconds(float64(len(pcm))/float64(rate)), clicks)
	}
	t.Logf("tone %.2f Hz, residual %.1f dB", tone.Hz, tone.Residual)
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// hears accepts sound whose tone is the one asked for, in both ears or with
// another one in the right, once the browser's buffer has settled.
func hears(hz ...float64) func(heard) bool {
	return func(h heard) bool {
		left, right := testmedia.MeasureTone(h.left, 48000), testmedia.MeasureTone(h.right, 48000)
		return math.Abs(left.Hz-hz[0]) < 1 && math.Abs(right.Hz-hz[len(hz)-1]) < 1 &&
			left.Residual < residualLimit && right.Residual < residualLimit &&
			len(testmedia.Clicks(h.left, 48000, clickLimit)) == 0 && len(testmedia.Clicks(h.right, 48000, clickLimit)) == 0
	}
}

// requireSound checks a recording's tone, up to five seconds of it.
func requireSound(t *testing.T, media *testmedia.Media, hz float64) {
	t.Helper()
	pcm := body(t, media)
	requireTone(t, pcm[:min(len(pcm), 5*media.Sound.Rate)], media.Sound.Rate, hz)
}

// requireMicrophone is requireSound for what a browser records and encodes while
// the machine is busy: two seconds in a row must be pure.
func requireMicrophone(t *testing.T, media *testmedia.Media, hz float64) {
	t.Helper()
	pcm, rate := body(t, media), media.Sound.Rate
	for from := 0; from+2*rate <= len(pcm); from += rate / 4 {
		part := pcm[from : from+2*rate]
		if testmedia.MeasureTone(part, rate).Residual < residualLimit && len(testmedia.Clicks(part, rate, clickLimit)) == 0 {
			requireTone(t, part, rate, hz)
			return
		}
	}
	requireTone(t, pcm, rate, hz)
}

// body is the first channel of a recording without its start.
func body(t *testing.T, media *testmedia.Media) []float64 {
	t.Helper()
	if media.Sound.Len() == 0 {
		t.Fatal("no sound")
	}
	length := seconds(float64(media.Sound.Len()) / float64(media.Sound.Rate))
	if length < 2500*time.Millisecond {
		t.Fatalf("only %v of sound", length)
	}
	return media.Sound.Slice(0, 500*time.Millisecond, length)
}
