package record

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"hutong/bridge/stream"
)

var (
	// ErrEnded refuses what a recording that has ended cannot do.
	ErrEnded = errors.New("the recording has ended")
	// ErrBusy refuses to record a stream twice in one recording.
	ErrBusy = errors.New("the stream is being recorded already")
)

// Options of a [Recording].
type Options struct {
	// Key signs the manifest.
	Key ed25519.PrivateKey
	// Ledger notes the manifest; nil is none.
	Ledger *Ledger
	// Fragment is how much media is written at once, and lost at most; 0 is 400 ms.
	Fragment time.Duration
	// SplitAfter and SplitBytes begin another file at the next keyframe; 0 never.
	SplitAfter time.Duration
	SplitBytes int64
	// MaxLag is how much media may wait for the disk before frames are dropped; 0 is
	// 10 s.
	MaxLag time.Duration
	// Space says why nothing may be written now; nil is no reason.
	Space func() error
	// OnFile is told of each file that is whole, OnDrop of frames dropped, OnWrite of
	// bytes written, OnTrouble of a disk that does not take what is written. None may
	// block, or call the recording back.
	OnFile    func(File)
	OnDrop    func(frames int)
	OnWrite   func(bytes int)
	OnTrouble func(error)
	Log       *slog.Logger
}

func (o Options) fill() Options {
	o.Fragment = cmp.Or(o.Fragment, 400*time.Millisecond)
	o.MaxLag = cmp.Or(o.MaxLag, 10*time.Second)
	if o.Space == nil {
		o.Space = func() error { return nil }
	}
	if o.OnFile == nil {
		o.OnFile = func(File) {}
	}
	if o.OnDrop == nil {
		o.OnDrop = func(int) {}
	}
	if o.OnWrite == nil {
		o.OnWrite = func(int) {}
	}
	if o.OnTrouble == nil {
		o.OnTrouble = func(error) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Recording is a directory in which streams are recorded on one clock, until
// Finish. Its methods may be called from several goroutines.
type Recording struct {
	dir     string
	o       Options
	meta    Meta
	journal *journal
	base    time.Time // the wall clock, read once

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu        sync.Mutex
	recorders map[string]*recorder
	missing   map[string]missed // by stream: what is not recorded since
	number    int
	pause     pauses
	ended     bool
	recovered time.Time // after a crash
	checking  sync.Mutex
}

// missed is a gap that has no end yet.
type missed struct {
	from   time.Time
	reason string
}

// pauses are when frames may be recorded, by their arrival.
type pauses struct {
	paused bool
	since  time.Time // of the pause, or of its end
	asked  chan struct{}
}

// Create begins a recording in a directory, which it makes.
func Create(dir string, meta Meta, o Options) (*Recording, error) {
	if err := os.MkdirAll(filepath.Dir(dir), 0o750); err != nil {
		return nil, fmt.Errorf("recording: %w", err)
	}
	if err := os.Mkdir(dir, 0o750); err != nil {
		return nil, fmt.Errorf("recording: %w", err)
	}
	j, err := createJournal(dir)
	if err != nil {
		return nil, fmt.Errorf("recording: %w", err)
	}
	r := newRecording(dir, meta, j, o)
	err = j.add(entry{link: link{Kind: kindBegin}, Meta: &meta})
	if err == nil {
		err = errors.Join(syncDir(filepath.Dir(dir)), r.checkpoint())
	}
	if err != nil {
		j.close()
		return nil, fmt.Errorf("recording: %w", err)
	}
	return r, nil
}

func newRecording(dir string, meta Meta, j *journal, o Options) *Recording {
	r := &Recording{dir: dir, o: o.fill(), meta: meta, journal: j, base: time.Now(), recorders: map[string]*recorder{}, missing: map[string]missed{}}
	r.o.Log = r.o.Log.With("recording", meta.RecordingID)
	r.pause.asked = make(chan struct{})
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// Dir is where the recording is. Meta is what it is of.
func (r *Recording) Dir() string { return r.dir }
func (r *Recording) Meta() Meta  { return r.meta }

// instant puts a time of this process on the recording's clock: a step of the
// wall clock does not pull its streams apart.
func (r *Recording) instant(t time.Time) time.Time { return r.base.Add(t.Sub(r.base)) }

// Attach records a stream until it ends. A stream that comes back is attached
// anew.
func (r *Recording) Attach(s *stream.Stream, who Who) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return fmt.Errorf("%w: %s", ErrEnded, r.meta.RecordingID)
	}
	if r.recorders[s.Name] != nil {
		return fmt.Errorf("%w: %s", ErrBusy, s.Name)
	}
	player, err := s.Play(stream.Recorder)
	if err != nil {
		return err
	}
	c := &recorder{r: r, s: s, player: player, who: who, log: r.o.Log.With("stream", s.Name)}
	r.recorders[s.Name] = c
	r.wg.Go(func() {
		defer player.Close()
		c.run(r.ctx)
		r.mu.Lock()
		delete(r.recorders, s.Name)
		r.mu.Unlock()
	})
	return nil
}

// Detach ends the recording of one stream, and returns when its file is whole.
func (r *Recording) Detach(name string) {
	r.mu.Lock()
	c := r.recorders[name]
	r.mu.Unlock()
	if c != nil {
		c.stop()
	}
}

// Streams are those that are being recorded now, in order.
func (r *Recording) Streams() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	names := make([]string, 0, len(r.recorders))
	for n := range r.recorders {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// Pause leaves out what comes from now on. It changes nothing while paused.
func (r *Recording) Pause(by string) error { return r.setPause(true, by) }

// Resume ends a pause. Pictures go on at the next keyframe.
func (r *Recording) Resume(by string) error { return r.setPause(false, by) }

func (r *Recording) setPause(paused bool, by string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return fmt.Errorf("%w: %s", ErrEnded, r.meta.RecordingID)
	}
	if r.pause.paused == paused {
		return nil
	}
	kind := kindResume
	if paused {
		kind = kindPause
	}
	// What is left out is left out, whether or not the disk takes a note of it now.
	r.pause.paused, r.pause.since = paused, time.Now()
	close(r.pause.asked)
	r.pause.asked = make(chan struct{})
	return r.journal.add(entry{link: link{Kind: kind}, By: by})
}

// Paused tells whether the recording is paused.
func (r *Recording) Paused() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pause.paused
}

func (r *Recording) pauses() pauses {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pause
}

// Note adds something that happened.
func (r *Recording) Note(e Event) error {
	r.mu.Lock()
	ended := r.ended
	r.mu.Unlock()
	if ended {
		return nil
	}
	return r.journal.add(entry{link: link{Kind: kindEvent}, Event: &e})
}

// Finish ends the recording: every file is whole, and the manifest complete and
// signed.
func (r *Recording) Finish() (Manifest, error) {
	r.mu.Lock()
	if r.ended {
		r.mu.Unlock()
		return Manifest{}, fmt.Errorf("%w: %s", ErrEnded, r.meta.RecordingID)
	}
	r.ended = true
	r.mu.Unlock()
	r.cancel()
	r.wg.Wait()
	err := errors.Join(r.cutShort(), r.journal.add(entry{link: link{Kind: kindEnd}}))
	entries, head := r.journal.snapshot()
	m := build(entries, head)
	err = errors.Join(err, r.write(m, true), r.journal.close())
	return m, err
}

// cutShort writes down what a crash has cut off and nobody has come back for. It
// is missing at least until the recording was taken up.
func (r *Recording) cutShort() error {
	r.mu.Lock()
	cut := map[string]missed{}
	for stream, m := range r.missing {
		if m.reason == GapCrash {
			cut[stream] = m
		}
	}
	r.mu.Unlock()
	var err error
	for stream := range cut {
		err = errors.Join(err, r.found(stream, r.instant(r.recovered)))
	}
	return err
}

// Abandon leaves the recording as a crash would, but with its files whole. Recover
// takes it up.
func (r *Recording) Abandon() error {
	r.mu.Lock()
	r.ended = true
	r.mu.Unlock()
	r.cancel()
	r.wg.Wait()
	return errors.Join(r.checkpoint(), r.journal.close())
}

// Manifest is how the recording is now.
func (r *Recording) Manifest() Manifest {
	entries, head := r.journal.snapshot()
	return build(entries, head)
}

// checkpoint writes the manifest as it is now.
func (r *Recording) checkpoint() error {
	r.checking.Lock()
	defer r.checking.Unlock()
	return r.write(r.Manifest(), false)
}

func (r *Recording) write(m Manifest, final bool) error {
	b, err := m.Sign(r.o.Key)
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(r.dir, ManifestName), b); err != nil {
		return err
	}
	if final && r.o.Ledger != nil {
		return r.o.Ledger.Manifest(r.meta.RecordingID, b)
	}
	return nil
}

// fileName is the next file's: its number, and the stream's name.
func (r *Recording) fileName(stream string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.number++
	name := strings.ReplaceAll(stream, "/", "_")
	return fmt.Sprintf("%04d-%s.mp4", r.number, name[:min(len(name), 80)])
}

// miss notes that a stream is not recorded since an instant, unless that is noted
// for a longer time already.
func (r *Recording) miss(stream string, from time.Time, reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m, ok := r.missing[stream]; !ok || m.reason == GapNoPublisher && !from.Before(m.from) && reason != GapNoPublisher {
		r.missing[stream] = missed{from, reason}
	}
}

// shortest is how long what is missing must be to be called a gap.
const shortest = 100 * time.Millisecond

// found ends what was missing of a stream, and writes the gap down.
func (r *Recording) found(stream string, to time.Time) error {
	r.mu.Lock()
	m, ok := r.missing[stream]
	delete(r.missing, stream)
	r.mu.Unlock()
	if !ok || to.Sub(m.from) < shortest {
		return nil
	}
	return r.journal.add(entry{link: link{Kind: kindGap}, Gap: &Gap{Stream: stream, From: m.from.UTC(), To: to.UTC(), Reason: m.reason}})
}
