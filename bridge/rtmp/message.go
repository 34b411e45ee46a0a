package rtmp

import (
	"errors"

	"github.com/yutopp/go-rtmp/message"
)

// Message is one RTMP message, put together from its chunks.
type Message struct {
	Type      message.TypeID
	StreamID  uint32 // message stream id; 0 is the connection itself
	Timestamp uint32 // milliseconds, modulo 2^32
	Body      []byte
}

const (
	typeAbort     = message.TypeIDAbortMessage
	typeChunkSize = message.TypeIDSetChunkSize
	typeAck       = message.TypeIDAck
	typeUser      = message.TypeIDUserCtrl
	typeWindow    = message.TypeIDWinAckSize
	typeBandwidth = message.TypeIDSetPeerBandwidth
	typeAudio     = message.TypeIDAudioMessage
	typeVideo     = message.TypeIDVideoMessage
	typeData3     = message.TypeIDDataMessageAMF3
	typeCommand3  = message.TypeIDCommandMessageAMF3
	typeData      = message.TypeIDDataMessageAMF0
	typeCommand   = message.TypeIDCommandMessageAMF0
	typeAggregate = message.TypeIDAggregateMessage
)

// Chunk stream ids we write on. Media keeps ids of its own, so that a block made
// for all players never meets another message's chunks.
const (
	csidControl = 2
	csidCommand = 3
	csidAudio   = 4
	csidData    = 5
	csidVideo   = 6
)

// ErrBadInput is wrapped by every error that means the peer broke the protocol.
var ErrBadInput = errors.New("bad RTMP input")

const tagHeaderSize = 11

// splitAggregate calls f for each message inside an aggregate message (RTMP
// 7.1.6), whose body is a run of FLV tags. The first tag's timestamp is the
// aggregate's own; the others keep their distance from it. Bodies are copied:
// f may keep them.
func splitAggregate(m Message, f func(Message)) error {
	b := m.Body
	var base uint32
	for first := true; len(b) > 0; first = false {
		if len(b) < tagHeaderSize {
			return badInput("aggregate message ends in a tag header of %d bytes; want %d", len(b), tagHeaderSize)
		}
		size := int(b[1])<<16 | int(b[2])<<8 | int(b[3])
		ts := uint32(b[7])<<24 | uint32(b[4])<<16 | uint32(b[5])<<8 | uint32(b[6])
		if first {
			base = ts
		}
		end := tagHeaderSize + size
		if len(b) < end {
			return badInput("aggregate message has a tag of %d bytes, %d are left", size, len(b)-tagHeaderSize)
		}
		typ := message.TypeID(b[0])
		if typ != typeAggregate {
			body := append([]byte(nil), b[tagHeaderSize:end]...)
			f(Message{Type: typ, StreamID: m.StreamID, Timestamp: m.Timestamp + ts - base, Body: body})
		}
		b = b[min(end+4, len(b)):]
	}
	return nil
}
