package rtmp

import (
	"bufio"
	"io"

	"github.com/yutopp/go-rtmp/handshake"
)

// handshakeConfig takes any echo: some clients send a second packet of their own.
var handshakeConfig = &handshake.Config{SkipHandshakeVerification: true}

// version is the first byte of plain RTMP (5.2.2).
const version = 3

// acceptHandshake does the server's side of the simple handshake (RTMP 5.2).
func acceptHandshake(r *bufio.Reader, w io.Writer) error {
	b, err := r.Peek(1)
	if err != nil {
		return err
	}
	if b[0] != version {
		return badInput("first byte is 0x%02x, want 0x%02x; is the client speaking RTMP to this port?", b[0], version)
	}
	p := turnTaking{r: r, w: bufio.NewWriterSize(w, 4<<10)}
	if err := handshake.HandshakeWithClient(p, p.w, handshakeConfig); err != nil {
		return midChunk(err)
	}
	return p.w.Flush()
}

// offerHandshake does the client's side.
func offerHandshake(r *bufio.Reader, w io.Writer) error {
	p := turnTaking{r: r, w: bufio.NewWriterSize(w, 4<<10)}
	if err := handshake.HandshakeWithServer(p, p.w, handshakeConfig); err != nil {
		return midChunk(err)
	}
	return p.w.Flush()
}

// turnTaking sends what was written whenever it is the peer's turn, so that the
// handshake's many small writes are three packets.
type turnTaking struct {
	r *bufio.Reader
	w *bufio.Writer
}

func (t turnTaking) Read(p []byte) (int, error) {
	if t.r.Buffered() == 0 {
		if err := t.w.Flush(); err != nil {
			return 0, err
		}
	}
	return t.r.Read(p)
}
