package audio

import (
	"fmt"

	"github.com/thesyncim/gopus"
)

const (
	opusFrame     = 960  // samples of the 20 ms packets we make
	opusMaxFrames = 5760 // samples of the longest packet, 120 ms
	opusQuantum   = 120  // 2.5 ms: concealment comes in multiples of it
	opusChannels  = 2    // we always decode to stereo; mono packets work
)

// opusDecoder is what we need of an Opus decoder; PCM is stereo. decode
// returns the samples per channel that a packet held. conceal fills pcm, a
// multiple of 2.5 ms, for lost packets: from the in-band FEC of the packet
// after the loss if next is given, else by extrapolation.
type opusDecoder interface {
	decode(packet []byte, pcm []float32) (int, error)
	conceal(next []byte, pcm []float32) error
}

type gopusDecoder struct{ dec *gopus.Decoder }

func newOpusDecoder() (opusDecoder, error) {
	cfg := gopus.DefaultDecoderConfig(outRate, opusChannels)
	cfg.MaxPacketSamples = opusMaxFrames
	cfg.MaxPacketBytes = 1 << 16 // its default is 1500; 120 ms may take more
	dec, err := gopus.NewDecoder(cfg)
	if err != nil {
		return nil, fmt.Errorf("%w: Opus decoder: %w", ErrCodec, err)
	}
	return gopusDecoder{dec}, nil
}

func (d gopusDecoder) decode(packet []byte, pcm []float32) (int, error) {
	n, err := d.dec.Decode(packet, pcm)
	if err != nil {
		return 0, fmt.Errorf("%w: Opus packet of %d bytes: %w", ErrBadUnit, len(packet), err)
	}
	return n, nil
}

func (d gopusDecoder) conceal(next []byte, pcm []float32) error {
	n, err := d.dec.DecodeWithFEC(next, pcm, next != nil)
	if err == nil && n != len(pcm)/opusChannels {
		err = fmt.Errorf("gave %d samples", n)
	}
	if err != nil {
		return fmt.Errorf("%w: Opus concealment of %d samples: %w", ErrCodec, len(pcm)/opusChannels, err)
	}
	return nil
}

type gopusEncoder struct {
	enc     *gopus.Encoder
	scratch [1500]byte
}

// newOpusEncoder keeps in-band FEC off: gopus desynchronises with it in stereo.
func newOpusEncoder(channels, bitrate, complexity int) (encoder, error) {
	enc, err := gopus.NewEncoder(gopus.EncoderConfig{
		SampleRate: outRate, Channels: channels, Application: gopus.ApplicationAudio,
	})
	if err != nil {
		return nil, fmt.Errorf("%w: Opus encoder for %d channels: %w", ErrCodec, channels, err)
	}
	// From 48 kb/s on, one mode serves speech and music; left to choose, the
	// encoder hops between hybrid and CELT, and the hops click.
	if bitrate >= 48000*channels {
		if err := enc.SetMode(gopus.EncoderModeCELT); err != nil {
			return nil, fmt.Errorf("%w: Opus encoder in CELT mode: %w", ErrCodec, err)
		}
	}
	enc.SetFEC(false)
	enc.SetDTX(false)
	if err := enc.SetBitrate(bitrate); err != nil {
		return nil, fmt.Errorf("%w: Opus encoder at %d b/s: %w", ErrCodec, bitrate, err)
	}
	if err := enc.SetComplexity(complexity); err != nil {
		return nil, fmt.Errorf("%w: Opus encoder at complexity %d: %w", ErrCodec, complexity, err)
	}
	return &gopusEncoder{enc: enc}, nil
}

func (e *gopusEncoder) encode(pcm []float32) ([]byte, error) {
	n, err := e.enc.Encode(pcm, e.scratch[:])
	if err != nil {
		return nil, fmt.Errorf("%w: Opus encoder: %w", ErrCodec, err)
	}
	return keep(e.scratch[:n]), nil
}

func (e *gopusEncoder) delay() int { return e.enc.Lookahead() }

// opusDuration reads the table of contents of a packet (RFC 6716 section 3.1):
// the samples at 48 kHz of one of its frames, and of all.
func opusDuration(packet []byte) (frame, total int, err error) {
	if len(packet) == 0 {
		return 0, 0, fmt.Errorf("%w: empty Opus packet; a loss is a gap in pts", ErrBadUnit)
	}
	config := packet[0] >> 3
	switch {
	case config < 12: // SILK: 10, 20, 40, 60 ms
		frame = [...]int{480, 960, 1920, 2880}[config&3]
	case config < 16: // hybrid: 10, 20 ms
		frame = 480 << (config & 1)
	default: // CELT: 2.5, 5, 10, 20 ms
		frame = opusQuantum << (config & 3)
	}
	count := 1
	switch packet[0] & 3 {
	case 1, 2:
		count = 2
	case 3:
		if len(packet) < 2 {
			return 0, 0, fmt.Errorf("%w: Opus packet of 1 byte lacks its frame count", ErrBadUnit)
		}
		count = int(packet[1] & 0x3f)
	}
	total = frame * count
	if total == 0 || total > opusMaxFrames {
		return 0, 0, fmt.Errorf("%w: Opus packet of %d frames of %d samples; want 2.5 to 120 ms", ErrBadUnit, count, frame)
	}
	return frame, total, nil
}

// opusHasFEC reports whether a packet repeats the one before it at low rate.
func opusHasFEC(packet []byte) bool { return gopus.PacketHasLBRR(packet) }
