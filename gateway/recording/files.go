package recording

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"gocloud.dev/gcerrors"

	"hutong/bridge/record"
)

// Content is a file of a recording, wherever it is.
type Content struct {
	Size int64
	Type string
	open func(ctx context.Context, from, length int64) (io.ReadCloser, error)
}

// Open reads a part of it.
func (c Content) Open(ctx context.Context, from, length int64) (io.ReadCloser, error) {
	return c.open(ctx, from, length)
}

// listed tells whether a name is of a file that may be handed out.
func (i Item) listed(name string) bool {
	return safeName(name) && (name == record.ManifestName || name == record.JournalName ||
		slices.ContainsFunc(i.Files, func(f File) bool { return f.Name == name }) ||
		slices.ContainsFunc(i.Composites, func(c Composite) bool { return c.Name == name && c.State == Done }))
}

// File finds a file of a recording: its whole files, composites, manifest.json and
// journal.jsonl.
func (s *Service) File(ctx context.Context, i Item, name string) (Content, error) {
	if !i.listed(name) {
		return Content{}, fmt.Errorf("%w: recording %s has no file %q", ErrNotFound, i.RecordingID, name)
	}
	path := filepath.Join(s.dir, i.RecordingID, name)
	info, err := os.Stat(path)
	if err == nil {
		return Content{Size: info.Size(), Type: contentType(name), open: func(_ context.Context, from, length int64) (io.ReadCloser, error) {
			f, err := os.Open(path)
			if err != nil {
				return nil, err
			}
			return struct {
				io.Reader
				io.Closer
			}{io.NewSectionReader(f, from, length), f}, nil
		}}, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return Content{}, err
	}
	if s.vault.bucket == nil {
		if i.Node != s.o.Node {
			return Content{}, fmt.Errorf("%w: %s is on %s", ErrElsewhere, i.RecordingID, i.Node)
		}
		return Content{}, fmt.Errorf("%w: %s of recording %s is gone from the disk", ErrNotFound, name, i.RecordingID)
	}
	key := s.vault.name(i.RecordingID, name)
	limited, cancel := context.WithTimeout(ctx, s.vault.timeout)
	defer cancel()
	a, err := s.vault.bucket.Attributes(limited, key)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return Content{}, fmt.Errorf("%w: %s of recording %s is neither here nor in the store", ErrNotFound, name, i.RecordingID)
	}
	if err != nil {
		return Content{}, fmt.Errorf("the store of recordings: %w", err)
	}
	return Content{Size: a.Size, Type: contentType(name), open: func(ctx context.Context, from, length int64) (io.ReadCloser, error) {
		return s.vault.bucket.NewRangeReader(ctx, key, from, length, nil)
	}}, nil
}

// read returns a small file as a whole.
func (s *Service) read(ctx context.Context, i Item, name string) ([]byte, error) {
	c, err := s.File(ctx, i, name)
	if err != nil {
		return nil, err
	}
	r, err := c.Open(ctx, 0, c.Size)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, 64<<20))
}

// fetch brings the files of a recording that are not on the disk into a
// directory, and returns where each is.
func (s *Service) fetch(ctx context.Context, i Item, names []string, into string) (map[string]string, error) {
	paths := map[string]string{}
	for _, name := range names {
		path := filepath.Join(s.dir, i.RecordingID, name)
		if _, err := os.Stat(path); err == nil {
			paths[name] = path
			continue
		}
		c, err := s.File(ctx, i, name)
		if err != nil {
			return nil, err
		}
		r, err := c.Open(ctx, 0, c.Size)
		if err != nil {
			return nil, err
		}
		path = filepath.Join(into, name)
		f, err := os.Create(path)
		if err == nil {
			_, err = io.Copy(f, r)
			err = errors.Join(err, f.Close())
		}
		r.Close()
		if err != nil {
			return nil, err
		}
		paths[name] = path
	}
	return paths, nil
}

// Verdict is whether a recording is as its manifest has it.
type Verdict struct {
	Verified    bool      `json:"verified"`
	At          time.Time `json:"at"`
	Fingerprint string    `json:"fingerprint"` // of the key
	Problems    []string  `json:"problems"`
	Notes       []string  `json:"notes"`
}

// Verify checks the files, the manifest, and the ledger. What is in the store only
// is read from there.
func (s *Service) Verify(ctx context.Context, i Item) (Verdict, error) {
	dir := filepath.Join(s.dir, i.RecordingID)
	if !i.Local {
		temporary, err := os.MkdirTemp(s.dir, ".verify-*")
		if err != nil {
			return Verdict{}, err
		}
		defer os.RemoveAll(temporary)
		dir = filepath.Join(temporary, i.RecordingID)
		if err := os.Mkdir(dir, 0o750); err != nil {
			return Verdict{}, err
		}
		names := []string{record.ManifestName, record.JournalName}
		for _, f := range i.Files {
			names = append(names, f.Name)
		}
		paths, err := s.fetch(ctx, i, names, dir)
		if err != nil {
			return Verdict{}, err
		}
		for name, path := range paths { // the journal and the manifest stay on the disk
			if to := filepath.Join(dir, name); path != to {
				if err := os.Symlink(path, to); err != nil {
					return Verdict{}, err
				}
			}
		}
	}
	r, err := record.Verify(filepath.Join(dir, record.ManifestName), s.PublicKey())
	if err != nil {
		return Verdict{}, err
	}
	v := Verdict{Verified: len(r.Problems) == 0 && r.Manifest.Complete, At: time.Now().UTC(), Fingerprint: record.Fingerprint(r.Key), Problems: r.Problems, Notes: r.Notes}
	if v.Problems == nil {
		v.Problems = []string{}
	}
	if v.Notes == nil {
		v.Notes = []string{}
	}
	return v, nil
}
