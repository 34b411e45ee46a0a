package mix

import (
	"strings"
	"testing"
	"time"

	"hutong/bridge/h264"
)

func TestLayCutsWhatIsOutside(t *testing.T) {
	canvas := size{8, 6}
	for _, test := range []struct {
		x, y int
		want string // luma, row by row; # is the tile
	}{
		{2, 2, "........ ........ ..####.. ..####.. ........ ........"},
		{6, 4, "........ ........ ........ ........ ......## ......##"},
		{-2, 0, "##...... ##...... ........ ........ ........ ........"},
		{3, 3, "........ ........ ..####.. ..####.. ........ ........"}, // even
		{8, 0, "........ ........ ........ ........ ........ ........"},
		{0, -40, "........ ........ ........ ........ ........ ........"},
	} {
		dst := make([]byte, canvas.bytes())
		black(dst, canvas)
		tile := &picture{size: size{4, 2}, pix: make([]byte, size{4, 2}.bytes())}
		for i := range tile.pix {
			tile.pix[i] = 200
		}
		lay(dst, canvas, tile, test.x, test.y)
		var rows []string
		for y := range canvas.height {
			row := ""
			for x := range canvas.width {
				luma := dst[y*canvas.width+x] == 200
				chroma := dst[48+y/2*4+x/2] == 200
				if luma != chroma || chroma != (dst[60+y/2*4+x/2] == 200) {
					t.Fatalf("at %d, %d: luma and chroma disagree at %d, %d", test.x, test.y, x, y)
				}
				row += map[bool]string{true: "#", false: "."}[luma]
			}
			rows = append(rows, row)
		}
		if got := strings.Join(rows, " "); got != test.want {
			t.Errorf("at %d, %d:\n%s, want\n%s", test.x, test.y, got, test.want)
		}
	}
}

func TestGalleryShowsWhatIsDue(t *testing.T) {
	var g gallery
	for n := range 20 {
		g.add(&picture{size: size{2, 2}, pix: g.blank(6), pts: time.Duration(n) * 40 * ms})
	}
	if len(g.waiting) != maxWaiting {
		t.Fatalf("%d pictures wait", len(g.waiting))
	}
	if p := g.turn(0); p == nil || p.pts != 7*40*ms {
		t.Errorf("of too many pictures the oldest are shown: %+v", p)
	}
	if p := g.turn(10*40*ms + 39*ms); p.pts != 10*40*ms {
		t.Errorf("at 439 ms the picture of %v is shown", p.pts)
	}
	if p := g.turn(time.Hour); p.pts != 19*40*ms || len(g.waiting) != 0 {
		t.Errorf("in the end the picture of %v is shown and %d wait", p.pts, len(g.waiting))
	}
}

func TestCanvas(t *testing.T) {
	of := func(w, h int) *h264.Config { return &h264.Config{Width: w, Height: h} }
	for _, test := range []struct {
		v    *h264.Config
		want canvas
	}{
		{nil, defaultCanvas},
		{of(360, 640), canvas{size{360, 640}, 1}},
		{of(361, 641), canvas{size{360, 640}, 1}},
		{of(1920, 1080), canvas{size{1920, 1080}, 1}},
		{of(3840, 2160), canvas{size{1920, 1080}, 2}},
		{of(2, 2), canvas{size{16, 16}, 1}},
		{of(16896, 16896), canvas{size{1408, 1408}, 12}},
	} {
		if got := canvasFor(test.v); got != test.want {
			t.Errorf("%+v: %+v, want %+v", test.v, got, test.want)
		}
	}
	c := canvasFor(of(360, 640))
	for _, v := range []*h264.Config{of(288, 512), of(540, 960), of(368, 640), nil} {
		if !c.fits(v) {
			t.Errorf("%+v needs another canvas", v)
		}
	}
	if c.fits(of(640, 360)) || c.fits(of(480, 640)) {
		t.Error("another shape fits")
	}
	for place, want := range map[Input]size{
		{Width: 120, Height: 180}: {120, 180}, {Width: 121, Height: 181}: {120, 180}, {}: {360, 640},
		{Width: 4096, Height: 4096}: {360, 640}, {Width: 1, Height: 1}: {2, 2}, {Width: 0, Height: 10}: {360, 640},
	} {
		if got := c.tile(place); got != want {
			t.Errorf("%+v: a tile of %+v, want %+v", place, got, want)
		}
	}
}

func FuzzParsePTS(f *testing.F) {
	f.Add("frame:12   pts:2050    pts_time:2.05\n")
	f.Add("frame:0    pts:NOPTS   pts_time:NOPTS\n")
	f.Add("t=1\n")
	f.Add("frame: pts:-5 pts_time")
	f.Fuzz(func(t *testing.T, line string) {
		if d, ok := parsePTS(line); ok && (d%ms != 0 || d > 1<<40*ms || d < -1<<40*ms) {
			t.Errorf("%q is %v", line, d)
		}
	})
	if d, ok := parsePTS("frame:12   pts:2050    pts_time:2.05\n"); !ok || d != 2050*ms {
		f.Errorf("2050 is %v, %v", d, ok)
	}
}

func TestThriftSkipsPictures(t *testing.T) {
	th := thrift{every: 1}
	for range 10 {
		th.judge(2, 1)
	}
	if th.every != thriftMost {
		t.Errorf("at twice the limit every %dth picture is encoded", th.every)
	}
	th.judge(0.8, 1)
	if th.every != thriftMost {
		t.Errorf("just below the limit it goes to every %dth", th.every)
	}
	for range 10 {
		th.judge(0.1, 1)
	}
	if th.every != 1 {
		t.Errorf("far below the limit every %dth is encoded", th.every)
	}
}
