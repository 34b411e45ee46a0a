package recording

import (
	"context"
	"path/filepath"
	"sync"
	"time"

	"hutong/bridge/record"
)

// parcel is something to be brought to the store. The index says what is left to
// do, so that a restart forgets nothing; of large files S3 knows the parts it has.
type parcel struct {
	id   string
	name string // "" is the end: manifest and journal
}

// queue keeps two workers from the same parcel, and a parcel that failed from being
// tried all the time.
type queue struct {
	mu    sync.Mutex
	taken map[parcel]bool
	later map[parcel]time.Time
	tries map[parcel]int
}

var uploadPause = time.Second

func (q *queue) take(p parcel, now time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.taken[p] || now.Before(q.later[p]) {
		return false
	}
	if q.taken == nil {
		q.taken, q.later, q.tries = map[parcel]bool{}, map[parcel]time.Time{}, map[parcel]int{}
	}
	q.taken[p] = true
	return true
}

func (q *queue) done(p parcel, err error) (tries int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.taken, p)
	if err == nil {
		delete(q.later, p)
		delete(q.tries, p)
		return 0
	}
	q.tries[p]++
	q.later[p] = time.Now().Add(min(uploadPause<<min(q.tries[p]-1, 10), time.Minute))
	return q.tries[p]
}

// upload brings what is whole to the store, until the service closes.
func (s *Service) upload() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		for s.ctx.Err() == nil {
			p, ok := s.nextParcel()
			if !ok {
				break
			}
			err := s.bring(s.ctx, p)
			tries := s.queue.done(p, err)
			if err != nil && s.ctx.Err() == nil {
				s.Stats.UploadFailures.Add(1)
				if tries == 1 || tries%20 == 0 {
					s.log.Warn("an upload failed and is tried again", "recording", p.id, "file", p.name, "attempt", tries, "error", err)
				}
			}
		}
		select {
		case <-s.ctx.Done():
			return
		case <-s.vault.wake:
		case <-tick.C:
		}
	}
}

// waiting calls f for each parcel that is to be brought to the store, until it
// returns false. The oldest come first.
func (s *Service) waiting(f func(parcel) bool) {
	mine := s.index.all(func(i Item) bool { return i.Node == s.o.Node && (!i.Stored || i.unstoredComposite()) })
	for n := len(mine) - 1; n >= 0; n-- {
		i := mine[n]
		left := false
		for _, file := range i.Files {
			if !file.Stored {
				left = true
				if !f(parcel{i.RecordingID, file.Name}) {
					return
				}
			}
		}
		for _, c := range i.Composites {
			if c.State == Done && !c.Stored && !f(parcel{i.RecordingID, c.Name}) {
				return
			}
		}
		if !left && !i.active() && !i.Stored && !f(parcel{i.RecordingID, ""}) {
			return
		}
	}
}

func (i Item) unstoredComposite() bool {
	for _, c := range i.Composites {
		if c.State == Done && !c.Stored {
			return true
		}
	}
	return false
}

func (s *Service) nextParcel() (next parcel, ok bool) {
	now := time.Now()
	s.waiting(func(p parcel) bool {
		if s.queue.take(p, now) {
			next, ok = p, true
		}
		return !ok
	})
	return next, ok
}

// UploadsWaiting is how many files are not in the store yet.
func (s *Service) UploadsWaiting() int {
	n := 0
	if s.vault.bucket != nil {
		s.waiting(func(parcel) bool { n++; return true })
	}
	return n
}

func (s *Service) bring(ctx context.Context, p parcel) error {
	dir := filepath.Join(s.dir, p.id)
	if p.name != "" {
		if err := s.vault.put(ctx, p.id, p.name, filepath.Join(dir, p.name)); err != nil {
			return err
		}
		s.Stats.Uploads.Add(1)
		_, err := s.change(ctx, p.id, func(i *Item) error {
			for n := range i.Files {
				i.Files[n].Stored = i.Files[n].Stored || i.Files[n].Name == p.name
			}
			for n := range i.Composites {
				i.Composites[n].Stored = i.Composites[n].Stored || i.Composites[n].Name == p.name
			}
			return nil
		})
		return err
	}
	for _, name := range []string{record.JournalName, record.ManifestName} {
		if err := s.vault.put(ctx, p.id, name, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	i, err := s.change(ctx, p.id, func(i *Item) error {
		i.Stored, i.StoredAt = true, time.Now().UTC()
		return nil
	})
	if err == nil {
		s.log.Info("recording stored", "recording", p.id)
		s.send("recording_uploaded", i, nil)
	}
	return err
}
