package recording

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hutong/bridge/record"
	"hutong/bridge/stream"
	"hutong/gateway/config"
)

// Order is what somebody wants recorded: a room, a call or a stream.
type Order struct {
	Stream, RoomID, CallID string
	// Mixed records what a stream's audience gets: the mixed picture where there is
	// one.
	Mixed bool
	// Keep is how long; 0 is as configured.
	Keep   time.Duration
	Layout string // of a composite to be made afterwards
	By     string
}

// Start begins a recording on demand. What is being recorded already is returned,
// and again is true.
func (s *Service) Start(ctx context.Context, o Order) (i Item, again bool, err error) {
	n := 0
	for _, v := range []string{o.Stream, o.RoomID, o.CallID} {
		if v != "" {
			n++
		}
	}
	if n != 1 {
		return Item{}, false, fmt.Errorf("%w: name exactly one of stream, roomID and callID", ErrBad)
	}
	if o.Layout != "" && o.Layout != config.CompositeNone && !slices.Contains(config.RecordingLayouts, o.Layout) {
		return Item{}, false, fmt.Errorf("%w: composite %q; use %s", ErrBad, o.Layout, strings.Join(config.RecordingLayouts, ", "))
	}
	if o.Mixed && o.Stream == "" {
		return Item{}, false, fmt.Errorf("%w: mixed is of a stream; name it", ErrBad)
	}
	meta := record.Meta{RoomID: o.RoomID, By: o.By, Mixed: o.Mixed}
	if o.CallID != "" {
		meta.RoomID = o.CallID // a call's room has its name
	}
	if o.Stream != "" {
		if meta.Stream, err = stream.ParseName(o.Stream); err != nil {
			return Item{}, false, fmt.Errorf("%w: %w", ErrBad, err)
		}
		if s.o.Streams.Get(meta.Stream) == nil {
			return Item{}, false, fmt.Errorf("%w: nobody publishes %s here; publish it first", ErrNothing, meta.Stream)
		}
	} else if _, err := s.o.Rooms.Load(ctx, meta.RoomID); err != nil {
		return Item{}, false, err
	}
	if err := s.space(); err != nil {
		return Item{}, false, err
	}
	s.beginning.Lock()
	defer s.beginning.Unlock()
	s.mu.Lock()
	for _, a := range s.active {
		if !a.ending && a.meta.RoomID == meta.RoomID && a.meta.Stream == meta.Stream && a.meta.Mixed == meta.Mixed {
			s.mu.Unlock()
			i, err := s.Get(ctx, a.id)
			return i, true, err
		}
	}
	delete(s.declined, scope(meta.RoomID, meta.Stream))
	s.mu.Unlock()
	i, err = s.begin(ctx, meta, config.RecordingRule{Keep: config.Duration(o.Keep), Composite: layoutOr(o.Layout)})
	return i, false, err
}

func layoutOr(layout string) string {
	if layout == "" {
		return config.CompositeNone
	}
	return layout
}

// Stop ends a recording. Where a rule wants it, it is not begun again before
// everybody has gone.
func (s *Service) Stop(ctx context.Context, id, by string) (Item, error) {
	a, err := s.find(id)
	if err != nil {
		return Item{}, err
	}
	s.mu.Lock()
	if a.ending {
		s.mu.Unlock()
		return Item{}, fmt.Errorf("%w: recording %s is ending", ErrState, id)
	}
	a.ending = true
	if !a.meta.Mixed { // rules want none of those
		s.declined[scope(a.meta.RoomID, a.meta.Stream)] = true
	}
	s.mu.Unlock()
	s.audit(ctx, by, "stop", id, "")
	return s.end(a)
}

// Pause leaves out what comes from now on, Resume goes on.
func (s *Service) Pause(ctx context.Context, id, by string) (Item, error) {
	return s.hold(ctx, id, by, Paused)
}

// Resume ends a pause.
func (s *Service) Resume(ctx context.Context, id, by string) (Item, error) {
	return s.hold(ctx, id, by, Recording)
}

func (s *Service) hold(ctx context.Context, id, by string, to State) (Item, error) {
	a, err := s.find(id)
	if err != nil {
		return Item{}, err
	}
	order, event, word := a.rec.Resume, "recording_resumed", "resume"
	if to == Paused {
		order, event, word = a.rec.Pause, "recording_paused", "pause"
	}
	if err := order(by); err != nil {
		return Item{}, err
	}
	i, err := s.change(ctx, id, func(i *Item) error {
		i.State = to
		return nil
	})
	if err != nil {
		return Item{}, err
	}
	s.audit(ctx, by, word, id, "")
	s.send(event, i, nil)
	s.notice(a.meta)
	return i, nil
}

// Hold keeps a recording from being deleted, whoever and whatever would; or ends
// that.
func (s *Service) Hold(ctx context.Context, id, by, reason string, on bool) (Item, error) {
	i, err := s.change(ctx, id, func(i *Item) error {
		i.Hold, i.HoldBy, i.HoldReason = on, by, reason
		if !on {
			i.HoldBy, i.HoldReason = "", ""
		}
		return nil
	})
	if err != nil {
		return Item{}, err
	}
	word := "release"
	if on {
		word = "hold"
	}
	s.audit(ctx, by, word, id, reason)
	return i, nil
}

// Delete removes a recording from the disk, the store and the index. The ledger
// and the audit say that it was there, and who deleted it.
func (s *Service) Delete(ctx context.Context, id, by, reason string) error {
	i, err := s.Get(ctx, id)
	if err != nil {
		return err
	}
	switch {
	case i.Hold:
		return fmt.Errorf("%w: recording %s is held by %s; release it first", ErrHeld, id, i.HoldBy)
	case i.active():
		return fmt.Errorf("%w: recording %s goes on; stop it first", ErrState, id)
	case i.Node != s.o.Node && i.Local:
		return fmt.Errorf("%w: %s is on %s", ErrElsewhere, id, i.Node)
	}
	s.jobs.drop(id)
	if err := s.vault.remove(ctx, id, i.names()); err != nil {
		return fmt.Errorf("recording %s in the store: %w; nothing was deleted on the disk, try again", id, err)
	}
	if err := s.ledger.Deleted(id, by, reason); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(s.dir, id)); err != nil {
		return err
	}
	if err := s.items.Delete(ctx, id, 0); err != nil {
		return err
	}
	s.index.forget(id)
	s.Stats.Deleted.Add(1)
	s.audit(ctx, by, "delete", id, reason)
	s.log.Info("recording deleted", "recording", id, "by", by, "reason", reason)
	s.send("recording_deleted", i, map[string]any{"recordingID": id, "by": by, "reason": reason})
	return nil
}

// Manifest is what a recording consists of, as far as it has come.
func (s *Service) Manifest(ctx context.Context, i Item) (record.Manifest, error) {
	s.mu.Lock()
	a := s.active[i.RecordingID]
	s.mu.Unlock()
	if a != nil {
		return a.rec.Manifest(), nil
	}
	b, err := s.read(ctx, i, record.ManifestName)
	if err != nil {
		return record.Manifest{}, err
	}
	m, _, err := record.ParseManifest(b)
	return m, err
}
