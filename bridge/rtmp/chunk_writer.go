package rtmp

import (
	"encoding/binary"

	"github.com/yutopp/go-rtmp/message"
)

// writeChunkSize is the chunk size we announce and write with. It is the largest
// that every client takes, so that nearly every message is one chunk.
const writeChunkSize = 65536

// streamIDOffset is where a block's message stream id is.
const streamIDOffset = 8

// appendMessage appends a message as chunks: one of type 0 with the absolute
// time, then as many of type 3 as it takes. id is the chunk stream's, 2 to 63.
func appendMessage(dst []byte, id byte, m Message, chunkSize int) []byte {
	ts, size := min(m.Timestamp, extended), len(m.Body)
	dst = append(dst, id,
		byte(ts>>16), byte(ts>>8), byte(ts),
		byte(size>>16), byte(size>>8), byte(size), byte(m.Type))
	dst = binary.LittleEndian.AppendUint32(dst, m.StreamID)
	if ts == extended {
		dst = binary.BigEndian.AppendUint32(dst, m.Timestamp)
	}
	body := m.Body
	for len(body) > chunkSize {
		dst = append(dst, body[:chunkSize]...)
		body = body[chunkSize:]
		dst = append(dst, 3<<6|id)
		if ts == extended {
			dst = binary.BigEndian.AppendUint32(dst, m.Timestamp)
		}
	}
	return append(dst, body...)
}

// chunkedSize is what appendMessage appends at most.
func chunkedSize(body, chunkSize int) int { return 16 + body + body/chunkSize*5 }

// chunkStreamFor returns the chunk stream id we write a type on.
func chunkStreamFor(t message.TypeID) byte {
	switch t {
	case typeAudio:
		return csidAudio
	case typeVideo:
		return csidVideo
	case typeData:
		return csidData
	case typeCommand:
		return csidCommand
	}
	return csidControl
}
