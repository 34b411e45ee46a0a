package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
)

// The kinds of tag, which FLV and RTMP number alike.
const (
	tagAudio = 8
	tagVideo = 9
	tagData  = 18
)

// tag is an FLV tag or an RTMP media message: the same bytes in two envelopes. ts is in milliseconds.
type tag struct {
	kind byte
	ts   uint32
	body []byte
}

// isConfig reports an AVC or AAC sequence header.
func (t tag) isConfig() bool {
	switch t.kind {
	case tagVideo:
		return len(t.body) > 1 && t.body[0]&0x0f == 7 && t.body[1] == 0
	case tagAudio:
		return len(t.body) > 1 && t.body[0]>>4 == 10 && t.body[1] == 0
	}
	return false
}

// picture returns the NAL units of an AVC video tag, nil for any other.
func (t tag) picture() [][]byte {
	if t.kind != tagVideo || len(t.body) < 6 || t.body[0]&0x0f != 7 || t.body[1] != 1 {
		return nil
	}
	return splitAVCC(t.body[5:])
}

// isKeyframe reports a video tag that carries a key picture.
func (t tag) isKeyframe() bool { return t.kind == tagVideo && isKeyHead(t.body) }

func isKeyHead(body []byte) bool {
	return len(body) > 1 && body[0]>>4 == 1 && body[0]&0x0f == 7 && body[1] == 1
}

// aac returns the raw access unit of an AAC audio tag, nil for any other.
func (t tag) aac() []byte {
	if t.kind != tagAudio || len(t.body) < 3 || t.body[0]>>4 != 10 || t.body[1] != 1 {
		return nil
	}
	return t.body[2:]
}

var errNotFLV = errors.New("not an FLV stream: it does not start with the signature FLV")

// flvParser is fed an FLV stream in pieces of any size. It never blocks and allocates only where keep asks for a body.
type flvParser struct {
	// keep says whether a tag's body is wanted; others are skipped over.
	keep func(kind byte) bool
	// got is told of every whole tag. For a body that was not kept, body holds its first two bytes, which say what it is.
	got func(t tag)

	head [11]byte
	have int  // bytes of head gathered
	want int  // bytes of head needed for this stage
	open bool // inside a tag's body
	skip int  // bytes to pass over: header, previous tag size
	cur  tag
	kept bool
	left int
	peek [2]byte
}

const (
	flvHeader   = 9
	flvTagHead  = 11
	flvTagTrail = 4
)

func (p *flvParser) feed(b []byte) error {
	if p.want == 0 {
		p.want = flvHeader
	}
	for len(b) > 0 {
		if p.skip > 0 {
			n := min(p.skip, len(b))
			b, p.skip = b[n:], p.skip-n
			continue
		}
		if p.open {
			b = p.feedBody(b)
			continue
		}
		n := copy(p.head[p.have:p.want], b)
		b, p.have = b[n:], p.have+n
		if p.have < p.want {
			return nil
		}
		p.have = 0
		if p.want == flvHeader {
			if string(p.head[:3]) != "FLV" {
				return errNotFLV
			}
			p.want = flvTagHead
			p.skip = max(int(binary.BigEndian.Uint32(p.head[5:]))-flvHeader, 0) + flvTagTrail
			continue
		}
		h := p.head[:]
		p.left = int(h[1])<<16 | int(h[2])<<8 | int(h[3])
		p.cur = tag{kind: h[0] & 0x1f, ts: uint32(h[7])<<24 | uint32(h[4])<<16 | uint32(h[5])<<8 | uint32(h[6])}
		p.kept = p.keep(p.cur.kind)
		if p.kept {
			p.cur.body = make([]byte, 0, p.left)
		} else {
			p.cur.body = p.peek[:0]
		}
		p.open = true
		if p.left == 0 {
			p.finish()
		}
	}
	return nil
}

func (p *flvParser) feedBody(b []byte) []byte {
	n := min(p.left, len(b))
	if p.kept {
		p.cur.body = append(p.cur.body, b[:n]...)
	} else if room := cap(p.cur.body) - len(p.cur.body); room > 0 {
		p.cur.body = append(p.cur.body, b[:min(n, room)]...)
	}
	if p.left -= n; p.left == 0 {
		p.finish()
	}
	return b[n:]
}

func (p *flvParser) finish() {
	p.open, p.skip = false, flvTagTrail
	p.got(p.cur)
}

// readFLVFile returns every tag of a file.
func readFLVFile(name string) ([]tag, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var tags []tag
	p := flvParser{keep: func(byte) bool { return true }, got: func(t tag) { tags = append(tags, t) }}
	if err := p.feed(b); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(tags) == 0 {
		return nil, fmt.Errorf("%s: no tags", name)
	}
	return tags, nil
}
