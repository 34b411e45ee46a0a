package sfu

// Kind says which of a Source's two tracks something belongs to.
type Kind uint8

// The kinds of track a Source has.
const (
	Video Kind = iota // H.264, 90 kHz
	Audio             // Opus, 48 kHz
)

const kinds = 2

const (
	// maxLayers is how many qualities of its video a publisher may send
	// (simulcast, RFC 8853).
	maxLayers = 3

	// lanes is how many tracks a Source has in all: one of each kind, then one
	// for each layer.
	lanes = kinds + maxLayers
)

func (k Kind) String() string {
	if k == Video {
		return "video"
	}

	return "audio"
}

func (k Kind) clockRate() uint32 {
	if k == Video {
		return 90000
	}

	return 48000
}

// packet is one RTP payload on the Source's own numbering. It is written once
// and read by all shards, so nothing in it changes after it entered the ring.
type packet struct {
	payload []byte
	seq     uint64 // extended; contiguous over feeds but for the publisher's losses
	arrival uint64 // position in order of arrival
	at      int64  // arrival on the mono clock
	feed    uint32
	ts      uint32
	marker  bool
	key     bool // first packet of a keyframe
	stale   bool // part of a backlog a feed delivered when it started
}
