package testmedia

import "fmt"

// FrameSize is the length in bytes of one I420 frame. Width and height are even.
func FrameSize(width, height int) int { return width * height * 3 / 2 }

// Draw fills an I420 frame of FrameSize(width, height) bytes with the picture of
// counter (modulo MaxCounter), lit if flash is set.
func Draw(frame []byte, width, height, counter int, flash bool) {
	if len(frame) != FrameSize(width, height) || width%2 != 0 || height%2 != 0 {
		panic(fmt.Sprintf("testmedia: a frame of %d bytes is not I420 %dx%d (even sides)", len(frame), width, height))
	}
	counter %= MaxCounter
	cells := stripBits(counter)
	y := plane{frame[:width*height], width, height}
	u := plane{frame[width*height:][:width*height/4], width / 2, height / 2}
	v := plane{frame[width*height*5/4:], width / 2, height / 2}
	for row := range Rows {
		for column := range Columns {
			luma, cb, cr := byte(lumaBlack), byte(128), byte(128)
			switch {
			case row < 2:
				if cells[row*Columns+column] {
					luma = lumaWhite
				}
			case inFlash(column, row):
				if flash {
					luma = lumaWhite
				}
			default:
				b := fieldBlock(counter, column, row)
				luma = pick(b.light, lumaLight, lumaDark)
				cb = pick(b.uHigh, 128+chromaOff, 128-chromaOff)
				cr = pick(b.vHi, 128+chromaOff, 128-chromaOff)
			}
			y.fill(column, row, luma)
			u.fill(column, row, cb)
			v.fill(column, row, cr)
		}
	}
}

func pick(yes bool, a, b byte) byte {
	if yes {
		return a
	}
	return b
}

// plane is one plane of a frame, addressed by grid cell.
type plane struct {
	pix           []byte
	width, height int
}

func (p plane) fill(column, row int, value byte) {
	x0, x1 := column*p.width/Columns, (column+1)*p.width/Columns
	y0, y1 := row*p.height/Rows, (row+1)*p.height/Rows
	for yy := y0; yy < y1; yy++ {
		line := p.pix[yy*p.width+x0 : yy*p.width+x1]
		for i := range line {
			line[i] = value
		}
	}
}
