package record

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Report is what Verify has found.
type Report struct {
	Manifest Manifest
	Key      ed25519.PublicKey
	// Problems says each thing that is not as the manifest has it; none means that
	// the recording is whole and unchanged.
	Problems []string
	// Notes are no problems, but what somebody who relies on it should know.
	Notes []string
}

// Verify checks a manifest: its signature, the files beside it, its journal, and
// the ledger of the directory above where there is one. The error says that there
// is nothing to check.
func Verify(path string, trust ...ed25519.PublicKey) (Report, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return Report{}, err
	}
	var r Report
	r.Manifest, r.Key, err = ParseManifest(b, trust...)
	if err != nil {
		if r.Manifest.Version == 0 {
			return r, fmt.Errorf("%s: %w", path, err)
		}
		r.problem("%v", err)
	}
	dir := filepath.Dir(path)
	for _, f := range r.Manifest.Files {
		r.file(dir, f)
	}
	r.journal(dir)
	r.ledger(dir, b, trust)
	r.notes()
	return r, nil
}

func (r *Report) problem(format string, a ...any) {
	r.Problems = append(r.Problems, fmt.Sprintf(format, a...))
}
func (r *Report) note(format string, a ...any) { r.Notes = append(r.Notes, fmt.Sprintf(format, a...)) }

// file checks a file's content, and that its length is what the manifest says.
func (r *Report) file(dir string, want File) {
	if want.Name != filepath.Base(want.Name) {
		r.problem("%q is not the name of a file beside the manifest", want.Name)
		return
	}
	f, err := os.Open(filepath.Join(dir, want.Name))
	if err != nil {
		r.problem("%s is missing: %v", want.Name, err)
		return
	}
	defer f.Close()
	sum, err := hashFile(f)
	switch {
	case err != nil:
		r.problem("%s cannot be read: %v", want.Name, err)
		return
	case sum != want.SHA256:
		r.problem("%s was changed: its SHA-256 is %s, the manifest has %s", want.Name, sum, want.SHA256)
		return
	}
	s, err := scanFile(f)
	if err != nil {
		r.problem("%s: %v", want.Name, err)
		return
	}
	if off := s.reach() - time.Duration(want.DurationMS)*time.Millisecond; off > time.Second || off < -time.Second {
		r.problem("%s lasts %v, the manifest has %v", want.Name, s.reach().Round(time.Millisecond), time.Duration(want.DurationMS)*time.Millisecond)
	}
	if s.whole != s.size {
		r.problem("%s has %d bytes behind its last fragment", want.Name, s.size-s.whole)
	}
}

// journal checks the journal, if it is there, against the manifest.
func (r *Report) journal(dir string) {
	f, err := os.Open(filepath.Join(dir, JournalName))
	if err != nil {
		r.note("the journal is not beside the manifest; the manifest stands for itself")
		return
	}
	defer f.Close()
	entries, _, err := readJournal(f)
	m := r.Manifest
	switch {
	case err != nil:
		r.problem("journal: %v", err)
	case len(entries) < m.Entries || m.Entries > 0 && entries[m.Entries-1].Hash != m.Head:
		r.problem("journal: it is not the one that the manifest was made of")
	case m.Complete && len(entries) > m.Entries:
		r.problem("journal: it goes on behind the end of the recording")
	default:
		files := build(entries[:m.Entries], "").Files
		for _, want := range files {
			if !slices.ContainsFunc(m.Files, func(f File) bool { return f.Name == want.Name && f.SHA256 == want.SHA256 }) {
				r.problem("%s is in the journal and not in the manifest", want.Name)
			}
		}
		listed, err := os.ReadDir(dir)
		for _, d := range listed {
			if err == nil && m.Complete && strings.HasSuffix(d.Name(), ".mp4") && !strings.HasPrefix(d.Name(), "composite") &&
				!slices.ContainsFunc(m.Files, func(f File) bool { return f.Name == d.Name() }) {
				r.problem("%s is not in the manifest", d.Name())
			}
		}
	}
}

func (r *Report) ledger(dir string, manifest []byte, trust []ed25519.PublicKey) {
	path := filepath.Join(filepath.Dir(dir), LedgerName)
	if !exists(path) {
		return
	}
	if len(trust) == 0 && r.Key != nil {
		trust = []ed25519.PublicKey{r.Key}
	}
	entries, err := ReadLedger(path, trust...)
	if err != nil {
		r.problem("%v", err)
		return
	}
	if !r.Manifest.Complete {
		return
	}
	sum := sha256.Sum256(manifest)
	for _, e := range entries {
		if e.Kind == LedgerManifest && e.RecordingID == r.Manifest.RecordingID && e.SHA256 == hex.EncodeToString(sum[:]) {
			return
		}
	}
	r.problem("the ledger does not have this manifest")
}

func (r *Report) notes() {
	m := r.Manifest
	if !m.Complete {
		r.note("the recording has not ended; start the gateway to have it ended, or wait")
	}
	for _, p := range m.Pauses {
		r.note("paused from %s to %s", p.From.Format(time.RFC3339), p.To.Format(time.RFC3339))
	}
	for _, g := range m.Gaps {
		r.note("gap of %s from %s, %v long: %s", g.Stream, g.From.Format(time.RFC3339), g.To.Sub(g.From).Round(time.Millisecond), g.Reason)
	}
}

// VerifyLedger checks a ledger, and that each recording in it is there or was
// deleted on record. It returns how many are there.
func VerifyLedger(path string, trust ...ed25519.PublicKey) (there int, problems []string, err error) {
	entries, err := ReadLedger(path, trust...)
	if err != nil {
		return 0, nil, err
	}
	deleted := map[string]bool{}
	for _, e := range entries {
		if e.Kind == LedgerDeleted {
			deleted[e.RecordingID] = true
		}
	}
	for _, e := range entries {
		if e.Kind != LedgerManifest || deleted[e.RecordingID] {
			continue
		}
		b, err := os.ReadFile(filepath.Join(filepath.Dir(path), e.RecordingID, ManifestName))
		sum := sha256.Sum256(b)
		switch {
		case err != nil:
			problems = append(problems, fmt.Sprintf("recording %s is missing: %v", e.RecordingID, err))
		case hex.EncodeToString(sum[:]) != e.SHA256:
			problems = append(problems, fmt.Sprintf("recording %s has another manifest than the ledger knows", e.RecordingID))
		default:
			there++
		}
	}
	return there, problems, nil
}
