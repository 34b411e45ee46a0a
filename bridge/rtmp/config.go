package rtmp

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/url"
	"time"

	"hutong/bridge/stream"
)

// Config is what a [Server] needs. Zero durations and sizes take the defaults
// named beside them; zero limits mean none.
type Config struct {
	Address    string      // host:port for RTMP, empty for none
	TLSAddress string      // host:port for RTMPS, empty for none
	TLS        *tls.Config // wanted with TLSAddress

	MaxConnections      int
	MaxConnectionsPerIP int // an IPv6 /64 counts as one

	HandshakeTimeout time.Duration // from accept to publish or play; 10 s
	ReadTimeout      time.Duration // without a message from a publisher; 30 s
	WriteTimeout     time.Duration // without progress to a player; 10 s
	MaxMessage       int           // bytes of a message while publishing; 4 MB
	PlayWait         time.Duration // how long a player waits for its stream

	// StandardPath serves players the standard path, which merges frames for
	// StandardMerge (350 ms), when their query does not say path=live or
	// path=standard. The live path writes every frame at once.
	StandardPath  bool
	StandardMerge time.Duration

	Registry *stream.Registry
	Log      *slog.Logger
	// Authorize decides on a publish or a play; nil lets everyone. Its error's
	// text is told to the peer.
	// The path it returns is PathLive, PathStandard, or "" for what the query or
	// StandardPath says.
	Authorize func(context.Context, Request) (path string, err error)
	// Audience tells whether a player gets the stream's composition where it has
	// one; nil is nobody.
	Audience func(Request) bool
	// Gate withholds frames from a player; nil, and a nil Gate, withhold none.
	Gate func(Request) stream.Gate
	// Watch is told of each play and publish that was let in, and how to end it; what it
	// returns is called when it is over. nil watches none.
	Watch    func(r Request, end func(error)) (release func())
	Observer Observer
}

// The two paths of playback: every frame at once, or frames merged to save CPU.
const (
	PathLive     = "live"
	PathStandard = "standard"
)

// Request is a peer's wish to publish or play.
type Request struct {
	App     string     // as in connect, without its query
	Name    string     // app/name, as stream.ParseName made it
	Query   url.Values // of the URL, wherever the client put it
	Remote  net.Addr
	TLS     bool
	Publish bool
	Encoder string // flashVer, what the client calls itself
}

// Observer is told what a server does, for metrics. Any field may be nil. They
// are called from many goroutines.
type Observer struct {
	ConnOpened   func()
	ConnClosed   func(reason string) // "closed", "timeout", "write", "bad_input", "kicked", "shutdown", "error"
	Refused      func(reason string) // "connections", "connections_per_ip", "publish", "play", "not_found"
	BytesIn      func(n int)
	BytesOut     func(n int)
	BadInput     func(reason string) // "chunk", "amf", "video", "audio", "handshake", "aggregate"
	CodecRefused func(codec string)
}

const (
	maxMessageBefore = 16 << 10 // before a publish
	defaultMessage   = 4 << 20
	ackWindow        = 2_500_000
	maxNetStreams    = 8
)

func (c *Config) setDefaults() {
	for _, d := range []struct {
		v   *time.Duration
		def time.Duration
	}{
		{&c.HandshakeTimeout, 10 * time.Second},
		{&c.ReadTimeout, 30 * time.Second},
		{&c.WriteTimeout, 10 * time.Second},
		{&c.StandardMerge, 350 * time.Millisecond},
	} {
		if *d.v <= 0 {
			*d.v = d.def
		}
	}
	if c.MaxMessage <= 0 {
		c.MaxMessage = defaultMessage
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Authorize == nil {
		c.Authorize = func(context.Context, Request) (string, error) { return "", nil }
	}
	if c.Watch == nil {
		c.Watch = func(Request, func(error)) func() { return func() {} }
	}
	if c.Audience == nil {
		c.Audience = func(Request) bool { return false }
	}
	o := &c.Observer
	if o.ConnOpened == nil {
		o.ConnOpened = func() {}
	}
	for _, f := range []*func(string){&o.ConnClosed, &o.Refused, &o.BadInput, &o.CodecRefused} {
		if *f == nil {
			*f = func(string) {}
		}
	}
	for _, f := range []*func(int){&o.BytesIn, &o.BytesOut} {
		if *f == nil {
			*f = func(int) {}
		}
	}
}
