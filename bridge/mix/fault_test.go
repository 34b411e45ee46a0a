package mix

import (
	"strings"
	"testing"
)

// threeTogether is a room of an anchor and two linked viewers, with an audience.
func threeTogether(t *testing.T, change func(*Options)) (m *Mixer, v *viewer, publishers [3]*publisher) {
	t.Helper()
	r := newRegistry(t)
	m = newMixer(t, r, change)
	for i, c := range []clip{anchorClip, firstClip, secondClip} {
		publishers[i] = publish(t, r, layout[i].Stream, c)
	}
	return m, watchAs(t, r, layout[0].Stream, true), publishers
}

// kill ends ffmpegs as a crash would: the encoder, the decoders, or both.
func (m *Mixer) kill(encoders, decoders bool) (killed int) {
	m.processes.mu.Lock()
	defer m.processes.mu.Unlock()
	for p := range m.processes.live {
		if decoder := p.side != nil; decoder && decoders || !decoder && encoders {
			_ = p.cmd.Process.Kill()
			killed++
		}
	}
	return killed
}

func TestAnchorIsShownWhileFFmpegIsDown(t *testing.T) {
	m, v, _ := threeTogether(t, nil)
	mixAll(t, m, layout, CodeMixed)
	v.sees("all three", allThree)
	for _, what := range []struct {
		name               string
		encoders, decoders bool
	}{{"encoder", true, false}, {"everything", true, true}} {
		before := v.shown("red")
		if m.kill(what.encoders, what.decoders) == 0 {
			t.Fatal("nothing to kill")
		}
		eventually(t, "the anchor alone, after killing "+what.name, func() bool { return v.shown("red") > before })
		v.sees("all three again, after killing "+what.name, allThree)
	}
	v.hears("all three", 440, 1000, 1700)
	v.connected()
	if st := m.Stats(); st.EncoderRestarts == 0 {
		t.Errorf("stats %+v; want restarts counted", st)
	}
}

// TestDecodersComeBack kills the decoders alone: a linked viewer's tile comes back,
// the anchor is passed on meanwhile.
func TestDecodersComeBack(t *testing.T) {
	m, v, _ := threeTogether(t, nil)
	mixAll(t, m, layout, CodeMixed)
	v.sees("all three", allThree)
	if m.kill(false, true) == 0 {
		t.Fatal("nothing to kill")
	}
	eventually(t, "new decoders", func() bool { return m.Stats().DecoderRestarts >= 3 && m.Stats().Processes == 4 })
	v.sees("all three again", allThree)
	v.connected()
}

func TestVoicesAreMixedWithoutFFmpeg(t *testing.T) {
	m, v, publishers := threeTogether(t, func(o *Options) { o.FFmpeg = "no-such-ffmpeg" })
	r, err := m.Mix(t.Context(), layout[0].Stream, layout)
	if err != nil || r.Code != CodeNoEncoder || !strings.Contains(r.Message, "no-such-ffmpeg") {
		t.Fatalf("Mix: %+v, %v; want code %d and the program's name", r, err, CodeNoEncoder)
	}
	v.hears("all three", 440, 1000, 1700)
	v.sees("the anchor alone", anchorAlone)
	publishers[1].leave()
	v.hears("two", 440, 1700)
	m.Unmix(layout[0].Stream)
	v.hears("the anchor alone", 440)
	v.sees("the anchor alone", anchorAlone)
	v.connected()
	if st := m.Stats(); st.Processes != 0 {
		t.Errorf("stats %+v; want no processes", st)
	}
}

// TestAnFFmpegThatCannotStart has one that ends at once, for want of memory.
func TestAnFFmpegThatCannotStart(t *testing.T) {
	m, v, _ := threeTogether(t, func(o *Options) { o.Limits.Memory = 1 << 20 })
	mixAll(t, m, layout, CodeMixed)
	eventually(t, "restarts", func() bool { return m.Stats().DecoderRestarts >= 3 })
	v.hears("all three", 440, 1000, 1700)
	v.sees("the anchor alone", anchorAlone)
	v.connected()
}

func TestNoMorePicturesThanAllowed(t *testing.T) {
	m, _, _ := threeTogether(t, func(o *Options) { o.MaxPictures = 1 })
	mixAll(t, m, layout, CodeMixed)
	other := []Input{{Stream: "live/x"}, {Stream: "live/y", Width: 10, Height: 10}}
	mixAll(t, m, other, CodeTooMany)
	m.Unmix(layout[0].Stream)
	mixAll(t, m, other, CodeMixed)
}

func TestInputsThatChange(t *testing.T) {
	m, v, publishers := threeTogether(t, nil)
	mixAll(t, m, layout, CodeMixed)
	v.sees("all three", allThree)

	// A phone changes its size with the network, and a colour shows that it did.
	wide := secondClip
	wide.width, wide.height, wide.colour = 480, 360, "yellow"
	publishers[2].change(wide)
	v.sees("the second with another size", map[[2]int]string{{100, 300}: "red", {300, 490}: "lime", {300, 310}: "yellow", {248, 228}: "yellow", {352, 392}: "yellow"})

	// An input that stalls leaves its last picture for a while, then its place.
	publishers[1].stall(true)
	v.sees("two, one having stalled", map[[2]int]string{{100, 300}: "red", {300, 490}: "red", {300, 310}: "yellow"})
	v.hears("two, one having stalled", 440, 1700)
	publishers[1].stall(false)
	v.sees("three, it being back", map[[2]int]string{{100, 300}: "red", {300, 490}: "lime", {300, 310}: "yellow"})
	v.hears("three, it being back", 440, 1000, 1700)

	// One over the other: the higher layer is seen.
	moved := append([]Input(nil), layout...)
	moved[1] = Input{Stream: "live/first", Layer: 5, X: 180, Y: 160, Width: 180, Height: 240}
	mixAll(t, m, moved, CodeMixed)
	v.sees("the first over the second", map[[2]int]string{{200, 200}: "lime", {300, 310}: "lime", {300, 490}: "red"})

	// An anchor of another shape makes another picture.
	lying := anchorClip
	lying.width, lying.height, lying.colour = 640, 360, "white"
	publishers[0].change(lying)
	eventually(t, "the anchor's new shape", func() bool { return v.colourAt(100, 60) == "white" })
	v.connected()
	if st := m.Stats(); st.EncoderRestarts != 0 || st.DecoderRestarts != 0 {
		t.Errorf("stats %+v; want that nothing broke off", st)
	}
}

func TestAnchorThatComesAndGoes(t *testing.T) {
	r := newRegistry(t)
	m := newMixer(t, r, nil)
	mixAll(t, m, layout, CodeMixed) // before anybody is there
	publish(t, r, "live/first", firstClip)
	for range 2 {
		anchor := publish(t, r, "live/anchor", anchorClip)
		v := watchAs(t, r, "live/anchor", true)
		v.sees("both", map[[2]int]string{{100, 300}: "red", {300, 490}: "lime"})
		v.hears("both", 440, 1000)
		anchor.leave()
		eventually(t, "the audience to be told of the end", func() bool {
			v.mu.Lock()
			defer v.mu.Unlock()
			return v.ended
		})
		eventually(t, "ffmpeg to stop", func() bool { return m.Stats().Processes == 0 && m.Stats().Mixes == 0 })
	}
}

func TestWhatIsRefused(t *testing.T) {
	m := newMixer(t, newRegistry(t), nil)
	for name, inputs := range map[string][]Input{
		"nobody":            {},
		"another anchor":    {{Stream: "live/b"}, {Stream: "live/a"}},
		"twice":             {{Stream: "live/a"}, {Stream: "live/b"}, {Stream: "live/b"}},
		"no stream":         {{Stream: "live/a"}, {Stream: "b c"}},
		"far away":          {{Stream: "live/a"}, {Stream: "live/b", X: 1 << 20}},
		"too large":         {{Stream: "live/a"}, {Stream: "live/b", Width: 1 << 20, Height: 2}},
		"less than none":    {{Stream: "live/a"}, {Stream: "live/b", Width: -1}},
		"more than allowed": make([]Input, maxInputs+1),
	} {
		r, err := m.Mix(t.Context(), "live/a", inputs)
		if err != nil || r.Code != CodeRefused || r.Message == "" {
			t.Errorf("%s: %+v, %v; want it refused with a reason", name, r, err)
		}
	}
	m.Close()
	if _, err := m.Mix(t.Context(), "live/anchor", layout); err == nil {
		t.Error("a closed mixer mixes")
	}
}
