package testmedia

import _ "embed"

// StripScript is the strip's reader and drawer in JavaScript. It defines
// window.hutongStrip with read(imageData), draw(ctx, width, height, counter,
// flash) and watch(video); see the comments in strip.js.
//
//go:embed strip.js
var StripScript string

// Sample is one picture a page read, as hutongStrip.watch records it.
type Sample struct {
	Counter   int     `json:"counter"`
	OK        bool    `json:"ok"`
	Bad       int     `json:"bad"`
	Flash     bool    `json:"flash"`
	Width     int     `json:"width"`
	Height    int     `json:"height"`
	Media     float64 `json:"media"`     // the frame's media time, seconds
	Shown     float64 `json:"shown"`     // expected display time, ms of performance.now()
	Presented int     `json:"presented"` // frames presented so far
}

// Strip is the sample without its times.
func (s Sample) Strip() Strip {
	return Strip{Counter: s.Counter, OK: s.OK, Bad: s.Bad, Flash: s.Flash}
}
