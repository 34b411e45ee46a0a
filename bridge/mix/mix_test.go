package mix

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"
)

var (
	anchorClip = clip{colour: "red", width: 360, height: 640, hz: 440}
	firstClip  = clip{colour: "lime", width: 240, height: 320, hz: 1000}
	secondClip = clip{colour: "blue", width: 320, height: 240, hz: 1700, rate: 16000}
)

// The mini-program's layout on a picture of 360 by 640: tiles of 120 by 180 at the
// right edge, 60 above the bottom, stacked upwards.
var layout = []Input{
	{Stream: "live/anchor", Layer: 1},
	{Stream: "live/first", Layer: 2, X: 240, Y: 400, Width: 120, Height: 180},
	{Stream: "live/second", Layer: 3, X: 240, Y: 220, Width: 120, Height: 180},
}

func mixAll(t *testing.T, m *Mixer, inputs []Input, code int) {
	t.Helper()
	r, err := m.Mix(context.Background(), inputs[0].Stream, inputs)
	if err != nil || r.Code != code {
		t.Fatalf("Mix: %+v, %v; want code %d", r, err, code)
	}
}

// sees waits until the colours are where they belong.
func (v *viewer) sees(what string, colours map[[2]int]string) {
	v.t.Helper()
	defer func() {
		if v.t.Failed() {
			v.t.Logf("seen of %s: %s", what, v.describe(colours))
		}
	}()
	eventually(v.t, "the picture of "+what, func() bool {
		for at, want := range colours {
			if v.colourAt(at[0], at[1]) != want {
				return false
			}
		}
		return true
	})
}

// describe is what a failed wait for a picture says.
func (v *viewer) describe(where map[[2]int]string) string {
	seen := map[[2]int]string{}
	for at := range where {
		seen[at] = v.colourAt(at[0], at[1])
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return fmt.Sprintf("%v after %d pictures, timestamps %d ms; the connection has ended: %v %v", seen, v.frames, v.last, v.ended, v.why)
}

// hears waits until just these of the three tones sound.
func (v *viewer) hears(what string, tones ...float64) {
	v.t.Helper()
	defer func() {
		if v.t.Failed() {
			v.t.Logf("heard of %s: %s", what, v.levels())
		}
	}()
	wanted := map[float64]bool{}
	for _, hz := range tones {
		wanted[hz] = true
	}
	poll(v.t, 200*time.Millisecond, "the sound of "+what, func() bool {
		// A busy machine leaves holes; one quarter of a second without is enough.
		return slices.ContainsFunc(v.levelsOf(threeTones), func(levels []float64) bool {
			for i, l := range levels {
				if on := wanted[threeTones[i]]; on && (l < 0.15 || l > 0.35) || !on && l > 0.01 {
					return false
				}
			}
			return true
		})
	})
}

// connected fails if the player has lost its connection.
func (v *viewer) connected() {
	v.t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.ended {
		v.t.Error("a player lost its connection")
	}
}

var (
	allThree = map[[2]int]string{{100, 300}: "red", {300, 490}: "lime", {300, 310}: "blue", {300, 100}: "red", {300, 610}: "red",
		{248, 408}: "lime", {352, 572}: "lime", {248, 228}: "blue", {352, 392}: "blue", {228, 490}: "red"}
	anchorAlone = map[[2]int]string{{100, 300}: "red", {300, 490}: "red", {300, 310}: "red"}
)

func TestAudienceSeesAndHearsEveryone(t *testing.T) {
	r := newRegistry(t)
	m := newMixer(t, r, nil)
	publish(t, r, "live/anchor", anchorClip)
	v := watchAs(t, r, "live/anchor", true)
	v.sees("the anchor alone", anchorAlone)
	v.hears("the anchor alone", 440)

	publish(t, r, "live/first", firstClip)
	second := publish(t, r, "live/second", secondClip)
	mixAll(t, m, layout, CodeMixed)
	v.sees("all three", allThree)
	v.hears("all three", 440, 1000, 1700)
	low := watchAs(t, r, "live/anchor", false)
	low.sees("the anchor, for a player that is no audience", anchorAlone)
	low.hears("the anchor, for a player that is no audience", 440)
	low.close()
	if st := m.Stats(); st.Mixes != 1 || st.Pictures != 1 || st.Processes != 4 || st.Encoded == 0 {
		t.Errorf("stats %+v; want one mix of four processes", st)
	}
	late := watchAs(t, r, "live/anchor", true)
	late.sees("all three, for a latecomer", allThree)
	late.close()

	second.leave()
	v.sees("two", map[[2]int]string{{300, 490}: "lime", {300, 310}: "red"})
	v.hears("two", 440, 1000)
	mixAll(t, m, layout[:1], CodeMixed)
	v.sees("the anchor alone again", anchorAlone)
	v.hears("the anchor alone again", 440)
	eventually(t, "ffmpeg to stop", func() bool { return m.Stats().Processes == 0 })
	if st := m.Stats(); st.EncoderRestarts != 0 || st.CPU == 0 {
		t.Errorf("stats %+v; want no restarts and the processor time of before", st)
	}
	v.connected()
}
