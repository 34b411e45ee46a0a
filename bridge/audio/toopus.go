package audio

import (
	"fmt"
	"time"
)

// ToOpusOptions tunes a [ToOpus]. The zero value is good.
type ToOpusOptions struct {
	// Bitrate is in bits per second for each channel, at least 32k; 0 is 48k.
	// Less than 32k mono or 64k stereo is raised to that: the encoder is not
	// sound below.
	Bitrate int
	// Complexity is 1 to 10; 0 is 9, for a sixth more work than 5 and 5 dB
	// less noise in stereo.
	Complexity int
}

// A gap or overlap up to this is jitter and left to the drift control.
const aacTolerance = 60 * time.Millisecond

// ToOpus turns the AAC-LC access units of one stream into 20 ms Opus packets:
// mono packets from mono, stereo from stereo. The packets belong in an
// "opus/48000/2" track either way. One goroutine at a time may use it; Level
// and Stats are free to all.
type ToOpus struct {
	opts   ToOpusOptions
	meter  meter
	line   line
	config *Config
	dec    aacDecoder
	enc    encoder
	pcm    [aacFrame * 2]float32
	exact  bool // place the next unit exactly: it is the first of its config
	closed bool

	// For the duration of one Push.
	emit func(pts time.Duration, packet []byte)
	err  error

	newDecoder func(*Config) (aacDecoder, error)
	newEncoder func(channels, bitrate, complexity int) (encoder, error)
}

// NewToOpus needs a SetConfig before the first Push.
func NewToOpus(opts ToOpusOptions) *ToOpus {
	if opts.Complexity <= 0 {
		opts.Complexity = 9
	}
	opts.Complexity = min(opts.Complexity, 10)
	t := &ToOpus{opts: opts, newDecoder: newAACDecoder, newEncoder: newOpusEncoder}
	t.line.frame = opusFrame
	t.line.out = t.encode
	t.meter.setLevel(SilenceLevel)
	return t
}

// SetConfig is called first and on every change of the AudioSpecificConfig.
// The count of time and the Opus encoder go on, except that another channel
// count needs another encoder. An error that wraps [ErrUnsupported] names the
// audio that cannot be transcoded; Push then refuses units until the next
// accepted config.
func (t *ToOpus) SetConfig(c *Config) error {
	if t.closed {
		return ErrClosed
	}
	t.config, t.dec = nil, nil
	if err := c.Supported(); err != nil {
		return err
	}
	if err := guard("AAC decoder", func() (err error) { t.dec, err = t.newDecoder(c); return err }); err != nil {
		t.dec = nil
		return fmt.Errorf("audio: AAC config % x: %w", c.ASC, err)
	}
	if t.enc == nil || t.line.ch != c.Channels {
		if err := t.buildEncoder(c.Channels); err != nil {
			t.dec = nil
			return err
		}
	}
	t.config = c
	t.line.setInput(c.SampleRate, c.Channels)
	t.exact = true
	return nil
}

func (t *ToOpus) buildEncoder(channels int) error {
	bitrate := t.opts.Bitrate
	if bitrate <= 0 {
		bitrate = 48000
	}
	bitrate = min(max(bitrate, 32000)*channels, 510000)
	return guard("Opus encoder", func() (err error) {
		t.enc, err = t.newEncoder(channels, bitrate, t.opts.Complexity)
		return err
	})
}

// Push decodes one raw access unit and emits the packets it completes: none,
// one, or after a gap many. Emitted packets are never touched again. An error
// concerns this unit alone, whose time is kept; see [ErrBadUnit], [ErrCodec],
// [ErrUnsupported] (HE-AAC that its config did not announce).
func (t *ToOpus) Push(pts time.Duration, au []byte, emit func(pts time.Duration, packet []byte)) error {
	switch {
	case t.closed:
		return ErrClosed
	case t.dec == nil:
		return ErrNoConfig
	}
	if err := checkTime(pts); err != nil {
		return err
	}
	t.meter.in.Add(1)
	t.emit, t.err = emit, nil
	defer func() { t.emit = nil }()

	duration := time.Duration(aacFrame) * time.Second / time.Duration(t.config.SampleRate)
	t.place(pts, duration)

	pcm := t.pcm[:aacFrame*t.config.Channels]
	if err := guard("AAC decoder", func() error { return t.dec.decode(au, pcm) }); err != nil {
		t.rebuildDecoder(err)
		t.meter.concealed.Add(int64(duration))
		t.meter.setLevel(SilenceLevel)
		t.line.extend(aacFrame * outRate / float64(t.config.SampleRate))
		return t.err
	}
	t.meter.measure(pcm)
	t.line.write(pcm)
	return t.err
}

// place brings the line to where a unit at pts belongs.
func (t *ToOpus) place(pts, duration time.Duration) {
	tolerance := aacTolerance
	if t.exact {
		tolerance, t.exact = 0, false
	}
	if !t.line.started {
		t.line.anchor(pts)
		return
	}
	offset := t.line.offset(pts)
	switch {
	case offset > maxJump || offset < -maxJump:
		t.line.anchor(pts)
		t.meter.reanchored.Add(1)
	case offset > tolerance:
		t.meter.concealed.Add(int64(offset))
		t.line.moveTo(pts)
	case offset < -tolerance:
		t.line.moveTo(pts)
	default:
		t.line.steer(offset, duration)
	}
}

func (t *ToOpus) rebuildDecoder(cause error) {
	t.fail(cause)
	err := guard("AAC decoder", t.dec.reset)
	if err != nil {
		err = guard("AAC decoder", func() (err error) { t.dec, err = t.newDecoder(t.config); return err })
	}
	if err != nil {
		t.dec = nil
		t.fail(err)
	}
}

// encode receives each full frame from the line.
func (t *ToOpus) encode(start time.Duration, pcm []float32) {
	var packet []byte
	err := guard("Opus encoder", func() (err error) { packet, err = t.enc.encode(pcm); return err })
	if err != nil {
		t.fail(err)
		if err := t.buildEncoder(t.line.ch); err != nil {
			t.fail(err)
		}
		return
	}
	if packet != nil {
		t.meter.out.Add(1)
		t.emit(start-samplesToTime(int64(t.enc.delay())), packet)
	}
}

func (t *ToOpus) fail(err error) {
	t.meter.count(err)
	if t.err == nil {
		t.err = err
	}
}

// Level is the RMS of the last decoded unit in dBov, 0 down to [SilenceLevel].
func (t *ToOpus) Level() float64 { return t.meter.getLevel() }

// Stats counts since NewToOpus.
func (t *ToOpus) Stats() Stats { return t.meter.stats() }

// Close lets go of the codecs. What is not yet a full packet is lost.
func (t *ToOpus) Close() {
	t.closed, t.dec, t.enc = true, nil, nil
	t.meter.setLevel(SilenceLevel)
}
