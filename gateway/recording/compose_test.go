package recording

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"testing"
	"time"

	"hutong/bridge/testmedia"
	"hutong/gateway/config"
)

// Both sides of a call are in one file: side by side, at their time, both heard.
func TestComposite(t *testing.T) {
	h := newHooks(t)
	n := newNode(t, func(c *config.Recording) {
		c.Webhooks = []config.Webhook{{URL: h.url, Secret: "0123456789abcdef", Events: []string{"recording_composite"}}}
		c.Composite.Width, c.Composite.Height = 640, 240
		c.Composite.Burn = false
	})
	streams := n.room("call-1", "customer", "agent")
	n.push(streams[0], phone)
	i, _, err := n.s.Start(t.Context(), Order{RoomID: "call-1", Layout: config.CompositeSideBySide})
	if err != nil {
		t.Fatal(err)
	}
	n.recorded(i.RecordingID, streams[0], 2*time.Second)
	n.push(streams[1], testmedia.Spec{Width: 320, Height: 240, ToneHz: 700, FirstCounter: 10000, Duration: 30 * time.Second})
	n.recorded(i.RecordingID, streams[1], 4*time.Second)
	if _, err := n.s.Stop(t.Context(), i.RecordingID, ""); err != nil {
		t.Fatal(err)
	}
	i = n.only("a composite", func(i Item) bool {
		return len(i.Composites) == 1 && i.Composites[0].State != Waiting && i.Composites[0].State != Running
	})
	c := i.Composites[0]
	if c.State != Done {
		t.Fatalf("%+v", c)
	}
	testmedia.Eventually(t, 20*time.Second, "the composite to be announced", func() bool { return h.count("recording_composite") == 1 })
	path := filepath.Join(n.s.dir, i.RecordingID, c.Name)
	for side, x := range map[string]string{"customer": "0", "agent": "320"} {
		cut := filepath.Join(t.TempDir(), side+".mp4")
		p := testmedia.Start(t, "ffmpeg", "-v", "error", "-i", path, "-vf", "crop=320:240:"+x+":0", "-c:v", "libx264", "-crf", "10", "-c:a", "copy", cut)
		if err := p.Wait(time.Minute); err != nil {
			t.Fatal(err)
		}
		media := testmedia.Decode(t, cut)
		var began time.Time
		var file File
		for _, f := range i.Files {
			if f.UserID == side {
				file = f
			}
			if began.IsZero() || f.StartedAt.Before(began) {
				began = f.StartedAt
			}
		}
		own := testmedia.Decode(t, filepath.Join(n.s.dir, i.RecordingID, file.Name))
		at := map[int]time.Duration{}
		for _, p := range own.Pictures {
			at[p.Counter] = file.StartedAt.Sub(began) + p.PTS
		}
		var off []time.Duration
		for _, p := range media.Pictures {
			if want, ok := at[p.Counter]; ok && p.OK {
				off = append(off, p.PTS-want)
			}
		}
		if len(off) < 50 {
			t.Fatalf("%d pictures of the %s are in the composite, of %d", len(off), side, len(own.Pictures))
		}
		if d := testmedia.Median(off); d > 60*time.Millisecond || d < -60*time.Millisecond {
			t.Errorf("the %s is %v late", side, d)
		}
	}
	sound := testmedia.Decode(t, path).Sound
	late := sound.Slice(0, time.Duration(sound.Len())*time.Second/time.Duration(sound.Rate)-2*time.Second, time.Duration(sound.Len())*time.Second/time.Duration(sound.Rate)-time.Second)
	for _, hz := range []float64{440, 700} {
		if level := goertzel(late, sound.Rate, hz); level < 0.05 {
			t.Errorf("%v Hz sounds at %v", hz, level)
		}
	}
	if again, err := n.s.Compose(t.Context(), i.RecordingID, config.CompositePIP, "x"); err != nil || again.State != Waiting {
		t.Errorf("%+v, %v", again, err)
	}
	n.only("the second", func(i Item) bool { return len(i.Composites) == 2 && i.Composites[1].State == Done })
}

// goertzel is the level of one frequency.
func goertzel(pcm []float64, rate int, hz float64) float64 {
	var re, im float64
	for i, v := range pcm {
		s, c := math.Sincos(2 * math.Pi * hz * float64(i) / float64(rate))
		re, im = re+v*c, im+v*s
	}
	return 2 * math.Hypot(re, im) / float64(len(pcm))
}

// Time and Chinese names are written in, in every layout.
func TestCompositeWithNames(t *testing.T) {
	n := newNode(t, func(c *config.Recording) { c.Composite.Width, c.Composite.Height = 640, 360 })
	streams := n.room("call-2", "lilei=李雷", "obrien=o'brien:[x],%{n}\\;")
	for _, s := range streams {
		n.push(s, phone)
	}
	i, _, err := n.s.Start(t.Context(), Order{RoomID: "call-2"})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range streams {
		n.recorded(i.RecordingID, s, 2*time.Second)
	}
	if i, err = n.s.Stop(t.Context(), i.RecordingID, ""); err != nil {
		t.Fatal(err)
	}
	for _, layout := range config.RecordingLayouts {
		if _, err := n.s.Compose(t.Context(), i.RecordingID, layout, "x"); err != nil {
			t.Fatal(err)
		}
	}
	i = n.only("all layouts", func(i Item) bool {
		for _, c := range i.Composites {
			if c.State != Done && c.State != Failed {
				return false
			}
		}
		return true
	})
	for _, c := range i.Composites {
		if c.State != Done || testmedia.Probe(t, filepath.Join(n.s.dir, i.RecordingID, c.Name)).Stream("video").Width != 640 {
			t.Errorf("%+v", c)
		}
	}
}

func TestCompositeCancelledAndWithoutFFmpeg(t *testing.T) {
	n := newNode(t, nil)
	n.push("live/cam", phone)
	i, _, err := n.s.Start(t.Context(), Order{Stream: "live/cam"})
	if err != nil {
		t.Fatal(err)
	}
	n.recorded(i.RecordingID, "live/cam", 5*time.Second)
	if _, err := n.s.Compose(t.Context(), i.RecordingID, config.CompositeGrid, "x"); !errors.Is(err, ErrState) {
		t.Errorf("of a recording that goes on: %v", err)
	}
	if i, err = n.s.Stop(t.Context(), i.RecordingID, ""); err != nil {
		t.Fatal(err)
	}
	c, err := n.s.Compose(t.Context(), i.RecordingID, config.CompositeGrid, "x")
	if err != nil {
		t.Fatal(err)
	}
	if err := n.s.Discard(t.Context(), i.RecordingID, c.ID, "x"); err != nil {
		t.Fatal(err)
	}
	n.only("it to be cancelled", func(i Item) bool { return len(i.Composites) == 1 && i.Composites[0].State == Cancelled })
	n.s.Close()
	n.start(func(c *config.Recording) { c.Composite.FFmpeg = "no-such-program" })
	if _, err := n.s.Compose(context.Background(), i.RecordingID, config.CompositeGrid, "x"); !errors.Is(err, ErrNoFFmpeg) {
		t.Errorf("without ffmpeg: %v", err)
	}
	if n.s.Status().FFmpeg == "" {
		t.Error("the status does not say what to install")
	}
}
