package flv

import (
	"encoding/binary"

	"hutong/bridge/stream"
)

// TagType is what an FLV tag carries (E.4.1).
type TagType byte

const (
	TagAudio  TagType = 8
	TagVideo  TagType = 9
	TagScript TagType = 18
)

const (
	headerSize    = 13 // the file header and the first PreviousTagSize
	tagHeaderSize = 11
	tagTrailer    = 4
)

// Header returns a file header and the empty tag size after it (E.2, E.3).
func Header(video, audio bool) []byte {
	h := []byte{'F', 'L', 'V', 1, 0, 0, 0, 0, 9, 0, 0, 0, 0}
	if audio {
		h[4] |= 4
	}
	if video {
		h[4] |= 1
	}
	return h
}

// AppendTag appends a tag and the size field after it. timestamp is in
// milliseconds, modulo 2^32.
func AppendTag(dst []byte, t TagType, timestamp uint32, body []byte) []byte {
	n := len(body)
	dst = append(dst, byte(t),
		byte(n>>16), byte(n>>8), byte(n),
		byte(timestamp>>16), byte(timestamp>>8), byte(timestamp), byte(timestamp>>24),
		0, 0, 0)
	dst = append(dst, body...)
	return binary.BigEndian.AppendUint32(dst, uint32(tagHeaderSize+n))
}

// Block returns a frame as an FLV tag, made once for all players.
func Block(f *stream.Frame) []byte { return f.Block(stream.BlockFLV, buildTag) }

func buildTag(f *stream.Frame) []byte {
	body, typ, ts := f.Body, TagScript, uint32(f.DTS.Milliseconds())
	switch f.Kind {
	case stream.Video:
		typ = TagVideo
	case stream.Audio:
		typ = TagAudio
	default:
		body, ts = Metadata(f.Tracks), 0
	}
	return AppendTag(make([]byte, 0, tagHeaderSize+len(body)+tagTrailer), typ, ts, body)
}
