package sfu

// Tile is where a client shows a video, in pixels of its screen. The zero Tile
// wants the best there is, and so does a side that is 0.
type Tile struct {
	Width, Height int
	// Cover says that the picture fills the tile and what is too much is cut off.
	// Otherwise all of it is shown within the tile.
	Cover bool
}

// mostEnlarged is by how much a picture may be enlarged, in percent, before a
// larger layer is sent: nobody sees a tenth.
const mostEnlarged = 110

// served reports whether a picture of this size is large enough for the tile.
// One whose size is not known is not.
func (t Tile) served(width, height int) bool {
	if t.Width <= 0 || t.Height <= 0 || width <= 0 || height <= 0 {
		return false
	}
	wide, high := t.Width*100 <= width*mostEnlarged, t.Height*100 <= height*mostEnlarged
	if t.Cover {
		return wide && high
	}

	return wide || high
}
