package mix

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"hutong/bridge/flv"
	"hutong/bridge/stream"
	"hutong/bridge/testmedia"
)

// record keeps what the audience gets, for a length of media.
func record(t *testing.T, r *stream.Registry, name string, length time.Duration) string {
	t.Helper()
	player, err := r.Get(name).Play(stream.FLV)
	if err != nil {
		t.Fatal(err)
	}
	defer player.Close()
	path := filepath.Join(t.TempDir(), "audience.flv")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	reader := player.Reader(stream.ReaderOptions{Audience: true})
	out := flv.Header(true, true)
	var first, last time.Duration
	for last-first < length || first == 0 {
		batch, err := reader.Next(ctx, nil)
		if err != nil {
			t.Fatalf("%v of %v recorded: %v", last-first, length, err)
		}
		for _, frame := range batch {
			if frame.Kind == stream.Video && !frame.Config {
				if last = frame.DTS; first == 0 {
					first = last
				}
			}
			out = append(out, flv.Block(frame)...)
		}
	}
	if _, err := f.Write(out); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestLipSync reads flashes and beeps from the mix: of the anchor, and of a linked
// viewer, who has another clock and another delay.
func TestLipSync(t *testing.T) {
	flashing := film{Width: 360, Height: 640, FPS: 20, GOP: 20, FlashBeep: true, ToneHz: 1000, Duration: 20 * time.Second, VideoBitrate: 400_000}
	quiet := clip{colour: "lime", width: 360, height: 640}
	for _, test := range []struct {
		name           string
		anchor, linked media
		place          Input
	}{
		{"anchor", flashing, quiet, Input{X: 0, Y: 300, Width: 40, Height: 40}},
		{"linked", quiet, flashing, Input{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRegistry(t)
			m := newMixer(t, r, nil)
			publish(t, r, "live/anchor", test.anchor)
			publish(t, r, "live/linked", test.linked)
			test.place.Stream, test.place.Layer = "live/linked", 2
			mixAll(t, m, []Input{{Stream: "live/anchor", Layer: 1}, test.place}, CodeMixed)
			eventually(t, "the mixed picture", func() bool { return m.Stats().Encoded > 40 })
			got := testmedia.Decode(t, record(t, r, "live/anchor", 8*time.Second))
			if got.Errors != "" {
				t.Errorf("the decoder complains:\n%.1000s", got.Errors)
			}
			// The flashing one has 20 pictures a second, the other 10. Some may be left
			// out for want of processor time.
			if n := len(got.Pictures); n < 135 {
				t.Errorf("%d pictures in 8 s, want 20 a second", n)
			}
			offsets := got.LipSync()
			t.Logf("the beeps are %v after the flashes", offsets)
			if len(offsets) < 3 {
				t.Fatalf("%d flashes with beeps", len(offsets))
			}
			if off := testmedia.Median(offsets); off.Abs() > 40*ms {
				t.Errorf("the beeps are %v after the flashes (median)", off)
			}
		})
	}
}

// TestAFasterInputQuickensTheMix: who joins with more pictures a second than the
// others is not seen jerking, nor does the change damage anything.
func TestAFasterInputQuickensTheMix(t *testing.T) {
	r := newRegistry(t)
	m := newMixer(t, r, nil)
	slow := clip{colour: "lime", width: 360, height: 640}
	publish(t, r, "live/anchor", slow)
	publish(t, r, "live/linked", slow)
	two := []Input{{Stream: "live/anchor", Layer: 1}, {Stream: "live/linked", Layer: 2, Width: 40, Height: 40}}
	mixAll(t, m, two, CodeMixed)
	eventually(t, "the mixed picture", func() bool { return m.Stats().Encoded > 20 })
	publish(t, r, "live/third", film{Width: 360, Height: 640, FPS: 20, GOP: 20, ToneHz: 1000, Duration: 20 * time.Second, VideoBitrate: 400_000})
	mixAll(t, m, append(two, Input{Stream: "live/third", Layer: 3, Y: 300, Width: 40, Height: 40}), CodeMixed)
	// One record from before the change to after it.
	got := testmedia.Decode(t, record(t, r, "live/anchor", 8*time.Second))
	if got.Errors != "" {
		t.Errorf("the decoder complains:\n%.1000s", got.Errors)
	}
	within := func(from, to int) time.Duration { return got.Pictures[to].PTS - got.Pictures[from].PTS }
	last := len(got.Pictures) - 1
	if span := within(0, 10); span < 800*ms {
		t.Errorf("the first ten pictures take %v, want 10 a second", span)
	}
	if span := within(last-20, last); span > 1400*ms {
		t.Errorf("the last twenty pictures take %v, want 20 a second", span)
	}
	for n := range last {
		if step := within(n, n+1); step <= 0 || step > 700*ms {
			t.Errorf("picture %d comes %v after the one before", n+1, step)
		}
	}
	if n := m.Stats().EncoderRestarts; n > 0 {
		t.Errorf("%d encoders broke off", n)
	}
}
