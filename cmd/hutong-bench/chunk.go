package main

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// RTMP message types, from the RTMP 1.0 specification sections 5.4 and 7.1.
const (
	msgSetChunkSize  = 1
	msgAbort         = 2
	msgAck           = 3
	msgUserControl   = 4
	msgWindowAckSize = 5
	msgPeerBandwidth = 6
	msgAMF0Command   = 20
)

// message is one RTMP message; streamID is 0 for the connection itself.
type message struct {
	tag
	streamID uint32
}

var errChunk = errors.New("malformed RTMP chunk")

// maxMessage bounds what a gateway may make the bench gather.
const maxMessage = 8 << 20

// chunkParser is fed the chunk stream of an RTMP peer in pieces of any size. Like flvParser it copies only the messages
// it is asked to keep; protocol messages are always kept.
type chunkParser struct {
	keep func(kind byte) bool
	// got is told of every whole message. A body that was not kept holds its first two bytes.
	got func(m message)

	size    int // the peer's chunk size
	streams map[uint32]*chunkStream
	head    [18]byte
	have    int
	cur     *chunkStream // the chunk whose payload is being read
	left    int          // of that payload
}

type chunkStream struct {
	m        message
	length   int
	missing  int // of the message in progress, 0 between messages
	kept     bool
	extended bool
	delta    uint32
	peek     [2]byte
}

func newChunkParser(keep func(byte) bool, got func(message)) *chunkParser {
	return &chunkParser{keep: keep, got: got, size: 128, streams: map[uint32]*chunkStream{}}
}

func (p *chunkParser) feed(b []byte) error {
	for len(b) > 0 {
		if p.cur != nil {
			b = p.feedPayload(b)
			continue
		}
		p.head[p.have] = b[0]
		p.have, b = p.have+1, b[1:]
		need, err := p.headLength()
		if err != nil {
			return err
		}
		if p.have < need {
			continue
		}
		if err := p.begin(); err != nil {
			return err
		}
	}
	return nil
}

// basic returns a chunk's format, its stream and the length of its basic header, 0 when more bytes are needed to know
// (section 5.3.1.1).
func (p *chunkParser) basic() (format byte, id uint32, length int) {
	format, id, length = p.head[0]>>6, uint32(p.head[0]&0x3f), 1
	if id > 1 {
		return format, id, length
	}
	length = int(id) + 2
	if p.have < length {
		return format, 0, 0
	}
	if length == 2 {
		return format, uint32(p.head[1]) + 64, length
	}
	return format, uint32(p.head[2])<<8 + uint32(p.head[1]) + 64, length
}

// headLength returns how long the chunk's whole header is, as far as the bytes so far tell.
func (p *chunkParser) headLength() (int, error) {
	format, id, n := p.basic()
	if n == 0 {
		return p.have + 1, nil
	}
	rest := [4]int{11, 7, 3, 0}[format]
	if format == 3 {
		s := p.streams[id]
		if s == nil {
			return 0, fmt.Errorf("%w: type 3 on chunk stream %d, which has had no message", errChunk, id)
		}
		if s.extended {
			return n + 4, nil
		}
		return n, nil
	}
	if p.have >= n+3 && be24(p.head[n:]) == 0xffffff {
		rest += 4
	}
	return n + rest, nil
}

// begin acts on a whole chunk header (section 5.3.1.2).
func (p *chunkParser) begin() error {
	format, id, n := p.basic()
	h := p.head[n:p.have]
	p.have = 0
	s := p.streams[id]
	if s == nil {
		if format != 0 {
			return fmt.Errorf("%w: chunk stream %d begins with type %d, want 0", errChunk, id, format)
		}
		s = &chunkStream{}
		p.streams[id] = s
	}
	fresh := s.missing == 0
	if format < 3 {
		stamp := be24(h)
		if s.extended = stamp == 0xffffff; s.extended {
			stamp = binary.BigEndian.Uint32(h[len(h)-4:])
		}
		if format < 2 {
			s.length, s.m.kind = int(be24(h[3:])), h[6]
		}
		s.delta = stamp
		if format == 0 {
			s.m.streamID, s.m.ts = binary.LittleEndian.Uint32(h[7:]), stamp
		} else {
			s.m.ts += stamp
		}
		fresh = true
	} else if fresh {
		s.m.ts += s.delta
	}
	if fresh {
		if s.length > maxMessage {
			return fmt.Errorf("%w: a message of %d bytes, at most %d are read", errChunk, s.length, maxMessage)
		}
		s.missing = s.length
		s.kept = s.m.kind <= msgPeerBandwidth || p.keep(s.m.kind)
		s.m.body = s.peek[:0]
		if s.kept {
			s.m.body = make([]byte, 0, s.length)
		}
	}
	p.cur, p.left = s, min(s.missing, p.size)
	if p.left == 0 {
		p.feedPayload(nil)
	}
	return nil
}

func (p *chunkParser) feedPayload(b []byte) []byte {
	s := p.cur
	n := min(p.left, len(b))
	if s.kept {
		s.m.body = append(s.m.body, b[:n]...)
	} else if room := cap(s.m.body) - len(s.m.body); room > 0 {
		s.m.body = append(s.m.body, b[:min(n, room)]...)
	}
	p.left -= n
	s.missing -= n
	if p.left > 0 {
		return b[n:]
	}
	p.cur = nil
	if s.missing == 0 {
		m := s.m
		if m.kind == msgSetChunkSize && len(m.body) >= 4 {
			p.size = int(max(binary.BigEndian.Uint32(m.body)&0x7fffffff, 1))
		}
		p.got(m)
	}
	return b[n:]
}

func be24(b []byte) uint32 { return uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2]) }

// appendMessage writes a message as type 0 and type 3 chunks of the given size on a chunk stream from 2 to 63.
func appendMessage(b []byte, csid byte, m message, size int) []byte {
	stamp := min(m.ts, 0xffffff)
	b = append(b, csid, byte(stamp>>16), byte(stamp>>8), byte(stamp),
		byte(len(m.body)>>16), byte(len(m.body)>>8), byte(len(m.body)), m.kind)
	b = binary.LittleEndian.AppendUint32(b, m.streamID)
	for rest := m.body; ; {
		if stamp == 0xffffff {
			b = binary.BigEndian.AppendUint32(b, m.ts)
		}
		n := min(size, len(rest))
		b, rest = append(b, rest[:n]...), rest[n:]
		if len(rest) == 0 {
			return b
		}
		b = append(b, 0xc0|csid)
	}
}
