package record

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// ErrDiskFull is for Options.Space to return.
var ErrDiskFull = errors.New("the disk is full")

// Recover takes up a recording that a crash has left: files are cut behind their
// last whole fragment, given their index, and written down. The recording goes on;
// r is nil when it had ended, and m what it is either way.
func Recover(dir string, o Options) (r *Recording, m Manifest, err error) {
	j, err := openJournal(dir)
	if err != nil {
		return nil, Manifest{}, fmt.Errorf("recording: %w", err)
	}
	if len(j.entries) == 0 || j.entries[0].Meta == nil {
		j.close()
		return nil, Manifest{}, fmt.Errorf("recording %s: %w: its journal is empty", dir, ErrNotRecording)
	}
	r = newRecording(dir, *j.entries[0].Meta, j, o)
	if j.entries[len(j.entries)-1].Kind == kindEnd {
		return nil, r.Manifest(), errors.Join(r.rewrite(), j.close())
	}
	if err := r.mend(); err != nil {
		j.close()
		return nil, Manifest{}, err
	}
	return r, r.Manifest(), nil
}

// rewrite makes a manifest that a crash has kept from being written.
func (r *Recording) rewrite() error {
	b, err := os.ReadFile(filepath.Join(r.dir, ManifestName))
	if err == nil {
		if m, _, err := ParseManifest(b); err == nil && m.Complete {
			if r.o.Ledger != nil && !r.o.Ledger.Has(r.meta.RecordingID) {
				return r.o.Ledger.Manifest(r.meta.RecordingID, b)
			}
			return nil
		}
	}
	return r.write(r.Manifest(), true)
}

func (r *Recording) mend() error {
	open := map[string]File{}
	var order []string
	paused := false
	var since time.Time
	for _, e := range r.journal.entries {
		switch {
		case e.Open != nil:
			open[e.Open.Name] = *e.Open
			order = append(order, e.Open.Name)
			r.number++
		case e.File != nil:
			delete(open, e.File.Name)
			r.missing[e.File.Stream] = missed{e.File.End(), GapNoPublisher}
		case e.Gap != nil && e.Gap.To.After(r.missing[e.Gap.Stream].from):
			r.missing[e.Gap.Stream] = missed{e.Gap.To, e.Gap.Reason}
		case e.Kind == kindPause:
			paused, since = true, e.At
		case e.Kind == kindResume:
			paused = false
		}
	}
	r.pause.paused, r.pause.since = paused, since
	for _, name := range order {
		f, left := open[name]
		if !left {
			continue
		}
		whole, err := mendFile(filepath.Join(r.dir, name), f)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrNotRecording) {
			continue
		}
		if err != nil {
			return fmt.Errorf("recording %s: %s: %w", r.dir, name, err)
		}
		if err := r.journal.add(entry{link: link{Kind: kindFile}, File: &whole}); err != nil {
			return err
		}
		r.missing[f.Stream] = missed{whole.End(), GapCrash}
		r.o.OnFile(whole)
	}
	if err := r.journal.add(entry{link: link{Kind: kindRecover}}); err != nil {
		return err
	}
	r.recovered = time.Now()
	return r.checkpoint()
}

// mendFile cuts a file behind its last whole fragment. One that has none is
// removed, and is [ErrNotRecording].
func mendFile(path string, file File) (File, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return file, err
	}
	defer f.Close()
	s, err := scanFile(f)
	if err == nil && s.fragments == 0 {
		err = ErrNotRecording
	}
	if errors.Is(err, ErrNotRecording) {
		return file, errors.Join(err, os.Remove(path))
	}
	if err != nil {
		return file, err
	}
	if s.whole < s.size {
		if err := f.Truncate(s.whole); err != nil {
			return file, err
		}
	}
	if id, lead := s.lead(); lead != nil && s.index > 0 {
		if _, err := f.WriteAt(sidx(int(id), lead.scale, s.entries, int64(lead.end)), s.index); err != nil {
			return file, err
		}
	}
	if err := f.Sync(); err != nil {
		return file, err
	}
	if !s.zero.IsZero() {
		file.StartedAt = s.zero
	}
	file.DurationMS, file.Bytes, file.Recovered = s.reach().Milliseconds(), s.whole, true
	file.Video, file.Audio = s.describe()
	for _, t := range s.tracks {
		file.Holes = append(file.Holes, t.holes...)
	}
	file.SHA256, err = hashFile(f)
	return file, err
}
