package testmedia

// Strip is what a reader found in one picture.
type Strip struct {
	Counter int  // the frame counter, meaningful if OK
	OK      bool // references, pattern and checksum all agree
	Bad     int  // field blocks that disagree with the counter, of FieldBlocks
	Flash   bool // the flash area is lit
}

// badLimit is how many field blocks compression alone may turn.
const badLimit = 1

// Damaged reports that the strip is unreadable or that part of the picture does
// not belong to its counter: concealment, a missing slice, a wrong reference.
func (s Strip) Damaged() bool { return !s.OK || s.Bad > badLimit }

// Samples per cell and axis, all inside the middle half of the cell.
const grid = 6

// samples visits grid*grid points of a cell.
func (p plane) samples(column, row int, visit func(value byte)) {
	for j := range grid {
		y := ((row*4+1)*2*grid + (2*j+1)*2) * p.height / (Rows * 8 * grid)
		for i := range grid {
			x := ((column*4+1)*2*grid + (2*i+1)*2) * p.width / (Columns * 8 * grid)
			visit(p.pix[y*p.width+x])
		}
	}
}

func (p plane) mean(column, row int) int {
	sum := 0
	p.samples(column, row, func(v byte) { sum += int(v) })
	return sum / (grid * grid)
}

// ReadI420 reads one decoded I420 frame.
func ReadI420(frame []byte, width, height int) Strip {
	y := plane{frame[:width*height], width, height}
	u := plane{frame[width*height:][:width*height/4], width / 2, height / 2}
	v := plane{frame[width*height*5/4:][:width*height/4], width / 2, height / 2}

	var levels [stripCells]int
	for i := range levels {
		levels[i] = y.mean(i%Columns, i/Columns)
	}
	white := (levels[0] + levels[stripCells-1]) / 2
	black := (levels[1] + levels[stripCells-2]) / 2
	if white-black < 60 {
		return Strip{}
	}
	var bits [stripCells]bool
	for i, level := range levels {
		t := (level - black) * 100 / (white - black)
		if t > 35 && t < 65 {
			return Strip{}
		}
		bits[i] = t > 50
	}
	s := Strip{Counter: number(bits[counterFirst:][:counterBits])}
	for shift := 1; shift < counterBits; shift *= 2 { // Gray to binary
		s.Counter ^= s.Counter >> shift
	}
	if bits != stripBits(s.Counter) {
		return Strip{}
	}
	s.OK = true
	middle := (white + black) / 2
	s.Flash = y.mean(Columns-2, Rows-1) > middle

	for row := 2; row < Rows; row++ {
		for column := range Columns {
			if inFlash(column, row) {
				continue
			}
			want, wrong := fieldBlock(s.Counter, column, row), 0
			y.samples(column, row, func(v byte) {
				if (int(v) > middle) != want.light {
					wrong++
				}
			})
			if wrong > grid*grid/4 || hue(u.mean(column, row)) != sign(want.uHigh) || hue(v.mean(column, row)) != sign(want.vHi) {
				s.Bad++
			}
		}
	}
	return s
}

func number(bits []bool) (n int) {
	for _, b := range bits {
		n <<= 1
		if b {
			n |= 1
		}
	}
	return n
}

func sign(high bool) int {
	if high {
		return 1
	}
	return -1
}

// hue is the side of neutral a chroma level is on, 0 when it is too close to say.
func hue(level int) int {
	switch {
	case level > 128+chromaOff/4:
		return 1
	case level < 128-chromaOff/4:
		return -1
	}
	return 0
}
