package audio

import (
	"time"
)

// PCMRate is the samples a second and channel of all PCM here.
const PCMRate = outRate

// PCMFrame is the samples per channel that a [ToPCM] puts out at once, 10 ms.
const PCMFrame = 480

// ToPCM decodes the AAC-LC access units of one stream into one unbroken run of
// PCM at 48 kHz, as [ToOpus] hears it: what is missing is silence, what jitters
// is evened out, what drifts is stretched. One goroutine at a time may use it.
type ToPCM struct {
	t    *ToOpus
	emit func(start time.Duration, pcm []float32, channels int)
}

// NewToPCM needs a SetConfig before the first Push.
func NewToPCM() *ToPCM {
	p := &ToPCM{t: NewToOpus(ToOpusOptions{})}
	p.t.newEncoder = func(int, int, int) (encoder, error) { return noEncoder{}, nil }
	p.t.line.frame = PCMFrame
	p.t.line.out = func(start time.Duration, pcm []float32) {
		p.t.meter.out.Add(1)
		p.emit(start, pcm, p.t.line.ch)
	}
	return p
}

// noEncoder stands where a ToOpus has its encoder.
type noEncoder struct{}

func (noEncoder) encode([]float32) ([]byte, error) { return nil, nil }
func (noEncoder) delay() int                       { return 0 }

// SetConfig is called first and on every change of the AudioSpecificConfig; see
// [ToOpus.SetConfig].
func (p *ToPCM) SetConfig(c *Config) error { return p.t.SetConfig(c) }

// Push decodes one raw access unit. emit gets frames of PCMFrame samples per
// channel, interleaved, with the time of their first sample; the PCM is valid
// during the call. For errors see [ToOpus.Push].
func (p *ToPCM) Push(pts time.Duration, au []byte, emit func(start time.Duration, pcm []float32, channels int)) error {
	p.emit = emit
	defer func() { p.emit = nil }()
	return p.t.Push(pts, au, nil)
}

// Stats counts since NewToPCM; UnitsOut are frames.
func (p *ToPCM) Stats() Stats { return p.t.Stats() }

// Close lets go of the decoder.
func (p *ToPCM) Close() { p.t.Close() }

// FromPCM encodes PCM at 48 kHz to AAC-LC. One goroutine at a time may use it.
type FromPCM struct {
	opts   ToAACOptions
	config *Config
	enc    encoder
	pcm    []float32
}

// PCMUnit is the samples per channel of one access unit of a [FromPCM].
const PCMUnit = aacFrame

// NewFromPCM takes the options of a [ToAAC].
func NewFromPCM(opts ToAACOptions) *FromPCM {
	if opts.Channels != 1 {
		opts.Channels = 2
	}
	if opts.Bitrate <= 0 {
		opts.Bitrate = 64000 * opts.Channels
	}
	opts.Bitrate = min(max(opts.Bitrate, 24000*opts.Channels), 256000*opts.Channels)
	return &FromPCM{opts: opts, config: AACConfig48k(opts.Channels), pcm: make([]float32, aacFrame*opts.Channels)}
}

// Config describes the access units. It never changes.
func (f *FromPCM) Config() *Config { return f.config }

// Push encodes PCMUnit samples per channel, interleaved, the first of which
// sounds at start. Runs have to follow each other without a gap. It returns an
// access unit and its pts, or none while the encoder primes or after an error,
// which wraps [ErrCodec] and concerns this run alone.
func (f *FromPCM) Push(start time.Duration, pcm []float32) (pts time.Duration, au []byte, err error) {
	if f.enc == nil {
		err := guard("AAC encoder", func() (err error) {
			f.enc, err = newAACEncoder(f.opts.Channels, f.opts.Bitrate, f.opts.Fast)
			return err
		})
		if err != nil {
			f.enc = nil
			return 0, nil, err
		}
	}
	copy(f.pcm, pcm)
	clean(f.pcm)
	if err := guard("AAC encoder", func() (err error) { au, err = f.enc.encode(f.pcm); return err }); err != nil {
		f.enc = nil
		return 0, nil, err
	}
	return start - samplesToTime(int64(f.enc.delay())), au, nil
}
