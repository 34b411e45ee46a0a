package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// chart is a plot of what one unit costs as units are added.
type chart struct {
	file, title  string
	x, y         string // what the axes say
	key, against string // fields of a line: y and x
	series       []series
}

// series are the lines whose measure, and kind where one is set, are these.
type series struct{ name, measure, kind string }

var charts = []chart{
	{"players.svg", "CPU of one more player", "players of one stream of 1.6 Mb/s", "ms of CPU a player and second", "cpu_ms_player_s", "n",
		[]series{{"WHEP", "whep-rtmp", ""}, {"HTTP-FLV, live path", "flv-live", ""}, {"RTMP, live path", "rtmp-live", ""}}},
	{"packets.svg", "CPU of one packet to one player", "WHEP players of one stream", "us of CPU", "cpu_us_packet", "n",
		[]series{{"from RTMP", "whep-rtmp", ""}, {"from WHIP", "whep-whip", ""}}},
	{"megabit.svg", "CPU of one megabit sent", "players of one stream of 1.6 Mb/s", "ms of CPU a Mbit", "cpu_ms_mbit", "n",
		[]series{{"WHEP", "whep-rtmp", ""}, {"HTTP-FLV, live path", "flv-live", ""}, {"RTMP, live path", "rtmp-live", ""}}},
	{"rooms.svg", "CPU of one room of two", "rooms", "ms of CPU a room and second", "cpu_ms_room_s", "rooms",
		[]series{{"call: pictures and sound", "rooms-call", mediaCall}, {"pictures only", "rooms-video", mediaVideo}, {"nobody sends", "rooms-none", mediaNone}}},
}

type point struct{ x, y float64 }

// points are those of one series, the median where a place was measured more than once.
func (c chart) points(s series, lines []line) (out []point) {
	at := map[float64][]float64{}
	for _, l := range lines {
		if l["measure"] != s.measure || s.kind != "" && l["kind"] != s.kind {
			continue
		}
		x, ok := l.number(c.against)
		y, ok2 := l.number(c.key)
		if ok && ok2 && x > 0 {
			at[x] = append(at[x], y)
		}
	}
	for x, ys := range at {
		out = append(out, point{x, median(ys)})
	}
	slices.SortFunc(out, func(a, b point) int { return int(math.Copysign(1, a.x-b.x)) })
	return out
}

// plot draws every chart that has points into a directory and names the files.
func plot(lines []line, dir string) (files []string, err error) {
	for _, c := range charts {
		drawn, any := c.draw(lines)
		if !any {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, c.file), []byte(drawn), 0o644); err != nil {
			return files, err
		}
		files = append(files, c.file)
	}
	return files, nil
}

// The picture's size and the space around what is drawn, in pixels.
const (
	plotWidth, plotHeight   = 720, 400
	plotLeft, plotRight     = 70, 20
	plotTop, plotBottom     = 44, 60
	plotInnerW, plotInnerH  = plotWidth - plotLeft - plotRight, plotHeight - plotTop - plotBottom
	plotText                = "#24292f"
	plotGrid                = "#d0d7de"
	plotFont                = "font-family='sans-serif' font-size='12'"
	plotLegendX, plotLegend = plotWidth - 210, 18 // costs fall with growth, so the top right is free
)

// The colours are told apart by those who see red and green alike.
var plotColours = []string{"#0072b2", "#d55e00", "#009e73"}

// draw makes the picture: x on a logarithmic scale, y from zero.
func (c chart) draw(lines []line) (svg string, any bool) {
	low, high, top := math.Inf(1), math.Inf(-1), 0.0
	all := make([][]point, len(c.series))
	for i, s := range c.series {
		all[i] = c.points(s, lines)
		for _, p := range all[i] {
			low, high, top = min(low, p.x), max(high, p.x), max(top, p.y)
		}
	}
	if top == 0 || high <= low {
		return "", false
	}
	step := niceStep(top)
	top = math.Ceil(top/step) * step
	x := func(v float64) float64 {
		return plotLeft + plotInnerW*(math.Log(v)-math.Log(low))/(math.Log(high)-math.Log(low))
	}
	y := func(v float64) float64 { return plotTop + plotInnerH*(1-v/top) }

	var b strings.Builder
	fmt.Fprintf(&b, "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 %d %d' role='img' aria-label='%s'>\n", plotWidth, plotHeight, c.title)
	fmt.Fprintf(&b, "<rect width='%d' height='%d' fill='white'/>\n", plotWidth, plotHeight)
	fmt.Fprintf(&b, "<g fill='%s' %s>\n<text x='%d' y='24' font-size='15' font-weight='bold'>%s</text>\n", plotText, plotFont, plotLeft, c.title)
	for v := 0.0; v <= top*1.001; v += step {
		fmt.Fprintf(&b, "<path d='M%d %.1fh%d' stroke='%s'/><text x='%d' y='%.1f' text-anchor='end'>%s</text>\n",
			plotLeft, y(v), plotInnerW, plotGrid, plotLeft-8, y(v)+4, number(v))
	}
	for _, v := range places(all) {
		fmt.Fprintf(&b, "<path d='M%.1f %dv5' stroke='%s'/><text x='%.1f' y='%d' text-anchor='middle'>%s</text>\n",
			x(v), plotTop+plotInnerH, plotText, x(v), plotTop+plotInnerH+20, number(v))
	}
	fmt.Fprintf(&b, "<text x='%d' y='%d' text-anchor='middle'>%s</text>\n", plotLeft+plotInnerW/2, plotHeight-16, c.x)
	fmt.Fprintf(&b, "<text transform='translate(18 %d) rotate(-90)' text-anchor='middle'>%s</text>\n", plotTop+plotInnerH/2, c.y)
	row := 0
	for i, s := range c.series {
		if len(all[i]) == 0 {
			continue
		}
		colour := plotColours[i%len(plotColours)]
		path := strings.Builder{}
		for n, p := range all[i] {
			fmt.Fprintf(&path, "%c%.1f %.1f", "ML"[min(n, 1)], x(p.x), y(p.y))
			fmt.Fprintf(&b, "<circle cx='%.1f' cy='%.1f' r='3.5' fill='%s'/>\n", x(p.x), y(p.y), colour)
		}
		fmt.Fprintf(&b, "<path d='%s' fill='none' stroke='%s' stroke-width='2'/>\n", path.String(), colour)
		at := plotTop + 14 + plotLegend*row
		fmt.Fprintf(&b, "<path d='M%d %dh20' stroke='%s' stroke-width='2'/><text x='%d' y='%d'>%s</text>\n", plotLegendX, at-4, colour, plotLegendX+26, at, s.name)
		row++
	}
	b.WriteString("</g>\n</svg>\n")
	return b.String(), true
}

// places are the x of all points, once each.
func places(all [][]point) (out []float64) {
	for _, points := range all {
		for _, p := range points {
			out = append(out, p.x)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// niceStep is 1, 2 or 5 times a power of ten, so that four to ten of it make top.
func niceStep(top float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(top)))
	for _, s := range []float64{0.1, 0.2, 0.5, 1} {
		if top/(unit*s) <= 8 {
			return unit * s
		}
	}
	return unit
}
