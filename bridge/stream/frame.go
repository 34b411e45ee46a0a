package stream

import (
	"sync"
	"sync/atomic"
	"time"

	"hutong/bridge/audio"
	"hutong/bridge/h264"
)

// Kind is what a frame carries.
type Kind uint8

const (
	Video Kind = iota + 1
	Audio
	Meta // stream metadata; Body is empty, Tracks says what to tell
)

func (k Kind) String() string {
	switch k {
	case Video:
		return "video"
	case Audio:
		return "audio"
	}
	return "meta"
}

// VideoHeaderSize and AudioHeaderSize are the bytes of Body before the access
// unit: the FLV VIDEODATA header with its AVC fields (E.4.3.1), the FLV
// AUDIODATA header with its AAC packet type (E.4.2.1).
const (
	VideoHeaderSize = 5
	AudioHeaderSize = 2
)

// Frame is one H.264 access unit, one AAC access unit, or a header a player has
// to have before them. Frames are immutable and shared by all players.
type Frame struct {
	Kind   Kind
	Config bool // Body is a sequence header, not media
	Key    bool // an IDR picture
	// DTS and PTS are media times on the stream's timeline. DTS never goes back
	// within a kind. They are equal but for B-frames.
	DTS, PTS time.Duration
	// Body is an FLV VIDEODATA or AUDIODATA, which is also the payload of the
	// RTMP message of that kind.
	Body []byte
	// Tracks is what the stream consists of from this frame on.
	Tracks *Tracks
	// Arrival is when the gateway had the whole frame.
	Arrival time.Time

	seq    uint64
	blocks [blockSlots]block
	next   atomic.Pointer[Frame]
}

// Payload returns the access unit: length-prefixed NAL units for video, a raw
// AAC access unit for audio.
func (f *Frame) Payload() []byte {
	n := VideoHeaderSize
	if f.Kind == Audio {
		n = AudioHeaderSize
	}
	if len(f.Body) < n {
		return nil
	}
	return f.Body[n:]
}

// BlockSlot names one wire form of a frame.
type BlockSlot int

const (
	BlockFLV BlockSlot = iota
	BlockRTMP
	blockSlots
)

type block struct {
	once sync.Once
	data []byte
}

// Block returns the frame in the wire form of slot, which build makes once for
// all players. The result is shared and must not be changed.
func (f *Frame) Block(slot BlockSlot, build func(*Frame) []byte) []byte {
	b := &f.blocks[slot]
	b.once.Do(func() { b.data = build(f) })
	return b.data
}

// Tracks is what a stream consists of at one moment. It is immutable; a change
// makes a new one.
type Tracks struct {
	Video *h264.Config  // nil without video
	Audio *audio.Config // nil without audio
	// Encoder and FrameRate are what the publisher's metadata said, if it did.
	Encoder   string
	FrameRate float64
	// VideoBitrate and AudioBitrate are bits per second from the metadata.
	VideoBitrate, AudioBitrate float64
}

// videoHeader is the FLV body of an AVC sequence header.
func videoHeader(c *h264.Config) []byte {
	return append([]byte{0x17, 0, 0, 0, 0}, c.Record()...)
}

// audioHeader is the FLV body of an AAC sequence header.
func audioHeader(c *audio.Config) []byte {
	return append([]byte{0xaf, 0}, c.ASC...)
}
