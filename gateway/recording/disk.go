package recording

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"hutong/bridge/record"
	"hutong/gateway/config"
)

// disk is how full the disk of recordings is.
type disk struct {
	mu          sync.Mutex
	free, total uint64
	full, low   bool
}

// look measures, and tells whether the alarm or the fullness has changed.
func (d *disk) look(dir string, c config.RecordingDisk) (changed bool) {
	free, total, err := space(dir)
	if err != nil {
		free, total = math.MaxInt64, math.MaxInt64
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	full, low := d.full, d.low
	d.free, d.total = free, total
	least, alarm := uint64(c.MinFree.Bytes()), uint64(c.AlarmFree.Bytes())
	// Some room has to come before it counts, so that it does not flutter.
	d.full = free < least || full && free < least+least/16
	d.low = free < alarm || low && free < alarm+alarm/16
	return d.full != full || d.low != low
}

func (d *disk) state() (free, total uint64, full, low bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.free, d.total, d.full, d.low
}

// space says why nothing may be written, nil if it may.
func (s *Service) space() error {
	if free, _, full, _ := s.disk.state(); full {
		return fmt.Errorf("%w: %d MB are free where recordings are written; make room, or lower recording.disk.min_free", record.ErrDiskFull, free>>20)
	}
	return nil
}

// watchDisk looks how full the disk is, tells of changes, and makes room where it
// is to.
func (s *Service) watchDisk(ctx context.Context) {
	c := s.o.Config.Disk
	if s.disk.look(s.dir, c) {
		free, _, full, low := s.disk.state()
		switch {
		case full:
			s.log.Error("the disk of recordings is full", "free", free, "policy", c.WhenFull)
		case low:
			s.log.Error("the disk of recordings is getting full", "free", free, "alarm_free", c.AlarmFree)
		default:
			s.log.Info("the disk of recordings has room again", "free", free)
		}
		s.send("recording_disk", Item{}, map[string]any{"free": free, "full": full, "low": low})
	}
	if _, _, full, _ := s.disk.state(); full && c.WhenFull == config.DiskOldest {
		s.makeRoom(ctx)
	}
}

// makeRoom deletes the oldest recording that may go: first local copies of what is
// in the store.
func (s *Service) makeRoom(ctx context.Context) {
	mine := s.index.all(func(i Item) bool { return i.Node == s.o.Node && !i.active() && i.Local && !s.jobs.uses(i.RecordingID) })
	for n := len(mine) - 1; n >= 0; n-- {
		if i := mine[n]; i.Stored {
			s.dropLocal(ctx, i)
			s.disk.look(s.dir, s.o.Config.Disk)
			return
		}
	}
	for n := len(mine) - 1; n >= 0; n-- {
		if i := mine[n]; !i.Hold {
			s.log.Warn("the oldest recording is deleted to make room", "recording", i.RecordingID)
			if err := s.Delete(ctx, i.RecordingID, "", "the disk is full"); err != nil {
				s.log.Error("no room could be made", "recording", i.RecordingID, "error", err)
			}
			s.disk.look(s.dir, s.o.Config.Disk)
			return
		}
	}
}

// dropLocal deletes the local copies of what the store has. The manifest and the
// journal stay.
func (s *Service) dropLocal(ctx context.Context, i Item) {
	dir := filepath.Join(s.dir, i.RecordingID)
	names, err := os.ReadDir(dir)
	for _, d := range names {
		if strings.HasSuffix(d.Name(), ".mp4") && err == nil {
			err = os.Remove(filepath.Join(dir, d.Name()))
		}
	}
	if err == nil || os.IsNotExist(err) {
		_, err = s.change(ctx, i.RecordingID, func(i *Item) error {
			i.Local = false
			return nil
		})
	}
	if err != nil {
		s.log.Error("local copies of a stored recording could not be deleted", "recording", i.RecordingID, "error", err)
	}
}

// tend looks after what needs no hurry: the disk, local copies, the retention.
func (s *Service) tend() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
		}
		s.watchDisk(s.ctx)
		if n%10 == 0 {
			s.retire(s.ctx, time.Now())
		}
	}
}

// retire deletes what has been kept long enough, here and in the store.
func (s *Service) retire(ctx context.Context, now time.Time) {
	for _, i := range s.index.all(func(i Item) bool { return i.Node == s.o.Node && !i.active() }) {
		switch {
		case ctx.Err() != nil:
			return
		case !i.KeepUntil.IsZero() && now.After(i.KeepUntil) && !i.Hold && !s.jobs.uses(i.RecordingID):
			if err := s.Delete(ctx, i.RecordingID, "", "kept until "+i.KeepUntil.Format(time.RFC3339)); err != nil {
				s.log.Error("a recording is kept too long", "recording", i.RecordingID, "error", err)
			}
		case i.Stored && i.Local && now.Sub(i.StoredAt) >= s.o.Config.Store.KeepLocal.Std() && !s.jobs.uses(i.RecordingID):
			s.dropLocal(ctx, i)
		}
	}
}
