package sfu

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp"
)

func lastLayer(packets []*rtp.Packet) int {
	if len(packets) == 0 {
		return noLayer
	}

	return layerOfPayload(packets[len(packets)-1].Payload)
}

func TestSimulcastReachesPlayersAndTap(t *testing.T) {
	s := newSFU(t)
	src := NewSource("live/simulcast")
	defer src.Close()
	tap := src.Tap(TapOptions{Video: true, QueuePackets: 1 << 16})
	defer tap.Close()
	whep := newPlayer(t, s, src, clientOptions{})
	c := newSimulcastClient(t, s, src, 0) // a browser ramps up
	eventually(t, "the low layer", func() bool { return lastLayer(whep.got(Video)) == 0 })
	c.set(true, 1)
	eventually(t, "the middle layer", func() bool { return lastLayer(whep.got(Video)) == 1 })
	c.set(true, 2)
	eventually(t, "the high layer", func() bool { return lastLayer(whep.got(Video)) == 2 })
	st := c.pub.Stats()
	if st.Video.Layer != "h" || st.Video.Height != 720 || len(st.Layers) != 3 || st.Layers[0].Layer != "l" || st.Layers[0].Height != 180 {
		t.Errorf("stats %+v", st)
	}

	v := newViewerClient(t, s, clientOptions{})
	mustDo(t, v.v.Add("u", src, ViewOptions{Video: true}))
	layer := func() int { return lastLayer(v.got("u", Video)) }
	eventually(t, "the high layer in the viewer", func() bool { return layer() == 2 })
	for _, x := range []struct{ height, layer int }{{180, 0}, {300, 1}, {400, 2}, {100, 0}, {0, 2}} {
		v.v.SetVideo("u", true, Tile{Width: x.height * 16 / 9, Height: x.height})
		eventually(t, "the layer for "+itoa(x.height), func() bool { return layer() == x.layer })
	}
	v.v.SetVideo("u", true, Tile{Width: 320, Height: 180})
	eventually(t, "the low layer again", func() bool { return layer() == 0 })
	if st := v.v.KeyStats()["u"].Video; st.Layer != "l" || st.Height != 180 || st.Switches < 5 {
		t.Errorf("viewer's stats %+v", st)
	}

	c.set(false, 2) // the uplink has become thin
	eventually(t, "the middle layer instead", func() bool { return lastLayer(whep.got(Video)) == 1 })
	v.v.SetVideo("u", true, Tile{Width: 1280, Height: 720})
	eventually(t, "the best there is", func() bool { return layer() == 1 })
	c.end()

	if got, want := checkLayers(t, whep.got(Video)), []int{0, 1, 2, 1}; !slices.Equal(got, want) {
		t.Errorf("the player got layers %v, want %v", got, want)
	}
	if got, want := checkLayers(t, v.got("u", Video)), []int{2, 0, 1, 2, 0, 2, 0, 1}; !slices.Equal(got, want) {
		t.Errorf("the viewer got layers %v, want %v", got, want)
	}
	// What is tapped is what a player gets.
	tapped := 0
	whepPackets := whep.got(Video)
	for tapped < len(whepPackets) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		p, err := tap.Read(ctx)
		cancel()
		mustDo(t, err)
		if w := whepPackets[tapped]; layerOfPayload(p.Payload) != layerOfPayload(w.Payload) || numberOfPayload(p.Payload) != numberOfPayload(w.Payload) {
			t.Fatalf("packet %d was tapped as layer %d, frame %d, played as %d, %d", tapped, layerOfPayload(p.Payload),
				numberOfPayload(p.Payload), layerOfPayload(w.Payload), numberOfPayload(w.Payload))
		}
		tapped++
	}
}

// TestSimulcastStaysWithWhatLasts has the uplink come and go: who gets the
// Source's own video, as phones do, gets a larger picture again only after a while.
func TestSimulcastStaysWithWhatLasts(t *testing.T) {
	s := newSFU(t)
	src := NewSource("live/thin")
	defer src.Close()
	player := newPlayer(t, s, src, clientOptions{})
	c := newSimulcastClient(t, s, src, 0, 1, 2)
	eventually(t, "the high layer", func() bool { return lastLayer(player.got(Video)) == 2 })
	c.set(false, 2)
	eventually(t, "the middle layer", func() bool { return lastLayer(player.got(Video)) == 1 })
	c.set(true, 2)
	eventually(t, "the high layer again", func() bool { return lastLayer(player.got(Video)) == 2 })
	c.end()
	order := checkLayers(t, player.got(Video))
	if n := len(order); n < 3 || !slices.Equal(order[n-3:], []int{2, 1, 2}) {
		t.Errorf("the player got layers %v", order)
	}
	l := &simulcast{active: 1, fell: int64(time.Hour)}
	for after, want := range map[time.Duration]bool{0: false, layerReturn - 1: false, layerReturn: true, time.Minute: true} {
		if got := l.climbs(2, int64(time.Hour+after)); got != want {
			t.Errorf("after %v a better layer is taken: %v", after, got)
		}
	}
	if l.climbs(0, int64(2*time.Hour)) {
		t.Error("a worse layer is taken for a better one")
	}
}

// TestSimulcastTimelineIsOne: timestamps tell how far frames of different layers
// are apart.
func TestSimulcastTimelineIsOne(t *testing.T) {
	s := newSFU(t)
	src := NewSource("live/timeline")
	defer src.Close()
	c := newSimulcastClient(t, s, src, 0, 1, 2)
	v := newViewerClient(t, s, clientOptions{})
	mustDo(t, v.v.Add("u", src, ViewOptions{Video: true}))
	for i, height := range []int{180, 720, 360, 180} {
		v.v.SetVideo("u", true, Tile{Width: height * 16 / 9, Height: height})
		want := []int{0, 2, 1, 0}[i]
		eventually(t, "a layer", func() bool { return lastLayer(v.got("u", Video)) == want })
	}
	n := v.count("u", Video)
	eventually(t, "some more", func() bool { return v.count("u", Video) > n+100 })
	c.end()
	packets := v.got("u", Video)
	checkLayers(t, packets)
	first, last := packets[len(packets)/20], packets[len(packets)-1]
	media := time.Duration(numberOfPayload(last.Payload)-numberOfPayload(first.Payload)) * 10 * time.Millisecond
	stamped := ticksToDuration(int64(last.Timestamp-first.Timestamp), 90000)
	if d := (stamped - media).Abs(); d > 150*time.Millisecond {
		t.Errorf("timestamps say %v, the frames are %v apart", stamped, media)
	}
}

func TestSimulcastLayersOfOffers(t *testing.T) {
	for _, x := range []struct {
		simulcast string
		want      []string
	}{
		{"send l;m;h", []string{"l", "m", "h"}},
		{"send ~l;m,x;~h recv a;b", []string{"l", "m", "h"}},
		{"recv a;b send q;f", []string{"q", "f"}},
		{"send a;b;c;d", []string{"a", "b", "c"}},
		{"send a", nil},
		{"send a;a", nil},
		{"send ;;", nil},
		{"recv a;b", nil},
		{"send", nil},
		{"", nil},
	} {
		o, err := parseOffer(chromeSimulcast(x.simulcast), true)
		mustDo(t, err)
		if got := o.chosen(Video).rids; !slices.Equal(got, x.want) {
			t.Errorf("%q has layers %v, want %v", x.simulcast, got, x.want)
		}
	}
}
