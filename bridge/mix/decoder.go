package mix

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"hutong/bridge/flv"
	"hutong/bridge/stream"
)

// ErrEncoder is wrapped by the errors of ffmpeg processes, of decoding ones too.
var ErrEncoder = errors.New("mix: ffmpeg")

// decoder is an ffmpeg that turns one input's video frames into pictures of one
// size, in which the input's picture is centred and cut to fill.
type decoder struct {
	*process
	size  size
	owed  atomic.Int64 // when the oldest frame without a picture after it came, Unix ns; 0: none
	clock *bufio.Reader
}

// decoderArgs: the rate is nobody's business but the input's, hence passthrough;
// one thread each, for more would hold frames back; and the time of each picture
// is printed to descriptor 3, in milliseconds, for raw video has none.
func decoderArgs(s size) []string {
	fill := fmt.Sprintf("scale=%d:%d:force_original_aspect_ratio=increase:flags=fast_bilinear,crop=%d:%d", s.width, s.height, s.width, s.height)
	return []string{"-hide_banner", "-nostats", "-loglevel", "error",
		"-probesize", "32", "-analyzeduration", "0", "-fpsprobesize", "0", "-threads", "1", "-copyts",
		"-protocol_whitelist", "pipe", "-f", "flv", "-i", "pipe:0", "-map", "0:v:0", "-an", "-sn", "-dn",
		"-vf", fill + `,settb=1/1000,metadata=add:key=t:value=1,metadata=print:file=pipe\\:3:direct=1`,
		"-fps_mode", "passthrough", "-pix_fmt", "yuv420p", "-c:v", "rawvideo", "-threads", "1",
		"-f", "rawvideo", "-flush_packets", "1", "pipe:1"}
}

func startDecoder(path string, s size, limits Limits) (*decoder, error) {
	p, err := startProcess(path, decoderArgs(s), true, limits)
	if err != nil {
		return nil, err
	}
	d := &decoder{process: p, size: s, clock: bufio.NewReader(p.side)}
	if err := d.write(flv.Header(true, false)); err != nil {
		return nil, d.why(err)
	}
	return d, nil
}

// feed takes a video frame or its header.
func (d *decoder) feed(f *stream.Frame) error {
	if !f.Config {
		d.owed.CompareAndSwap(0, time.Now().UnixNano())
	}
	return d.write(flv.Block(f))
}

// hung tells whether the decoder has been fed for long without giving pictures.
func (d *decoder) hung() bool {
	owed := d.owed.Load()
	return owed != 0 && time.Since(time.Unix(0, owed)) > ioTimeout
}

// read fills pix with the next picture and returns its time on the input's
// timeline.
func (d *decoder) read(pix []byte) (pts time.Duration, err error) {
	if _, err := io.ReadFull(d.out, pix); err != nil {
		return 0, err
	}
	d.owed.Store(0)
	for {
		line, err := d.clock.ReadString('\n')
		if err != nil {
			return 0, err
		}
		if pts, ok := parsePTS(line); ok {
			return pts, nil
		}
	}
}

// parsePTS reads a line such as "frame:12   pts:2050    pts_time:2.05".
func parsePTS(line string) (time.Duration, bool) {
	_, rest, ok := strings.Cut(line, " pts:")
	if !ok || !strings.HasPrefix(line, "frame:") {
		return 0, false
	}
	number, _, _ := strings.Cut(rest, " ")
	ms, err := strconv.ParseInt(number, 10, 64)
	if err != nil || ms < -1<<40 || ms > 1<<40 {
		return 0, false
	}
	return time.Duration(ms) * time.Millisecond, true
}
