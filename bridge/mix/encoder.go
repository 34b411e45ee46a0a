package mix

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"hutong/bridge/flv"
	"hutong/bridge/h264"
	"hutong/bridge/stream"
)

// encoder is an ffmpeg that encodes pictures of one size, each at the time it is
// given with.
type encoder struct {
	*process
	size  size
	rate  int           // pictures a second, nominal
	free  chan []byte   // memory for pictures
	queue chan unpacked // pictures on their way in
	times chan time.Duration
	owed  atomic.Int64 // as a decoder's
}

// unpacked is a picture to be encoded.
type unpacked struct {
	pix []byte
	at  time.Duration
}

// packed is an encoded picture.
type packed struct {
	at   time.Duration
	key  bool
	body []byte // FLV VIDEODATA
}

// EncoderOptions are what the mixed picture is encoded with.
type EncoderOptions struct {
	Preset  string // of x264; "" is veryfast
	Bitrate int    // bits a second; 0 goes by the size of the picture
	MaxRate int    // most pictures a second; 0 is 25
	Threads int    // of x264; 0 is 1
}

// backlog is how many pictures may wait for the encoder, and inFlight how many may
// be in it: with zero latency one, and what waits in pipes.
const (
	backlog  = 3
	inFlight = 64
)

// bitrateFor is 0.13 bits a pixel, which is what phones push.
func (o EncoderOptions) bitrateFor(s size, rate int) int {
	if o.Bitrate > 0 {
		return o.Bitrate
	}
	return min(max(s.width*s.height*rate*13/100, 300_000), 4_000_000)
}

func (o EncoderOptions) args(s size, rate int) []string {
	n := strconv.Itoa
	bits, group := n(o.bitrateFor(s, rate)), n(2*rate)
	return []string{"-hide_banner", "-nostats", "-loglevel", "error", "-protocol_whitelist", "pipe",
		"-probesize", "32", "-analyzeduration", "0", "-threads", "1",
		"-f", "rawvideo", "-pix_fmt", "yuv420p", "-video_size", fmt.Sprintf("%dx%d", s.width, s.height), "-framerate", n(rate), "-i", "pipe:0",
		"-an", "-fps_mode", "passthrough", "-c:v", "libx264", "-preset", o.Preset, "-tune", "zerolatency", "-profile:v", "baseline",
		"-threads", n(max(1, o.Threads)), "-g", group, "-keyint_min", group, "-sc_threshold", "0",
		"-b:v", bits, "-maxrate", bits, "-bufsize", bits,
		"-f", "flv", "-flvflags", "no_duration_filesize", "-flush_packets", "1", "pipe:1"}
}

func startEncoder(path string, s size, rate int, o EncoderOptions, limits Limits) (*encoder, error) {
	p, err := startProcess(path, o.args(s, rate), false, limits)
	if err != nil {
		return nil, err
	}
	e := &encoder{process: p, size: s, rate: rate, free: make(chan []byte, backlog), queue: make(chan unpacked, backlog),
		times: make(chan time.Duration, inFlight)}
	for range backlog {
		e.free <- make([]byte, s.bytes())
	}
	return e, nil
}

// feed hands pictures to ffmpeg until ctx ends or ffmpeg does.
func (e *encoder) feed(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case p := <-e.queue:
			select {
			case e.times <- p.at:
			case <-ctx.Done():
				return ctx.Err()
			}
			e.owed.CompareAndSwap(0, time.Now().UnixNano())
			if err := e.write(p.pix); err != nil {
				return err
			}
			e.free <- p.pix
		}
	}
}

var errOutput = errors.New("unexpected output")

// drain reads what ffmpeg puts out: first the configuration, then one access unit
// for each picture, in order.
func (e *encoder) drain(configured func(*h264.Config), emit func(packed)) error {
	r := flv.NewReader(e.out, h264.MaxAccessUnitSize)
	for {
		tag, err := r.Next()
		if err != nil {
			return err
		}
		if tag.Type != flv.TagVideo {
			continue
		}
		if len(tag.Body) < stream.VideoHeaderSize || tag.Body[0]&15 != 7 {
			return fmt.Errorf("%w: a video tag of %d bytes that is not AVC", errOutput, len(tag.Body))
		}
		switch tag.Body[1] {
		case 0:
			c, err := h264.ParseConfig(tag.Body[stream.VideoHeaderSize:])
			if err != nil {
				return err
			}
			configured(c)
		case 1:
			select {
			case at := <-e.times:
				e.owed.Store(0)
				emit(packed{at: at, key: tag.Body[0]>>4 == 1, body: tag.Body})
			default:
				return fmt.Errorf("%w: more pictures than went in", errOutput)
			}
		}
	}
}

// hung tells whether the encoder has owed a picture for long.
func (e *encoder) hung() bool {
	owed := e.owed.Load()
	return owed != 0 && time.Since(time.Unix(0, owed)) > ioTimeout
}
