package testmedia

import (
	"math"
	"testing"
	"time"
)

func sine(hz float64, rate int, length time.Duration) []float64 {
	pcm := make([]float64, int(length.Seconds()*float64(rate)))
	for i := range pcm {
		pcm[i] = Amplitude * math.Sin(2*math.Pi*hz*float64(i)/float64(rate)+0.4)
	}
	return pcm
}

func TestMeasureTone(t *testing.T) {
	for _, rate := range []int{8000, 16000, 44100, 48000} {
		for _, hz := range []float64{220, 440, 880.3, 997, 1500} {
			got := MeasureTone(sine(hz, rate, 2*time.Second), rate)
			if math.Abs(got.Hz-hz) > 0.02 || math.Abs(got.Level-Amplitude) > 0.001 || got.Residual > -70 {
				t.Errorf("%v Hz at %d: %+v", hz, rate, got)
			}
		}
	}
}

func TestMeasureToneSeesWhatIsNotTheTone(t *testing.T) {
	pcm := sine(440, 48000, 2*time.Second)
	for i, v := range sine(3000, 48000, 2*time.Second) {
		pcm[i] += v / 10
	}
	if got := MeasureTone(pcm, 48000); math.Abs(got.Residual+20) > 0.5 {
		t.Errorf("a second tone of a tenth gives %+v, want -20 dB", got)
	}
}

func TestClicks(t *testing.T) {
	const rate = 48000
	clean := sine(440, rate, 2*time.Second)
	if got := Clicks(clean, rate, -30); len(got) != 0 {
		t.Errorf("clicks in a clean tone: %v", got)
	}
	lost := append(append([]float64{}, clean[:40000]...), clean[40037:]...)
	if got := Clicks(lost, rate, -30); len(got) == 0 {
		t.Error("37 lost samples are not heard")
	}
	silent := append([]float64{}, clean...)
	clear(silent[48000:48960])
	if got := Clicks(silent, rate, -30); len(got) == 0 || got[0].Round(100*time.Millisecond) != time.Second {
		t.Errorf("20 ms of silence at 1 s are heard at %v", got)
	}
	spike := append([]float64{}, clean...)
	spike[30000] += 0.5
	if got := Clicks(spike, rate, -30); len(got) != 1 {
		t.Errorf("one spike is heard as %v", got)
	}
}

func TestOffsets(t *testing.T) {
	ms := time.Millisecond
	got := Offsets([]time.Duration{1000 * ms, 2000 * ms, 3000 * ms}, []time.Duration{990 * ms, 2030 * ms, 3900 * ms})
	if len(got) != 2 || got[0] != -10*ms || got[1] != 30*ms {
		t.Errorf("offsets %v", got)
	}
}
