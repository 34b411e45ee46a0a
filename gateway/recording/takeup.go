package recording

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"hutong/bridge/record"
)

// takeUp goes on with what a former life has left.
func (s *Service) takeUp() {
	dirs, err := os.ReadDir(s.dir)
	if err != nil {
		s.log.Error("the recordings of before cannot be read", "error", err)
		return
	}
	for _, d := range dirs {
		id := d.Name()
		if strings.HasPrefix(id, ".composite-") || strings.HasPrefix(id, ".verify-") {
			// What was being made when the gateway was killed begins anew.
			if err := os.RemoveAll(filepath.Join(s.dir, id)); err != nil {
				s.log.Error("work that was left behind takes room", "directory", id, "error", err)
			}
			continue
		}
		known, ok := s.index.get(id)
		if !d.IsDir() || ok && !known.active() {
			continue
		}
		rec, m, err := record.Recover(filepath.Join(s.dir, id), s.recordOptions(id))
		if err != nil {
			s.log.Error("a recording of before cannot be taken up", "recording", id, "error", err)
			continue
		}
		if !ok && !s.readopt(m) {
			continue
		}
		if rec == nil {
			s.finished(m)
			continue
		}
		s.log.Info("recording taken up", "recording", id, "files", len(m.Files))
		s.take(rec, m.Meta)
	}
	for _, i := range s.index.all(func(i Item) bool { return i.Node == s.o.Node && i.active() }) {
		s.mu.Lock()
		_, going := s.active[i.RecordingID]
		s.mu.Unlock()
		if !going {
			s.lost(i)
		}
	}
}

// readopt makes an entry for a recording that the index has lost.
func (s *Service) readopt(m record.Manifest) bool {
	i := Item{Meta: m.Meta, State: Recording, StartedAt: m.StartedAt, Users: []string{}, Streams: []string{}, Files: []File{}, Composites: []Composite{}, Local: true}
	b, err := i.encode()
	if err == nil {
		var revision uint64
		if revision, err = s.items.Create(s.ctx, m.RecordingID, b); err == nil {
			s.index.note(i, revision)
		}
	}
	if err != nil {
		s.log.Error("a recording is not in the index", "recording", m.RecordingID, "error", err)
	}
	return err == nil
}

// lost ends the entry of a recording whose directory is gone.
func (s *Service) lost(i Item) {
	s.log.Error("the files of a recording are gone", "recording", i.RecordingID, "directory", s.dir)
	if _, err := s.change(s.ctx, i.RecordingID, func(i *Item) error {
		i.State, i.EndedAt, i.Local, i.Trouble = Finished, time.Now().UTC(), false, "its files are gone from the node's disk"
		return nil
	}); err != nil {
		s.log.Error("index of recordings", "error", err)
	}
}
