package audio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/tphakala/go-aac"
	aacpcm "github.com/tphakala/go-aac/pcm"
)

// aacFrame is the samples per channel of an access unit.
const aacFrame = 1024

// encoder is either of the two encoders. encode takes one interleaved frame of
// clean PCM and returns a unit the caller may keep, or nil while the encoder
// primes. delay is how many samples before the start of that frame the unit's
// decoded audio begins.
type encoder interface {
	encode(pcm []float32) ([]byte, error)
	delay() int
}

// aacDecoder is what we need of an AAC decoder. decode puts the 1024 frames of
// one raw access unit into pcm, interleaved. After an error only reset helps.
type aacDecoder interface {
	decode(au []byte, pcm []float32) error
	reset() error
}

// goAACDecoder is the go-aac decoder, which reads a stream of access units
// with 2-byte length prefixes and latches its errors.
type goAACDecoder struct {
	config *Config
	dec    *aacpcm.Decoder
	buf    []byte // the length prefix and the unit
	unit   []byte // what is unread of buf
	s16    [aacFrame * 2 * 2]byte
}

func newAACDecoder(c *Config) (aacDecoder, error) {
	// A config of our own spells an escaped rate by its index and leaves out
	// extensions, both of which go-aac may trip over.
	d := &goAACDecoder{config: lcConfig(c.SampleRate, c.Channels)}
	return d, d.reset()
}

func (d *goAACDecoder) reset() error {
	d.unit = nil
	raw := aacpcm.WithRawStream(d.config.ASC)
	if d.dec != nil {
		return d.dec.Reset(d, raw)
	}
	var err error
	d.dec, err = aacpcm.NewDecoder(d, raw)
	return err
}

// Read feeds the decoder.
func (d *goAACDecoder) Read(p []byte) (int, error) {
	if len(d.unit) == 0 {
		return 0, io.EOF
	}
	n := copy(p, d.unit)
	d.unit = d.unit[n:]
	return n, nil
}

func (d *goAACDecoder) decode(au []byte, pcm []float32) error {
	// 6144 bits per channel is the most a unit may have.
	if len(au) == 0 || len(au) > 2*6144/8 {
		return fmt.Errorf("%w: AAC access unit of %d bytes; want 1 to %d", ErrBadUnit, len(au), 2*6144/8)
	}
	d.buf = append(binary.BigEndian.AppendUint16(d.buf[:0], uint16(len(au))), au...)
	d.unit = d.buf
	want := d.s16[:aacFrame*d.config.Channels*2]
	n, err := d.dec.Read(want)
	switch {
	case errors.Is(err, aacpcm.ErrUnsupported):
		return fmt.Errorf("%w: in an AAC access unit of %d bytes: %w; publish plain AAC-LC", ErrUnsupported, len(au), err)
	case err != nil:
		return fmt.Errorf("%w: AAC access unit of %d bytes: %w", ErrBadUnit, len(au), err)
	case n != len(want) || len(d.unit) != 0:
		return fmt.Errorf("%w: AAC access unit gave %d bytes of PCM; want %d", ErrBadUnit, n, len(want))
	}
	for i := range pcm[:n/2] {
		pcm[i] = float32(int16(binary.LittleEndian.Uint16(want[2*i:]))) / 32768
	}
	return nil
}

// The fast coder searches up to fifty times as long for a frame that cannot
// use its bits, as a pure tone cannot. Noise at -79 dBFS, far below what a
// room has, gives it something to spend them on: every sound then costs what
// speech costs. Frames whose peak is under silentPeak have none added: they are
// cheap as they are, and silence stays silence.
const (
	ditherSpan = 4e-4
	silentPeak = 2e-4
)

// goAACEncoder is the go-aac encoder at 48 kHz.
type goAACEncoder struct {
	enc    *aac.Encoder
	planes [][]float32
	unit   []byte // scratch
	dither bool
	noise  uint32 // state of the dither's generator
}

func newAACEncoder(channels, bitrate int, fast bool) (encoder, error) {
	cfg := aac.EncoderConfig{SampleRate: outRate, Channels: channels, Bitrate: bitrate}
	if fast {
		cfg.Coder = aac.CoderFast
	}
	enc, err := aac.NewEncoder(cfg)
	if err != nil {
		return nil, fmt.Errorf("%w: AAC encoder for %d channels at %d b/s: %w", ErrCodec, channels, bitrate, err)
	}
	e := &goAACEncoder{enc: enc, unit: make([]byte, 0, 2*6144/8), dither: fast, noise: 1}
	for range channels {
		e.planes = append(e.planes, make([]float32, aacFrame))
	}
	return e, nil
}

func (e *goAACEncoder) encode(pcm []float32) ([]byte, error) {
	ch := len(e.planes)
	var peak float32
	for c, plane := range e.planes {
		for i := range plane {
			plane[i] = pcm[i*ch+c]
			peak = max(peak, plane[i], -plane[i])
		}
	}
	if e.dither && peak >= silentPeak {
		e.addDither()
	}
	unit, err := e.enc.EncodeFrame(e.unit[:0], e.planes)
	if err != nil {
		return nil, fmt.Errorf("%w: AAC encoder: %w", ErrCodec, err)
	}
	e.unit = unit
	return keep(unit), nil
}

// addDither adds to each channel noise of its own, the same on every run.
func (e *goAACEncoder) addDither() {
	const scale = ditherSpan / (1 << 32)
	for _, plane := range e.planes {
		for i := range plane {
			e.noise = e.noise*1664525 + 1013904223
			plane[i] += float32(int32(e.noise)) * scale
		}
	}
}

// delay: the unit that frame n brings forth decodes to frame n-2.
func (e *goAACEncoder) delay() int { return 2 * aacFrame }

// keep copies a unit out of an encoder's scratch, or returns nil for none.
func keep(unit []byte) []byte {
	if len(unit) == 0 {
		return nil
	}
	return append(make([]byte, 0, len(unit)), unit...)
}
