package audio

import (
	"time"
)

// ToAACOptions tunes a [ToAAC]. The zero value is good.
type ToAACOptions struct {
	// Channels is 1 or 2; 0 is 2.
	Channels int
	// Bitrate is in bits per second; 0 is 64k for mono and 128k for stereo.
	Bitrate int
	// Fast cuts the encoder's cost by more than half. In stereo at 128k the
	// difference is hardly measurable; in mono at 64k the slow way is better,
	// and cheap enough.
	Fast bool
}

const (
	// Lost audio is extrapolated for at most maxPLC, then silent. Between the
	// packets of a DTX pause, 400 ms apart, extrapolation is comfort noise.
	maxPLC    = 120 * time.Millisecond
	maxPLCDTX = 500 * time.Millisecond
	// maxAdvance bounds the work of one Advance.
	maxAdvance = 5 * time.Second
)

// ToAAC turns the Opus packets of one stream, in sequence order, into AAC-LC
// access units of 1024 samples at 48 kHz. A loss is a gap in pts. One
// goroutine at a time may use it; Level and Stats are free to all.
type ToAAC struct {
	channels int
	bitrate  int
	fast     bool
	config   *Config
	meter    meter
	line     line
	dec      opusDecoder
	enc      encoder
	pcm      [opusMaxFrames * opusChannels]float32
	mono     []float32
	closed   bool

	last   int           // samples of the last packet
	plc    time.Duration // extrapolated since the last good packet
	maxPLC time.Duration // for the present pause
	made   time.Duration // up by Advance since the last packet that was in time

	// For the duration of one Push or Advance.
	emit func(pts time.Duration, au []byte)
	err  error

	newDecoder func() (opusDecoder, error)
	newEncoder func(channels, bitrate int, fast bool) (encoder, error)
}

// NewToAAC is ready for Push.
func NewToAAC(opts ToAACOptions) *ToAAC {
	t := &ToAAC{
		channels: 2, bitrate: opts.Bitrate, fast: opts.Fast,
		last: opusFrame, maxPLC: maxPLC,
		newDecoder: newOpusDecoder, newEncoder: newAACEncoder,
	}
	if opts.Channels == 1 {
		t.channels = 1
	}
	if t.bitrate <= 0 {
		t.bitrate = 64000 * t.channels
	}
	t.bitrate = min(max(t.bitrate, 24000*t.channels), 256000*t.channels)
	t.config = AACConfig48k(t.channels)
	t.line.frame = aacFrame
	t.line.out = t.encode
	t.line.setInput(outRate, t.channels)
	t.meter.setLevel(SilenceLevel)
	return t
}

// Config describes the emitted access units. It never changes.
func (t *ToAAC) Config() *Config { return t.config }

// Push decodes one packet of 2.5 to 120 ms and emits the access units it
// completes. Audio missing before pts is restored from the packet's FEC where
// that reaches, extrapolated, then silent. Emitted units are never touched
// again. An error concerns this packet alone, whose time is kept; see
// [ErrBadUnit] and [ErrCodec].
func (t *ToAAC) Push(pts time.Duration, packet []byte, emit func(pts time.Duration, au []byte)) error {
	if err := t.begin(pts, emit); err != nil {
		return err
	}
	defer t.end()
	t.meter.in.Add(1)

	frame, total, err := opusDuration(packet)
	if err != nil {
		t.fail(err)
		frame, total, packet = 0, t.last, nil
	}
	t.place(pts, packet, frame, total)
	if packet != nil && t.decode(packet) {
		return t.err
	}
	t.conceal(total)
	return t.err
}

// decode writes one packet's audio to the line and reports whether it could.
func (t *ToAAC) decode(packet []byte) bool {
	n := 0
	err := guard("Opus decoder", func() (err error) { n, err = t.dec.decode(packet, t.pcm[:]); return err })
	if err != nil {
		t.fail(err)
		t.dec = nil
		t.buildDecoder()
		return false
	}
	t.last, t.plc = n, 0
	t.maxPLC = maxPLC
	if len(packet) <= 2 {
		t.maxPLC = maxPLCDTX
	}
	t.write(t.pcm[:n*opusChannels])
	return true
}

// Advance is called when nothing has arrived although media time has reached
// now: in a DTX pause, under loss, while muted. It makes up audio until now,
// to within one packet, so that players are never left without. Let now trail
// the newest time by the jitter you allow: made-up audio is not taken back,
// and a packet that comes after all is cut to what is still to come.
func (t *ToAAC) Advance(now time.Duration, emit func(pts time.Duration, au []byte)) {
	if t.begin(now, emit) != nil {
		return
	}
	defer t.end()
	if !t.line.started {
		t.line.anchor(now)
		return
	}
	missing := t.line.offset(now)
	if missing > maxAdvance {
		t.line.anchor(now)
		t.made = 0
		t.meter.reanchored.Add(1)
		return
	}
	step := samplesToTime(int64(t.last))
	for n := missing / step; n > 0; n-- {
		t.conceal(t.last)
		t.made += step
	}
}

func (t *ToAAC) begin(pts time.Duration, emit func(time.Duration, []byte)) error {
	if t.closed {
		return ErrClosed
	}
	if err := checkTime(pts); err != nil {
		return err
	}
	t.emit, t.err = emit, nil
	if t.dec == nil {
		t.buildDecoder()
	}
	if t.enc == nil {
		t.buildEncoder()
	}
	if t.dec == nil || t.enc == nil {
		return t.err
	}
	return nil
}

func (t *ToAAC) end() { t.emit = nil }

// place brings the line to where a packet at pts belongs, filling what was
// lost before it.
func (t *ToAAC) place(pts time.Duration, packet []byte, frame, total int) {
	if !t.line.started {
		t.line.anchor(pts)
		return
	}
	// Half a packet is less than any loss and more than any honest jitter.
	tolerance := samplesToTime(int64(min(t.last, total))) / 2
	tolerance = min(max(tolerance, 4*time.Millisecond), 30*time.Millisecond)

	offset := t.line.offset(pts)
	late := offset < -tolerance && -offset <= t.made+tolerance // what was made up has taken its place
	if !late {
		t.made = 0
	}
	switch {
	case late:
		t.line.moveTo(pts)
	case offset > maxJump || offset < -maxJump:
		t.line.anchor(pts)
		t.meter.reanchored.Add(1)
	case offset > tolerance:
		t.fill(offset, packet, frame)
	case offset < -tolerance:
		t.line.moveTo(pts)
	default:
		t.line.steer(offset, samplesToTime(int64(total)))
	}
}

// fill makes up a gap. What 2.5 ms do not divide is left to the drift control.
func (t *ToAAC) fill(gap time.Duration, next []byte, frame int) {
	const quantum = opusQuantum * time.Second / outRate
	n := int((gap+quantum/2)/quantum) * opusQuantum
	if n < frame || t.plc > 0 || next == nil || !opusHasFEC(next) {
		t.conceal(n)
		return
	}
	t.conceal(n - frame)
	pcm := t.pcm[:frame*opusChannels]
	if err := guard("Opus decoder", func() error { return t.dec.conceal(next, pcm) }); err != nil {
		t.fail(err)
		t.dec = nil
		if t.buildDecoder(); t.dec != nil {
			t.conceal(frame)
		}
		return
	}
	t.meter.recovered.Add(1)
	t.write(pcm)
}

// conceal makes up n samples, a multiple of 2.5 ms.
func (t *ToAAC) conceal(n int) {
	t.meter.concealed.Add(int64(samplesToTime(int64(n))))
	for n > 0 && t.plc < t.maxPLC && t.dec != nil {
		chunk := min(n, opusFrame)
		pcm := t.pcm[:chunk*opusChannels]
		if err := guard("Opus decoder", func() error { return t.dec.conceal(nil, pcm) }); err != nil {
			t.fail(err)
			t.dec = nil
			t.buildDecoder()
			t.plc = t.maxPLC
			break
		}
		t.write(pcm)
		t.plc += samplesToTime(int64(chunk))
		n -= chunk
	}
	if n > 0 {
		t.meter.setLevel(SilenceLevel)
		t.line.extend(float64(n))
	}
}

// write hands decoded stereo to the line, as mono if that is asked for.
func (t *ToAAC) write(pcm []float32) {
	t.meter.measure(pcm)
	if t.channels == 1 {
		t.mono = rechannel(t.mono[:0], pcm, 1)
		pcm = t.mono
	}
	t.line.write(pcm)
}

// encode receives each full frame from the line.
func (t *ToAAC) encode(start time.Duration, pcm []float32) {
	if t.enc == nil {
		return
	}
	var au []byte
	err := guard("AAC encoder", func() (err error) { au, err = t.enc.encode(pcm); return err })
	if err != nil {
		t.fail(err)
		t.enc = nil
		t.buildEncoder()
		return
	}
	if au != nil {
		t.meter.out.Add(1)
		t.emit(start-samplesToTime(int64(t.enc.delay())), au)
	}
}

func (t *ToAAC) buildDecoder() {
	err := guard("Opus decoder", func() (err error) { t.dec, err = t.newDecoder(); return err })
	if err != nil {
		t.dec = nil
		t.fail(err)
	}
}

func (t *ToAAC) buildEncoder() {
	err := guard("AAC encoder", func() (err error) {
		t.enc, err = t.newEncoder(t.channels, t.bitrate, t.fast)
		return err
	})
	if err != nil {
		t.enc = nil
		t.fail(err)
	}
}

func (t *ToAAC) fail(err error) {
	t.meter.count(err)
	if t.err == nil {
		t.err = err
	}
}

// Level is the RMS of the last decoded or concealed packet in dBov, 0 down to
// [SilenceLevel].
func (t *ToAAC) Level() float64 { return t.meter.getLevel() }

// Stats counts since NewToAAC.
func (t *ToAAC) Stats() Stats { return t.meter.stats() }

// Close lets go of the codecs. What is not yet a full access unit is lost.
func (t *ToAAC) Close() {
	t.closed, t.dec, t.enc = true, nil, nil
	t.meter.setLevel(SilenceLevel)
}
