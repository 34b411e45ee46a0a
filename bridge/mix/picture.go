package mix

import "time"

// size is a picture's in pixels, both sides even.
type size struct{ width, height int }

// even rounds down to what 4:2:0 can show, 2 at least.
func even(n int) int { return max(2, n&^1) }

func (s size) bytes() int { return s.width * s.height * 3 / 2 }

// picture is one decoded picture, I420.
type picture struct {
	size
	pix []byte
	pts time.Duration // on its input's timeline
}

// black fills an I420 picture.
func black(pix []byte, s size) {
	n := s.width * s.height
	for i := range pix[:n] {
		pix[i] = 16
	}
	for i := n; i < len(pix); i++ {
		pix[i] = 128
	}
}

// lay copies src into dst with its upper left corner at x, y, which are rounded
// down to even; what lies outside dst is cut off.
func lay(dst []byte, canvas size, src *picture, x, y int) {
	x, y = x&^1, y&^1
	dn, sn := canvas.width*canvas.height, src.width*src.height
	layPlane(dst[:dn], canvas, src.pix[:sn], src.size, x, y)
	halfCanvas, half := size{canvas.width / 2, canvas.height / 2}, size{src.width / 2, src.height / 2}
	layPlane(dst[dn:dn*5/4], halfCanvas, src.pix[sn:sn*5/4], half, x/2, y/2)
	layPlane(dst[dn*5/4:dn*3/2], halfCanvas, src.pix[sn*5/4:sn*3/2], half, x/2, y/2)
}

func layPlane(dst []byte, canvas size, src []byte, s size, x, y int) {
	from, to := max(0, -x), min(s.width, canvas.width-x)
	if from >= to {
		return
	}
	for row := max(0, -y); row < s.height && y+row < canvas.height; row++ {
		copy(dst[(y+row)*canvas.width+x+from:], src[row*s.width+from:row*s.width+to])
	}
}

// gallery is an input's pictures that wait for their time, and the one that is
// shown. It is guarded by its input.
type gallery struct {
	waiting []*picture
	shown   *picture
	free    [][]byte
}

// maxWaiting bounds the decoded pictures of one input: 400 ms of 30 a second.
const maxWaiting = 12

func (g *gallery) add(p *picture) {
	if len(g.waiting) >= maxWaiting {
		g.show(g.waiting[0])
		g.waiting = append(g.waiting[:0], g.waiting[1:]...)
	}
	g.waiting = append(g.waiting, p)
}

// turn shows the newest picture that is due by the input's own media time.
func (g *gallery) turn(media time.Duration) *picture {
	n := 0
	for n < len(g.waiting) && g.waiting[n].pts <= media {
		g.show(g.waiting[n])
		n++
	}
	if n > 0 {
		g.waiting = append(g.waiting[:0], g.waiting[n:]...)
	}
	return g.shown
}

func (g *gallery) show(p *picture) {
	if g.shown != nil && len(g.free) < maxWaiting {
		g.free = append(g.free, g.shown.pix)
	}
	g.shown = p
}

// blank returns memory for a picture.
func (g *gallery) blank(bytes int) []byte {
	for n := len(g.free) - 1; n >= 0; n-- {
		pix := g.free[n]
		g.free = g.free[:n]
		if len(pix) == bytes {
			return pix
		}
	}
	return make([]byte, bytes)
}

// clear forgets all pictures.
func (g *gallery) clear() { *g = gallery{} }
