package mix

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"hutong/bridge/stream"
)

// Input is one stream of a mix and where its picture goes, in pixels of the
// anchor's picture. Higher layers cover lower ones.
type Input struct {
	Stream string // app/name
	Layer  int
	// X and Y are the upper left corner. Without Width and Height the picture
	// covers all.
	X, Y, Width, Height int
}

// Result says what has become of a mix.
type Result struct {
	Code    int
	Message string
}

// The codes of a [Result]. All but CodeRefused mix at least the voices.
const (
	CodeMixed     = 0
	CodeNoEncoder = 1 // no ffmpeg, or one that does not work: the anchor's picture, everyone's voice
	CodeTooMany   = 2 // as many mixes with pictures as are allowed: likewise
	CodeRefused   = 3 // the inputs make no sense: nothing has changed
)

// Options of a [Mixer].
type Options struct {
	Streams *stream.Registry
	// FFmpeg is the program's path or name; "" mixes voices alone.
	FFmpeg  string
	Encoder EncoderOptions
	// MaxPictures bounds the mixes with pictures at once; 0 is no bound.
	MaxPictures int
	// MaxCPU is how much of a processor the ffmpegs of one mix may use, 1 being one
	// core; beyond it the mixed picture has fewer frames. 0 is no bound.
	MaxCPU     float64
	Limits     Limits // of each ffmpeg
	AACBitrate int    // bits a second of stereo, half of it for mono; 0 is 128k
	Log        *slog.Logger
}

// Mixer keeps the mixes of a gateway, one for each output.
type Mixer struct {
	opts      Options
	began     time.Time
	stats     stats
	processes processes
	ctx       context.Context
	cancel    context.CancelFunc
	wg        sync.WaitGroup

	mu       sync.Mutex
	mixes    map[string]*session
	pictures int // mixes that have a place for pictures
}

// New returns a mixer without mixes. The caller must Close it, before the
// registry.
func New(o Options) *Mixer {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Encoder.Preset == "" {
		o.Encoder.Preset = "veryfast"
	}
	if o.Encoder.MaxRate <= 0 {
		o.Encoder.MaxRate = 25
	}
	if o.AACBitrate <= 0 {
		o.AACBitrate = 128_000
	}
	m := &Mixer{opts: o, began: time.Now(), mixes: map[string]*session{}}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	m.processes.live = map[*process]*mixdown{}
	return m
}

// maxInputs bounds one mix.
const maxInputs = 16

// maxSide bounds where a tile may be and how large, in pixels.
const maxSide = 4096

// Mix gives the audience of output, a stream's app/name, the mix of inputs, the
// first of which is that stream itself: the anchor. Called again it changes the
// layout; inputs that stay go on without a break. Inputs need not be published
// yet. With nobody beside the anchor there is no mix.
//
// The error says that the mixer is closed or ctx ended; all else is in the
// result.
func (m *Mixer) Mix(ctx context.Context, output string, inputs []Input) (Result, error) {
	if err := check(output, inputs); err != nil {
		return Result{CodeRefused, err.Error()}, nil
	}
	if len(inputs) == 1 {
		m.Unmix(output)
		return Result{}, ctx.Err()
	}
	able := m.able(ctx)
	if ctx.Err() != nil {
		return Result{}, ctx.Err()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ctx.Err() != nil {
		return Result{}, stream.ErrClosed
	}
	s := m.mixes[output]
	if s == nil {
		s = newSession(m, output)
	}
	result := Result{}
	switch {
	case able != nil:
		result = Result{CodeNoEncoder, "pictures are not mixed, voices are: " + able.Error()}
	case s.pictures:
	case m.opts.MaxPictures > 0 && m.pictures >= m.opts.MaxPictures:
		result = Result{CodeTooMany, fmt.Sprintf("pictures are not mixed, voices are: %d mixes run already, as many as mix.max_mixes allows", m.pictures)}
	default:
		s.pictures = true
		m.pictures++
	}
	s.change(inputs)
	if m.mixes[output] == nil {
		m.mixes[output] = s
		m.wg.Add(1)
		go func() {
			defer m.wg.Done()
			s.run()
		}()
	}
	if failing := s.failing.Load(); result.Code == CodeMixed && failing != nil {
		result = Result{CodeNoEncoder, *failing}
	}
	return result, nil
}

// Unmix ends a mix; its audience gets the anchor's own stream again.
func (m *Mixer) Unmix(output string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.mixes[output]
	if s == nil {
		return
	}
	delete(m.mixes, output)
	if s.pictures {
		m.pictures--
	}
	s.cancel()
}

// Close ends all mixes and waits for them.
func (m *Mixer) Close() {
	m.mu.Lock()
	m.cancel()
	clear(m.mixes)
	m.mu.Unlock()
	m.wg.Wait()
}

func check(output string, inputs []Input) error {
	switch {
	case len(inputs) == 0:
		return errors.New("no inputs; give the anchor's stream first, then the others")
	case len(inputs) > maxInputs:
		return fmt.Errorf("%d inputs; give at most %d", len(inputs), maxInputs)
	case inputs[0].Stream != output:
		return fmt.Errorf("the first input is %q, the output %q; give the anchor's stream for both", inputs[0].Stream, output)
	}
	seen := map[string]bool{}
	for _, in := range inputs {
		if name, err := stream.ParseName(in.Stream); err != nil || name != in.Stream {
			return fmt.Errorf("%q is not a stream; use the form app/name", in.Stream)
		}
		if seen[in.Stream] {
			return fmt.Errorf("%s is there twice; give each stream once", in.Stream)
		}
		seen[in.Stream] = true
		for _, v := range []int{in.X, in.Y} {
			if v < -maxSide || v > maxSide {
				return fmt.Errorf("%s is at %d, %d; keep within %d pixels", in.Stream, in.X, in.Y, maxSide)
			}
		}
		if in.Width < 0 || in.Height < 0 || in.Width > maxSide || in.Height > maxSide {
			return fmt.Errorf("%s is %d by %d; use 0 to %d pixels", in.Stream, in.Width, in.Height, maxSide)
		}
	}
	return nil
}

// probeTimeout is how long ffmpeg may take to say what it can.
const probeTimeout = 15 * time.Second

// Find tells whether there is a program at path, a name or a path.
func Find(path string) error {
	if path == "" {
		return fmt.Errorf("%w is switched off; set mix.ffmpeg to its path", ErrEncoder)
	}
	if _, err := exec.LookPath(path); err != nil {
		return fmt.Errorf("%w %q is not there; install it, or set mix.ffmpeg to its path", ErrEncoder, path)
	}
	return nil
}

// Probe runs the ffmpeg at path to see whether it encodes H.264.
func Probe(ctx context.Context, path string) error {
	if err := Find(path); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "-hide_banner", "-loglevel", "error", "-encoders")
	cmd.Env = environment()
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%w %q does not run: %w", ErrEncoder, path, err)
	}
	if !strings.Contains(string(out), " libx264 ") {
		return fmt.Errorf("%w %q has no encoder libx264; install one that has", ErrEncoder, path)
	}
	return nil
}

// able asks ffmpeg what it can; a good answer is kept.
func (m *Mixer) able(ctx context.Context) error {
	if m.stats.able.Load() {
		return nil
	}
	err := Probe(ctx, m.opts.FFmpeg)
	if err == nil {
		m.stats.able.Store(true)
	}
	return err
}

type stats struct {
	able            atomic.Bool
	mixes, pictures atomic.Int64
	encoderRestarts atomic.Int64
	decoderRestarts atomic.Int64
	dropped         atomic.Int64
	encoded         atomic.Int64
}

// Stats is what an operator sees of all mixes together.
type Stats struct {
	Mixes    int64 // mixes that somebody is in
	Pictures int64 // of these, with pictures being encoded
	// EncoderRestarts and DecoderRestarts count ffmpegs that broke off.
	EncoderRestarts, DecoderRestarts int64
	Encoded                          int64         // pictures
	Dropped                          int64         // pictures not encoded for want of processor time
	CPU                              time.Duration // that ffmpegs have used
	Processes                        int           // ffmpegs that run
}

// Stats returns the figures now.
func (m *Mixer) Stats() Stats {
	cpu, n := m.processes.cpu(nil)
	s := &m.stats
	return Stats{Mixes: s.mixes.Load(), Pictures: s.pictures.Load(),
		EncoderRestarts: s.encoderRestarts.Load(), DecoderRestarts: s.decoderRestarts.Load(),
		Encoded: s.encoded.Load(), Dropped: s.dropped.Load(), CPU: cpu, Processes: n}
}

// processes are the ffmpegs that run, by the mix they run for.
type processes struct {
	mu   sync.Mutex
	live map[*process]*mixdown
	gone time.Duration // processor time of those that have ended
}

func (p *processes) add(m *mixdown, one *process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.live[one] = m
}

// remove takes a process that has ended from the list.
func (p *processes) remove(one *process) {
	one.end()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.live, one)
	p.gone += one.cpu()
}

// cpu is the processor time of all processes there have been, or of those that
// run for one mix, and how many run.
func (p *processes) cpu(of *mixdown) (total time.Duration, running int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if of == nil {
		total = p.gone
	}
	for one, m := range p.live {
		if of == nil || m == of {
			total += one.cpu()
			running++
		}
	}
	return total, running
}
