package recording

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"hutong/gateway/config"
)

// jobs makes composites, a few at a time. The index is the queue, so that it
// outlives a restart; what was being made then begins anew.
type jobs struct {
	s       *Service
	mu      sync.Mutex
	running map[string]context.CancelFunc // by composite
	of      map[string]string             // composite -> recording
	wake    chan struct{}
	wg      sync.WaitGroup
}

func newComposite(layout, by string) Composite {
	return Composite{ID: strings.ToLower(rand.Text()[:8]), Layout: layout, State: Waiting, By: by, CreatedAt: time.Now().UTC()}
}

func (j *jobs) open(s *Service) {
	j.s, j.running, j.of, j.wake = s, map[string]context.CancelFunc{}, map[string]string{}, make(chan struct{}, s.o.Config.Composite.Jobs)
	for range s.o.Config.Composite.Jobs {
		j.wg.Go(j.work)
	}
}

func (j *jobs) close() { j.wg.Wait() }

func (j *jobs) signal() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

func (j *jobs) work() {
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	for {
		for j.s.ctx.Err() == nil && j.one() {
		}
		select {
		case <-j.s.ctx.Done():
			return
		case <-j.wake:
		case <-tick.C:
		}
	}
}

// one makes a composite that waits; false is none.
func (j *jobs) one() bool {
	ctx, cancel := context.WithCancel(j.s.ctx)
	defer cancel()
	i, c, ok := j.claim(cancel)
	if !ok {
		return false
	}
	defer func() {
		j.mu.Lock()
		delete(j.running, c.ID)
		delete(j.of, c.ID)
		j.mu.Unlock()
	}()
	made, err := j.make(ctx, i, c)
	if j.s.ctx.Err() != nil {
		return false // the next life makes it
	}
	state, reason := Done, ""
	switch {
	case ctx.Err() != nil:
		state = Cancelled
	case err != nil:
		state, reason = Failed, err.Error()
		j.s.log.Error("a composite failed", "recording", i.RecordingID, "composite", c.ID, "error", err)
	}
	i, err = j.s.change(j.s.ctx, i.RecordingID, func(i *Item) error {
		if p := i.composite(c.ID); p != nil && p.State != Cancelled {
			p.State, p.Error, p.EndedAt = state, reason, time.Now().UTC()
			if state == Done {
				p.Name, p.Bytes, p.SHA256, p.Progress = made.Name, made.Bytes, made.SHA256, 1
			}
		}
		return nil
	})
	if err != nil {
		j.s.log.Error("index of recordings", "error", err)
		return true
	}
	j.s.Stats.Composites.Add(1)
	p := i.composite(c.ID)
	if made.Name != "" && (p == nil || p.State != Done) { // cancelled as it became ready
		if err := os.Remove(filepath.Join(j.s.dir, i.RecordingID, made.Name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			j.s.log.Warn("a composite is left behind", "recording", i.RecordingID, "file", made.Name, "error", err)
		}
	}
	if p != nil {
		j.s.send("recording_composite", i, map[string]any{"recordingID": i.RecordingID, "composite": p})
	}
	j.s.vault.signal()
	return true
}

// claim takes the oldest that waits.
func (j *jobs) claim(cancel context.CancelFunc) (Item, Composite, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	mine := j.s.index.all(func(i Item) bool { return i.Node == j.s.o.Node && !i.active() })
	for n := len(mine) - 1; n >= 0; n-- {
		for _, c := range mine[n].Composites {
			if _, taken := j.running[c.ID]; !taken && (c.State == Waiting || c.State == Running) {
				j.running[c.ID], j.of[c.ID] = cancel, mine[n].RecordingID
				return mine[n], c, true
			}
		}
	}
	return Item{}, Composite{}, false
}

func (j *jobs) uses(id string) bool {
	i, ok := j.s.index.get(id)
	return ok && slices.ContainsFunc(i.Composites, func(c Composite) bool { return c.State == Waiting || c.State == Running })
}

// drop ends the jobs of a recording that is being deleted.
func (j *jobs) drop(id string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for c, of := range j.of {
		if of == id {
			j.running[c]()
		}
	}
}

// Compose has one file of all sides made.
func (s *Service) Compose(ctx context.Context, id, layout, by string) (Composite, error) {
	if !slices.Contains(config.RecordingLayouts, layout) {
		return Composite{}, fmt.Errorf("%w: layout %q; use %s", ErrBad, layout, strings.Join(config.RecordingLayouts, ", "))
	}
	if err := s.FFmpeg(); err != nil {
		return Composite{}, err
	}
	c := newComposite(layout, by)
	_, err := s.change(ctx, id, func(i *Item) error {
		switch {
		case i.active():
			return fmt.Errorf("%w: recording %s goes on; a composite is made afterwards", ErrState, id)
		case len(i.Files) == 0:
			return fmt.Errorf("%w: recording %s has no files", ErrState, id)
		case i.Node != s.o.Node:
			return fmt.Errorf("%w: %s is on %s", ErrElsewhere, id, i.Node)
		case len(i.Composites) >= 20:
			return fmt.Errorf("%w: recording %s has %d composites; delete one", ErrState, id, len(i.Composites))
		}
		i.Composites = append(i.Composites, c)
		return nil
	})
	if err != nil {
		return Composite{}, err
	}
	s.audit(ctx, by, "composite", id, layout)
	s.jobs.signal()
	return c, nil
}

// Discard ends the making of a composite, or deletes one that is made.
func (s *Service) Discard(ctx context.Context, id, composite, by string) error {
	s.jobs.mu.Lock()
	cancel, running := s.jobs.running[composite]
	s.jobs.mu.Unlock()
	if running {
		// Written down first, so that the next life of the gateway knows as well.
		_, err := s.change(ctx, id, func(i *Item) error {
			if c := i.composite(composite); c != nil && (c.State == Waiting || c.State == Running) {
				c.State, c.EndedAt = Cancelled, time.Now().UTC()
			}
			return nil
		})
		cancel()
		if err == nil {
			s.audit(ctx, by, "cancel composite", id, composite)
		}
		return err
	}
	var was Composite
	_, err := s.change(ctx, id, func(i *Item) error {
		c := i.composite(composite)
		if c == nil {
			return fmt.Errorf("%w: recording %s has no composite %s", ErrNotFound, id, composite)
		}
		was = *c
		if c.State == Waiting || c.State == Running {
			c.State, c.EndedAt = Cancelled, time.Now().UTC()
			return nil
		}
		i.Composites = slices.DeleteFunc(i.Composites, func(c Composite) bool { return c.ID == composite })
		return nil
	})
	if err != nil {
		return err
	}
	// A worker may have taken it meanwhile.
	s.jobs.mu.Lock()
	if cancel, running := s.jobs.running[composite]; running {
		cancel()
	}
	s.jobs.mu.Unlock()
	if was.State == Done {
		err := os.Remove(filepath.Join(s.dir, id, was.Name))
		if errors.Is(err, os.ErrNotExist) {
			err = nil
		}
		if was.Stored && s.vault.bucket != nil {
			err = errors.Join(err, s.vault.bucket.Delete(ctx, s.vault.name(id, was.Name)))
		}
		if err != nil {
			s.log.Warn("a composite is left behind", "recording", id, "file", was.Name, "error", err)
		}
	}
	s.audit(ctx, by, "delete composite", id, composite)
	return nil
}

// FFmpeg says whether composites can be made.
func (s *Service) FFmpeg() error {
	name := s.o.Config.Composite.FFmpeg
	if _, err := exec.LookPath(name); err != nil {
		return fmt.Errorf("%w: there is no %s on this machine; install it (apt install ffmpeg, with fonts-noto-cjk for Chinese names), or name it in recording.composite.ffmpeg", ErrNoFFmpeg, name)
	}
	return nil
}

// advance notes how far a composite is.
func (j *jobs) advance(id, composite string, progress float64) {
	_, err := j.s.change(j.s.ctx, id, func(i *Item) error {
		if c := i.composite(composite); c != nil && c.State != Cancelled {
			c.State, c.Progress = Running, progress
		}
		return nil
	})
	if err != nil && j.s.ctx.Err() == nil {
		j.s.log.Warn("the progress of a composite is not in the index", "recording", id, "error", err)
	}
}
