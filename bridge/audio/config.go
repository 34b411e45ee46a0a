package audio

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/bluenviron/mediacommon/v2/pkg/bits"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
)

// Config describes AAC audio: what an AudioSpecificConfig says (ISO/IEC
// 14496-3, 1.6.2.1).
type Config struct {
	ASC []byte
	// SampleRate is in Hz, as heard: for HE-AAC the extended rate.
	SampleRate int
	// Channels is 0 when a program config element would have to tell.
	Channels int
	// ObjectType is "AAC-LC", "HE-AAC", "HE-AACv2", ...
	ObjectType string
}

const (
	typeLC  = 2
	typeSBR = 5
	typePS  = 29
)

var objectTypes = map[int]string{
	1: "AAC-Main", typeLC: "AAC-LC", 3: "AAC-SSR", 4: "AAC-LTP", typeSBR: "HE-AAC", 6: "AAC-Scalable",
	17: "ER-AAC-LC", 23: "AAC-LD", typePS: "HE-AACv2", 39: "AAC-ELD", 42: "xHE-AAC",
}

var samplingRates = [...]int{
	96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350,
}

// decodable are the rates checked against ffmpeg; others are refused by name.
var decodable = []int{8000, 12000, 16000, 22050, 24000, 32000, 44100, 48000}

// asc is an AudioSpecificConfig taken apart.
type asc struct {
	object       int // as signalled outermost: LC, SBR, PS, ...
	rate         int // of the core coder
	extRate      int // of SBR, 0 without
	channels     int // channelConfiguration
	shortFrames  bool
	ga           bool // a GASpecificConfig was read
	coreCoderDep bool
}

type ascReader struct {
	buf []byte
	pos int
	err error
}

func (r *ascReader) read(n int) int {
	if r.err != nil {
		return 0
	}
	v, err := bits.ReadBits(r.buf, &r.pos, n)
	if err != nil {
		r.err = err
		return 0
	}
	return int(v)
}

func (r *ascReader) objectType() int {
	v := r.read(5)
	if v == 31 {
		v = 32 + r.read(6)
	}
	return v
}

func (r *ascReader) samplingRate() (int, error) {
	i := r.read(4)
	switch {
	case i < len(samplingRates):
		return samplingRates[i], nil
	case i == 15:
		return r.read(24), nil
	}
	return 0, fmt.Errorf("%w % x: sampling frequency index %d is reserved", ErrSyntax, r.buf, i)
}

func parseASC(buf []byte) (asc, error) {
	const limit = 64 // a sane one has 2 to 7 bytes; a PCE adds a few dozen
	var a asc
	if len(buf) == 0 || len(buf) > limit {
		return a, fmt.Errorf("%w: %d bytes; want 2 to %d", ErrSyntax, len(buf), limit)
	}
	r := &ascReader{buf: buf}
	var err error
	a.object = r.objectType()
	if a.rate, err = r.samplingRate(); err != nil {
		return a, err
	}
	a.channels = r.read(4)
	core := a.object
	if core == typeSBR || core == typePS {
		if a.extRate, err = r.samplingRate(); err != nil {
			return a, err
		}
		core = r.objectType()
	}
	switch core {
	case 1, 2, 3, 4, 6, 7, 17, 19, 20, 21, 22, 23:
		a.ga = true
		a.shortFrames = r.read(1) == 1
		if a.coreCoderDep = r.read(1) == 1; a.coreCoderDep {
			r.read(14)
		}
		r.read(1) // extensionFlag; what it adds belongs to types we refuse
	}
	if r.err != nil {
		return a, fmt.Errorf("%w % x: truncated: %w", ErrSyntax, buf, r.err)
	}
	if a.rate == 0 || core == 0 {
		return a, fmt.Errorf("%w % x: object type %d at %d Hz", ErrSyntax, buf, core, a.rate)
	}
	if a.object == typeLC && a.channels != 0 {
		a.syncExtension(r)
	}
	return a, nil
}

// syncExtension reads backward-compatible signalling (1.6.6.1), which follows
// the config of plain AAC-LC and may say, as ffmpeg's does, that there is no SBR.
func (a *asc) syncExtension(r *ascReader) {
	if r.read(11) != 0x2b7 || r.objectType() != typeSBR || r.read(1) == 0 {
		return
	}
	rate, err := r.samplingRate()
	if err != nil || r.err != nil || rate == a.rate {
		return
	}
	a.object, a.extRate = typeSBR, rate
	if r.read(11) == 0x548 && r.read(1) == 1 && r.err == nil {
		a.object = typePS
	}
}

// ParseConfig reads an AudioSpecificConfig. Its errors wrap [ErrSyntax]; well
// formed audio that cannot be transcoded parses, and [Config.Supported] says
// why not.
func ParseConfig(buf []byte) (*Config, error) {
	a, err := parseASC(buf)
	if err != nil {
		return nil, err
	}
	c := &Config{
		ASC:        bytes.Clone(buf),
		SampleRate: max(a.rate, a.extRate),
		Channels:   a.channels,
		ObjectType: objectTypes[a.object],
	}
	if a.channels == 7 {
		c.Channels = 8
	}
	if c.ObjectType == "" {
		c.ObjectType = fmt.Sprintf("MPEG-4 audio object type %d", a.object)
	}
	return c, nil
}

// Supported returns nil if ToOpus can transcode this audio, or an error that
// wraps [ErrUnsupported] and names what cannot be.
func (c *Config) Supported() error {
	a, err := parseASC(c.ASC)
	if err != nil {
		return err
	}
	const fix = "; publish AAC-LC, mono or stereo, 8 to 48 kHz"
	switch {
	case a.object != typeLC:
		return fmt.Errorf("%w: %s at %d Hz%s", ErrUnsupported, c.ObjectType, c.SampleRate, fix)
	case a.channels == 0:
		return fmt.Errorf("%w: AAC-LC with channels given by a program config element (PCE)%s", ErrUnsupported, fix)
	case a.channels == 6:
		return fmt.Errorf("%w: AAC-LC 5.1%s", ErrUnsupported, fix)
	case a.channels > 2:
		return fmt.Errorf("%w: AAC-LC with channel configuration %d%s", ErrUnsupported, a.channels, fix)
	case a.shortFrames:
		return fmt.Errorf("%w: AAC-LC with 960-sample frames; publish with 1024-sample frames", ErrUnsupported)
	case a.coreCoderDep:
		return fmt.Errorf("%w: AAC-LC that depends on a core coder%s", ErrUnsupported, fix)
	case !slices.Contains(decodable, a.rate):
		return fmt.Errorf("%w: AAC-LC at %d Hz; publish at one of %v Hz", ErrUnsupported, a.rate, decodable)
	}
	return nil
}

// lcConfig writes the plain two-byte config for AAC-LC at a rate of the table.
func lcConfig(rate, channels int) *Config {
	buf, err := mpeg4audio.AudioSpecificConfig{
		Type: mpeg4audio.ObjectTypeAACLC, SampleRate: rate, ChannelCount: channels,
	}.Marshal()
	if err != nil {
		panic(fmt.Sprintf("audio: AAC-LC with %d channels has no config: %v", channels, err))
	}
	return &Config{ASC: buf, SampleRate: rate, Channels: channels, ObjectType: objectTypes[typeLC]}
}

// AACConfig48k describes what [ToAAC] emits: AAC-LC at 48 kHz, 1 or 2 channels.
func AACConfig48k(channels int) *Config {
	if channels != 1 {
		channels = 2
	}
	return lcConfig(outRate, channels)
}
