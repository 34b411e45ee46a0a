package testmedia

// The picture is a grid of Columns by Rows cells in relative coordinates, so the
// same layout is read at any size and after any scaling:
//
//	rows 0 and 1     the strip: 32 black or white cells
//	rows 2 to 11     the field: blocks whose luma follows the counter
//	last two rows, last four columns: the flash, dark except in a flash
//
// Strip cells, in reading order: white, black, 16 cells of Gray-coded counter
// (most significant first), 8 cells of checksum, the pattern 0110, black, white.
const (
	Columns = 16
	Rows    = 12

	stripCells   = 2 * Columns
	counterFirst = 2
	counterBits  = 16
	sumFirst     = counterFirst + counterBits
	sumBits      = 8
	patternFirst = sumFirst + sumBits

	flashColumn = Columns - 4
	flashRow    = Rows - 2
)

// MaxCounter is the number of distinct frame counters; counters wrap there.
const MaxCounter = 1 << counterBits

// Luma and chroma levels of the drawing, in limited-range 8-bit samples.
const (
	lumaBlack = 16
	lumaWhite = 235
	lumaDark  = 72
	lumaLight = 176
	chromaOff = 22
)

// FieldBlocks is the number of field blocks a reader checks in each picture.
const FieldBlocks = Columns*(Rows-2) - 4*2

func checksum(counter int) int { return (counter*31 + (counter>>8)*17 + 85) & 0xff }

// stripBits gives the 32 strip cells of a counter, true for white.
func stripBits(counter int) (cells [stripCells]bool) {
	cells[0], cells[stripCells-1] = true, true
	gray := counter ^ counter>>1
	for i := range counterBits {
		cells[counterFirst+i] = gray>>(counterBits-1-i)&1 == 1
	}
	sum := checksum(counter)
	for i := range sumBits {
		cells[sumFirst+i] = sum>>(sumBits-1-i)&1 == 1
	}
	cells[patternFirst+1], cells[patternFirst+2] = true, true
	return cells
}

// block is what one field block must show.
type block struct {
	light      bool // luma, toggles every 6 to 9 frames
	uHigh, vHi bool // chroma, fixed per position
}

// fieldBlock derives a block from the counter and its position. Each frame
// toggles about one block in eight, so a part concealed from an earlier frame
// disagrees with the counter at once, while the bitrate stays low.
func fieldBlock(counter, column, row int) block {
	h := uint32(row*Columns+column+1) * 2654435761 >> 8
	period := 6 + int(h%4)
	phase := column*5 + row*3 // spread, so that every frame toggles blocks everywhere
	step := (counter + phase) / period
	return block{
		light: (step^int(h>>10))&1 == 1,
		uHigh: h>>12&1 == 1,
		vHi:   h>>13&1 == 1,
	}
}

func inFlash(column, row int) bool { return row >= flashRow && column >= flashColumn }
