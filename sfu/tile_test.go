package sfu

import "testing"

func TestTilePicksLayer(t *testing.T) {
	landscape := [maxLayers][2]int{{320, 180}, {640, 360}, {1280, 720}}
	portrait := [maxLayers][2]int{{180, 320}, {360, 640}, {720, 1280}}
	for _, x := range []struct {
		name   string
		layers [maxLayers][2]int
		tile   Tile
		want   int
	}{
		{"no size wants the best", landscape, Tile{}, 2},
		{"one side is none", landscape, Tile{Height: 90}, 2},
		{"a thumbnail", landscape, Tile{Width: 160, Height: 90}, 0},
		{"as large as the layer", landscape, Tile{Width: 320, Height: 180}, 0},
		{"a little larger", landscape, Tile{Width: 350, Height: 197}, 0},
		{"larger", landscape, Tile{Width: 360, Height: 202}, 1},
		{"an upright tile that shows all", landscape, Tile{Width: 420, Height: 500}, 1},
		{"an upright tile that is filled", landscape, Tile{Width: 420, Height: 500, Cover: true}, 2},
		{"a small upright tile that is filled", landscape, Tile{Width: 170, Height: 300, Cover: true}, 1},
		{"a flat tile that shows all", landscape, Tile{Width: 1000, Height: 180}, 0},
		{"a flat tile that is filled", landscape, Tile{Width: 600, Height: 180, Cover: true}, 1},
		{"larger than the best", landscape, Tile{Width: 4000, Height: 3000, Cover: true}, 2},
		{"a phone in a lying tile", portrait, Tile{Width: 640, Height: 360}, 1},
		{"a phone that fills a lying tile", portrait, Tile{Width: 380, Height: 214, Cover: true}, 1},
		{"a phone in an upright tile", portrait, Tile{Width: 180, Height: 320}, 0},
		{"a square of a phone", portrait, Tile{Width: 400, Height: 400, Cover: true}, 2},
	} {
		s := &simulcast{newest: 1}
		for i, size := range x.layers {
			s.layers[i].lastAt, s.layers[i].width, s.layers[i].height = 1, size[0], size[1]
		}
		want := kinds + x.want
		if x.want == maxLayers-1 {
			want = int(Video)
		}
		if got := s.pick(x.tile, 0, int(Video)); got != want {
			t.Errorf("%s: %+v gets lane %d, want %d", x.name, x.tile, got, want)
		}
		if got := s.pick(x.tile, 2, int(Video)); got != kinds {
			t.Errorf("%s: a poor connection gets lane %d", x.name, got)
		}
	}
}

func TestViewerAudioOffAndOn(t *testing.T) {
	s := newSFU(t)
	b := broadcast(t, "live/quiet", 1_000_000, 100)
	c := newViewerClient(t, s, clientOptions{})
	mustDo(t, c.v.Add("u", b.src, ViewOptions{Audio: true, Video: true}))
	c.v.SetAudio("nobody", false)
	eventually(t, "audio", func() bool { return c.count("u", Audio) > 10 })
	c.mu.Lock()
	offers := len(c.offers)
	c.mu.Unlock()
	c.v.SetAudio("u", false)
	sent, video := c.v.KeyStats()["u"].Audio.Packets, c.count("u", Video)
	eventually(t, "video to go on", func() bool { return c.count("u", Video) > video+20 })
	if now := c.v.KeyStats()["u"].Audio.Packets; now != sent {
		t.Errorf("%d audio packets were sent while off", now-sent)
	}
	off := c.count("u", Audio)
	c.v.SetAudio("u", true)
	eventually(t, "audio again", func() bool { return c.count("u", Audio) > off+10 })
	packets := c.got("u", Audio)
	if packets[off].SequenceNumber != packets[off-1].SequenceNumber+1 {
		t.Errorf("audio goes on with number %d after %d", packets[off].SequenceNumber, packets[off-1].SequenceNumber)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.offers) != offers {
		t.Errorf("%d offers for switching audio", len(c.offers)-offers)
	}
}
