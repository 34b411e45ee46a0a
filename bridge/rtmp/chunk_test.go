package rtmp

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"testing"
)

func chunks(b []byte) *chunkReader {
	return newChunkReader(bufio.NewReader(bytes.NewReader(b)), 1<<20)
}

func TestType3AfterType0(t *testing.T) {
	// A type 3 chunk that begins a message after a type 0 one adds its timestamp
	// (5.3.1.2.4), and after a type 2 one its delta.
	in := []byte{
		4, 0, 0, 40, 0, 0, 1, 8, 1, 0, 0, 0, 'a',
		0xc4, 'b',
		0x84, 0, 0, 20, 'c',
		0xc4, 'd',
	}
	c := chunks(in)
	for i, want := range []uint32{40, 80, 100, 120} {
		m, err := c.readMessage()
		if err != nil || m.Timestamp != want || string(m.Body) != string(rune('a'+i)) {
			t.Errorf("message %d: %q at %d, %v; want %d", i, m.Body, m.Timestamp, err, want)
		}
	}
}

// TestLongMessageCostsWhatArrives announces a megabyte and sends little.
func TestLongMessageCostsWhatArrives(t *testing.T) {
	c := chunks(append([]byte{4, 0, 0, 0, 0x0f, 0, 0, 9, 1, 0, 0, 0}, make([]byte, 128)...))
	if _, err := c.readMessage(); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if c.buffered > growStep {
		t.Errorf("128 bytes of a megabyte hold %d", c.buffered)
	}
}
