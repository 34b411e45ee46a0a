package rtmp

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/yutopp/go-rtmp/message"
)

const (
	defaultChunkSize = 128
	// maxChunkStreams is how many chunk streams a peer may open. Real clients use
	// four to eight.
	maxChunkStreams = 64
	// growStep is what a message's buffer grows by at least, so that a header that
	// announces megabytes costs memory only as they arrive.
	growStep = 64 << 10
	// extended marks a timestamp field whose value follows in four bytes.
	extended = 0xffffff
)

func badInput(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrBadInput}, args...)...)
}

// chunkReader puts messages together from chunks (RTMP 5.3). It bounds a
// message's length, the number of chunk streams and the bytes buffered in all.
type chunkReader struct {
	r          *bufio.Reader
	maxMessage int
	chunkSize  int
	streams    map[uint32]*chunkStream
	buffered   int
}

type chunkStream struct {
	timestamp uint32
	delta     uint32
	length    int
	typ       message.TypeID
	streamID  uint32
	extended  bool
	extValue  uint32
	begun     bool // a message is under way
	body      []byte
}

func newChunkReader(r *bufio.Reader, maxMessage int) *chunkReader {
	return &chunkReader{r: r, maxMessage: maxMessage, chunkSize: defaultChunkSize, streams: map[uint32]*chunkStream{}}
}

// readMessage returns the next message. Set Chunk Size and Abort are obeyed here
// and not returned. The body is the caller's.
func (c *chunkReader) readMessage() (Message, error) {
	for {
		s, err := c.readChunk()
		if err != nil {
			return Message{}, err
		}
		if len(s.body) < s.length {
			continue
		}
		m := Message{Type: s.typ, StreamID: s.streamID, Timestamp: s.timestamp, Body: s.body}
		c.drop(s)
		switch m.Type {
		case typeChunkSize:
			err = c.setChunkSize(m.Body)
		case typeAbort:
			err = c.abort(m.Body)
		default:
			return m, nil
		}
		if err != nil {
			return Message{}, err
		}
	}
}

func (c *chunkReader) setChunkSize(b []byte) error {
	if len(b) < 4 {
		return badInput("set chunk size of %d bytes; want 4", len(b))
	}
	n := binary.BigEndian.Uint32(b) & 0x7fffffff
	if n == 0 {
		return badInput("chunk size 0; use 1 or more")
	}
	c.chunkSize = int(min(n, extended))
	return nil
}

func (c *chunkReader) abort(b []byte) error {
	if len(b) < 4 {
		return badInput("abort of %d bytes; want 4", len(b))
	}
	if s := c.streams[binary.BigEndian.Uint32(b)]; s != nil {
		c.drop(s)
	}
	return nil
}

func (c *chunkReader) drop(s *chunkStream) {
	c.buffered -= cap(s.body)
	s.body, s.begun = nil, false
}

// readChunk reads one chunk into its chunk stream.
func (c *chunkReader) readChunk() (*chunkStream, error) {
	format, id, err := c.basicHeader()
	if err != nil {
		return nil, err
	}
	s := c.streams[id]
	if s == nil {
		if format > 1 {
			return nil, badInput("chunk stream %d begins with a type %d chunk; begin with type 0", id, format)
		}
		if len(c.streams) >= maxChunkStreams {
			return nil, badInput("more than %d chunk streams", maxChunkStreams)
		}
		s = &chunkStream{}
		c.streams[id] = s
	}
	if err := c.messageHeader(s, format); err != nil {
		return nil, err
	}
	return s, c.payload(s)
}

// basicHeader reads a chunk's type and chunk stream id (RTMP 5.3.1.1).
func (c *chunkReader) basicHeader() (format byte, id uint32, err error) {
	b, err := c.r.ReadByte()
	if err != nil {
		return 0, 0, err
	}
	format, id = b>>6, uint32(b&0x3f)
	if id > 1 {
		return format, id, nil
	}
	lo, err := c.r.ReadByte()
	if err != nil {
		return 0, 0, midChunk(err)
	}
	if id == 0 {
		return format, 64 + uint32(lo), nil
	}
	hi, err := c.r.ReadByte()
	return format, 64 + uint32(lo) + uint32(hi)<<8, midChunk(err)
}

// messageHeader reads what a chunk of this type carries (RTMP 5.3.1.2) and
// begins a message, unless one is under way that a type 3 chunk goes on with.
func (c *chunkReader) messageHeader(s *chunkStream, format byte) error {
	var field uint32
	if format < 3 {
		if s.begun {
			c.drop(s)
		}
		var h [11]byte
		n := [...]int{11, 7, 3}[format]
		if _, err := io.ReadFull(c.r, h[:n]); err != nil {
			return midChunk(err)
		}
		field = uint24(h[:])
		if format < 2 {
			s.length, s.typ = int(uint24(h[3:])), message.TypeID(h[6])
		}
		if format == 0 {
			s.streamID = binary.LittleEndian.Uint32(h[7:])
		}
		s.extended = field == extended
	}
	if s.extended {
		v, err := c.extendedTimestamp(s, format)
		if err != nil {
			return err
		}
		field = v
	}
	if s.begun {
		return nil
	}
	switch format {
	case 0:
		// The delta of a type 3 chunk after this one is this timestamp: 5.3.1.2.4.
		s.timestamp, s.delta = field, field
	case 3:
		s.timestamp += s.delta
	default:
		s.delta = field
		s.timestamp += field
	}
	if s.length > c.maxMessage {
		return badInput("message of type %d has %d bytes; at most %d are taken here", s.typ, s.length, c.maxMessage)
	}
	s.begun = true
	return nil
}

// extendedTimestamp reads the four bytes after a header. A type 3 chunk repeats
// them, but some encoders leave them out, so there they are only taken when they
// are the same again.
func (c *chunkReader) extendedTimestamp(s *chunkStream, format byte) (uint32, error) {
	b, err := c.r.Peek(4)
	if err != nil {
		return 0, midChunk(err)
	}
	v := binary.BigEndian.Uint32(b)
	if format == 3 && v != s.extValue {
		return s.extValue, nil
	}
	s.extValue = v
	_, err = c.r.Discard(4)
	return v, err
}

// payload reads a chunk's share of its message.
func (c *chunkReader) payload(s *chunkStream) error {
	left := min(s.length-len(s.body), c.chunkSize)
	for left > 0 {
		at := len(s.body)
		if at == cap(s.body) {
			if err := c.grow(s); err != nil {
				return err
			}
		}
		n := min(left, cap(s.body)-at)
		s.body = s.body[:at+n]
		if _, err := io.ReadFull(c.r, s.body[at:]); err != nil {
			return midChunk(err)
		}
		left -= n
	}
	return nil
}

func (c *chunkReader) grow(s *chunkStream) error {
	size := min(s.length, max(growStep, 2*cap(s.body)))
	buffered := c.buffered + size - cap(s.body)
	if limit := 2 * c.maxMessage; buffered > limit {
		return badInput("unfinished messages would hold %d bytes; at most %d are buffered", buffered, limit)
	}
	c.buffered = buffered
	body := make([]byte, len(s.body), size)
	copy(body, s.body)
	s.body = body
	return nil
}

// midChunk turns an end of input inside a chunk into an unexpected one.
func midChunk(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func uint24(b []byte) uint32 { return uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2]) }
