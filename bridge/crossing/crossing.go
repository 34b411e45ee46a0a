// Package crossing carries streams over the bridge: an [ingress] brings the
// frames of an RTMP publisher to WebRTC players, an [egress] brings a browser's
// RTP packets to frame players. H.264 is repackaged, never transcoded; audio is
// transcoded once per stream.
package crossing

import (
	"log/slog"
	"sync/atomic"

	"hutong/bridge/stream"
)

// Options of all crossings of a gateway.
type Options struct {
	OpusBitrate int // bits per second and channel; 0 for the codec's default
	AACBitrate  int
	Log         *slog.Logger
}

// Bridge makes crossings; it implements stream.Crossings.
type Bridge struct {
	opts  Options
	Stats Stats
}

// Stats counts what crossings do, for all streams together.
type Stats struct {
	Ingresses, Egresses   atomic.Int64 // running now
	ToOpus, ToAAC         atomic.Int64 // transcoders running now
	OpusPackets, AACUnits atomic.Int64 // produced
	BadAudio              atomic.Int64 // access units or packets that did not decode
	Concealed             atomic.Int64 // nanoseconds of sound made up for loss and DTX
	LostPackets           atomic.Int64 // RTP packets not repaired in time
	DamagedFrames         atomic.Int64 // access units dropped for loss
	KeyframeRequests      atomic.Int64 // asked by egresses
}

// New returns a bridge.
func New(o Options) *Bridge {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Bridge{opts: o}
}

var _ stream.Crossings = (*Bridge)(nil)
