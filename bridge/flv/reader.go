package flv

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// ErrSyntax is wrapped by the errors of a [Reader] that mean the input is not FLV.
var ErrSyntax = errors.New("not FLV")

// Tag is one FLV tag.
type Tag struct {
	Type      TagType
	Timestamp uint32 // milliseconds, modulo 2^32
	Body      []byte
}

// Reader reads FLV tags. It does not read ahead of a tag's announced length, and
// refuses one that is longer than it was told.
type Reader struct {
	r      *bufio.Reader
	maxTag int
	begun  bool
	// HasVideo and HasAudio are the header's flags, known after the first Next.
	HasVideo, HasAudio bool
}

// NewReader returns a reader of tags whose bodies have maxTag bytes at most;
// zero means 4 MB.
func NewReader(r io.Reader, maxTag int) *Reader {
	if maxTag <= 0 {
		maxTag = 4 << 20
	}
	return &Reader{r: bufio.NewReaderSize(r, 32<<10), maxTag: maxTag}
}

// Next returns the next tag, or io.EOF after the last whole one. The body is the
// caller's. Tags of types that this package has no name for are skipped.
func (r *Reader) Next() (Tag, error) {
	if !r.begun {
		if err := r.header(); err != nil {
			return Tag{}, err
		}
		r.begun = true
	}
	for {
		t, err := r.tag()
		if err != nil {
			return Tag{}, err
		}
		switch t.Type {
		case TagAudio, TagVideo, TagScript:
			return t, nil
		}
	}
}

func (r *Reader) header() error {
	var h [9]byte
	if _, err := io.ReadFull(r.r, h[:]); err != nil {
		return fmt.Errorf("%w: %w in the file header", ErrSyntax, err)
	}
	if string(h[:3]) != "FLV" {
		return fmt.Errorf("%w: begins with % x; want \"FLV\"", ErrSyntax, h[:3])
	}
	r.HasAudio, r.HasVideo = h[4]&4 != 0, h[4]&1 != 0
	offset := binary.BigEndian.Uint32(h[5:])
	if offset < 9 || offset > 1<<10 {
		return fmt.Errorf("%w: data offset %d; want 9", ErrSyntax, offset)
	}
	if _, err := r.r.Discard(int(offset) - 9 + 4); err != nil {
		return fmt.Errorf("%w: %w in the file header", ErrSyntax, err)
	}
	return nil
}

func (r *Reader) tag() (Tag, error) {
	var h [tagHeaderSize]byte
	if _, err := io.ReadFull(r.r, h[:]); err != nil {
		return Tag{}, err
	}
	size := int(h[1])<<16 | int(h[2])<<8 | int(h[3])
	if size > r.maxTag {
		return Tag{}, fmt.Errorf("%w: tag of %d bytes; at most %d are taken", ErrSyntax, size, r.maxTag)
	}
	t := Tag{
		Type:      TagType(h[0]),
		Timestamp: uint32(h[7])<<24 | uint32(h[4])<<16 | uint32(h[5])<<8 | uint32(h[6]),
	}
	body, err := readBody(r.r, size)
	if err != nil {
		return Tag{}, err
	}
	t.Body = body
	if _, err := r.r.Discard(tagTrailer); err != nil && !errors.Is(err, io.EOF) {
		return Tag{}, err
	}
	return t, nil
}

// readBody reads n bytes, and takes memory for them as they arrive.
func readBody(r io.Reader, n int) ([]byte, error) {
	const step = 64 << 10
	body := make([]byte, 0, min(n, step))
	for len(body) < n {
		if len(body) == cap(body) {
			grown := make([]byte, len(body), min(n, 2*cap(body)))
			copy(grown, body)
			body = grown
		}
		at := len(body)
		body = body[:cap(body)]
		if _, err := io.ReadFull(r, body[at:]); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	return body, nil
}
