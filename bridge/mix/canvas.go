package mix

import (
	"hutong/bridge/h264"
)

// canvas is the mixed picture's size, and by what the layout's pixels are divided
// to fit it.
type canvas struct {
	size
	divisor int
}

// maxCanvas is the pixels of the largest mixed picture, 1080p. The picture of a
// larger anchor is mixed at a half, a third, ... of its size.
const maxCanvas = 1920 * 1088

// defaultCanvas is that of a phone, until the anchor's is known.
var defaultCanvas = canvas{size{360, 640}, 1}

func canvasFor(v *h264.Config) canvas {
	if v == nil || v.Width <= 0 || v.Height <= 0 {
		return defaultCanvas
	}
	c := canvas{divisor: 1}
	for v.Width/c.divisor*(v.Height/c.divisor) > maxCanvas {
		c.divisor++
	}
	// x264 wants some pixels.
	c.size = size{max(16, even(v.Width/c.divisor)), max(16, even(v.Height/c.divisor))}
	return c
}

// fits tells whether an anchor of that configuration can go on with the canvas:
// phones change their size with the network, and keep the shape.
func (c canvas) fits(v *h264.Config) bool {
	if v == nil || v.Width <= 0 || v.Height <= 0 {
		return true
	}
	a, b := v.Width*c.height, v.Height*c.width
	return c.divisor > 0 && a*100 <= b*104 && b*100 <= a*104
}

// tile is the size of an input's tile.
func (c canvas) tile(place Input) size {
	if c.divisor == 0 {
		c = defaultCanvas
	}
	if place.Width == 0 || place.Height == 0 {
		return c.size
	}
	return size{even(min(place.Width/c.divisor, c.width)), even(min(place.Height/c.divisor, c.height))}
}
