package record

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// ErrChain says that entries are missing from a chain, or were changed.
var ErrChain = errors.New("the chain is broken")

// link is what entries of a chain have in common. Hash is of the entry's JSON
// without it; Prev is the hash of the entry before.
type link struct {
	Seq  int       `json:"seq"`
	At   time.Time `json:"at"`
	Kind string    `json:"kind"`
	Prev string    `json:"prev"`
	Hash string    `json:"hash,omitempty"`
}

// Kinds of entries of a journal.
const (
	kindBegin   = "begin"
	kindOpen    = "open"
	kindFile    = "file"
	kindGap     = "gap"
	kindPause   = "pause"
	kindResume  = "resume"
	kindEvent   = "event"
	kindRecover = "recover"
	kindEnd     = "end"
)

// entry is a line of a recording's journal.
type entry struct {
	link
	Meta  *Meta  `json:"meta,omitempty"`
	Open  *File  `json:"open,omitempty"` // a file that has been begun
	File  *File  `json:"file,omitempty"` // a file that is whole
	Gap   *Gap   `json:"gap,omitempty"`
	Event *Event `json:"event,omitempty"`
	By    string `json:"by,omitempty"`
}

func (e *entry) seal() ([]byte, error) {
	e.Hash = ""
	b, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b)
	e.Hash = hex.EncodeToString(sum[:])
	b, err = json.Marshal(e)
	return append(b, '\n'), err
}

// journal is the file of entries. What cannot be written for want of space waits
// for the next entry that can.
type journal struct {
	mu      sync.Mutex
	f       *os.File
	size    int64
	entries []entry
	waiting []byte
	broken  error
}

// JournalName is the file of a recording's journal.
const JournalName = "journal.jsonl"

func createJournal(dir string) (*journal, error) {
	f, err := os.OpenFile(filepath.Join(dir, JournalName), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return nil, err
	}
	return &journal{f: f}, syncDir(dir)
}

// openJournal reads a journal and drops a last line that was not written whole.
func openJournal(dir string) (*journal, error) {
	f, err := os.OpenFile(filepath.Join(dir, JournalName), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	j := &journal{f: f}
	j.entries, j.size, err = readJournal(f)
	if err == nil {
		err = f.Truncate(j.size)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, JournalName), err)
	}
	return j, nil
}

// readJournal returns the entries up to the first line that is not whole.
func readJournal(r io.Reader) (entries []entry, size int64, err error) {
	lines := bufio.NewReader(r)
	prev := ""
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return entries, size, nil // of a crash, or the end
		}
		var e entry
		if json.Unmarshal(line, &e) != nil {
			return entries, size, fmt.Errorf("%w: line %d is not JSON", ErrChain, len(entries)+1)
		}
		hash := e.Hash
		if _, err := e.seal(); err != nil || e.Hash != hash || e.Prev != prev || e.Seq != len(entries)+1 {
			return entries, size, fmt.Errorf("%w: line %d is not as it was written", ErrChain, len(entries)+1)
		}
		prev = hash
		entries = append(entries, e)
		size += int64(len(line))
	}
}

// add writes an entry, and returns when it is on the disk.
func (j *journal) add(e entry) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	e.Seq, e.At = len(j.entries)+1, time.Now().UTC()
	e.Prev = j.head()
	line, err := e.seal()
	if err != nil {
		return err
	}
	j.entries = append(j.entries, e)
	j.waiting = append(j.waiting, line...)
	return j.flush()
}

func (j *journal) head() string {
	if len(j.entries) == 0 {
		return ""
	}
	return j.entries[len(j.entries)-1].Hash
}

func (j *journal) flush() error {
	n, err := j.f.WriteAt(j.waiting, j.size)
	if err == nil {
		err = j.f.Sync()
	}
	if err != nil {
		return errors.Join(err, j.f.Truncate(j.size))
	}
	j.size += int64(n)
	j.waiting = nil
	return nil
}

func (j *journal) snapshot() ([]entry, string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.entries[:len(j.entries):len(j.entries)], j.head()
}

func (j *journal) close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	var err error
	if len(j.waiting) > 0 {
		err = j.flush()
	}
	return errors.Join(err, j.f.Close())
}
