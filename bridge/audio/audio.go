// Package audio carries sound across the crossing between RTMP, which speaks
// AAC-LC, and WebRTC, which speaks Opus. [ToOpus] serves ingress, [ToAAC]
// serves egress; each works for one stream and is driven by one goroutine.
//
// # Time
//
// The pts of a unit, AAC or Opus, in or out, is the media time at which a
// player sounds the first sample that a decoder puts out for it. Codec delay
// is therefore inside the pts: an Opus packet whose encoder was fed audio of
// time t carries t minus 6.5 ms (312 samples), because its decoder puts out
// that audio 312 samples late. This is how players of FLV and of RTP read
// timestamps, so lip sync survives the transcoder.
//
// Output times are counted in samples, never stamped on arrival, so they
// advance by exactly one unit: 20 ms of Opus, 1024/48000 s of AAC. Input times
// only steer that count. Jitter and rounding are ignored; a slow drift between
// the publisher's sample clock and its timestamps is absorbed by stretching
// the resampler, at most 0.2 % (3.5 cents, inaudible); a gap is filled, an
// overlap is cut, both with a 5 ms crossfade; a step of more than a second
// moves the count to the new time.
package audio

import (
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"
)

var (
	// ErrUnsupported is wrapped by the errors that name a codec, a rate or a
	// channel layout this package does not transcode.
	ErrUnsupported = errors.New("unsupported audio")
	// ErrSyntax is wrapped by the errors of [ParseConfig].
	ErrSyntax = errors.New("malformed AudioSpecificConfig")
	// ErrNoConfig is returned by [ToOpus.Push] before an accepted
	// [ToOpus.SetConfig].
	ErrNoConfig = errors.New("audio: no AAC config yet: call SetConfig with the stream's AudioSpecificConfig first")
	// ErrBadUnit is wrapped by Push when a unit did not decode. The unit's
	// time was filled and the stream goes on: log it, then push the next.
	ErrBadUnit = errors.New("undecodable audio unit")
	// ErrCodec is wrapped by Push when a codec panicked or refused work. It
	// was rebuilt and the stream goes on, as with ErrBadUnit.
	ErrCodec = errors.New("audio codec failure")
	// ErrTime is wrapped by Push for a media time no stream can have.
	ErrTime = errors.New("media time out of range")
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("audio: transcoder is closed")
)

const (
	outRate = 48000 // every output, Opus and AAC

	// maxJump is the largest step of media time that is filled or cut.
	maxJump = time.Second
	// maxTime keeps arithmetic on media times far from overflow: 73 years.
	maxTime = time.Duration(math.MaxInt64 / 4)

	// SilenceLevel is the least level, in dBov, as in RFC 6464.
	SilenceLevel = -127.0
)

// Stats counts what a transcoder has done since it was made.
type Stats struct {
	UnitsIn  uint64 // units pushed
	UnitsOut uint64 // units emitted
	Bad      uint64 // units that did not decode
	Failures uint64 // codec panics and encoder errors; the codec was rebuilt
	// Recovered counts lost Opus frames restored from in-band FEC.
	Recovered uint64
	// Concealed is the media time made up for units that were missing or bad.
	Concealed time.Duration
	// Reanchored counts steps of media time too large to fill or cut.
	Reanchored uint64
}

// meter holds the figures another goroutine may read while units flow.
type meter struct {
	in, out, bad, failures, recovered, reanchored atomic.Uint64
	concealed                                     atomic.Int64
	level                                         atomic.Uint64
}

func (m *meter) stats() Stats {
	return Stats{
		UnitsIn:    m.in.Load(),
		UnitsOut:   m.out.Load(),
		Bad:        m.bad.Load(),
		Failures:   m.failures.Load(),
		Recovered:  m.recovered.Load(),
		Concealed:  time.Duration(m.concealed.Load()),
		Reanchored: m.reanchored.Load(),
	}
}

func (m *meter) setLevel(dBov float64) { m.level.Store(math.Float64bits(dBov)) }
func (m *meter) getLevel() float64     { return math.Float64frombits(m.level.Load()) }

// count files an error of Push under bad units or codec failures.
func (m *meter) count(err error) {
	if errors.Is(err, ErrCodec) {
		m.failures.Add(1)
	} else {
		m.bad.Add(1)
	}
}

// measure cleans decoded PCM in place (NaN becomes 0, the rest is clamped) and
// stores its RMS level. 0 dBov is a full-scale square wave; a full-scale sine
// is -3.01.
func (m *meter) measure(pcm []float32) {
	clean(pcm)
	var sum float64
	for _, s := range pcm {
		sum += float64(s) * float64(s)
	}
	level := SilenceLevel
	if sum > 0 {
		level = max(SilenceLevel, 10*math.Log10(sum/float64(len(pcm))))
	}
	m.setLevel(level)
}

// clean makes PCM safe for an encoder: gopus panics on NaN and Inf.
func clean(pcm []float32) {
	for i, s := range pcm {
		switch {
		case s >= -1 && s <= 1:
		case s > 1:
			pcm[i] = 1
		case s < -1:
			pcm[i] = -1
		default:
			pcm[i] = 0
		}
	}
}

// guard runs one call into a codec and turns a panic into an error, so that
// one hostile stream cannot end the process.
func guard(what string, call func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %s panicked: %v; it was rebuilt, the unit is lost", ErrCodec, what, r)
		}
	}()
	return call()
}

// samplesToTime is exact for streams of any length.
func samplesToTime(n int64) time.Duration {
	return time.Duration(n/outRate)*time.Second + time.Duration(n%outRate)*time.Second/outRate
}

func checkTime(pts time.Duration) error {
	if pts < -maxTime || pts > maxTime {
		return fmt.Errorf("%w: %d ns; give time on the stream's own timeline", ErrTime, int64(pts))
	}
	return nil
}
