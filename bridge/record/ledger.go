package record

import (
	"bufio"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// LedgerName is the file of a ledger, in the directory that has the recordings'
// directories.
const LedgerName = "ledger.jsonl"

// Kinds of entries of a ledger.
const (
	LedgerManifest = "manifest" // a recording has ended
	LedgerDeleted  = "deleted"  // a recording was deleted
)

// LedgerEntry is a line of a ledger. Each has the hash of the one before and a
// signature of its own hash, so that a whole recording cannot be left out unseen.
type LedgerEntry struct {
	Seq         int       `json:"seq"`
	At          time.Time `json:"at"`
	Kind        string    `json:"kind"`
	RecordingID string    `json:"recordingID"`
	SHA256      string    `json:"sha256,omitempty"` // of the manifest's file
	By          string    `json:"by,omitempty"`
	Reason      string    `json:"reason,omitempty"`
	Prev        string    `json:"prev"`
	Hash        string    `json:"hash,omitempty"`
	Signature   string    `json:"signature,omitempty"`
}

func (e LedgerEntry) sum() string {
	e.Hash, e.Signature = "", ""
	b, _ := json.Marshal(e)
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Ledger is the chain of all recordings of a directory. Its methods may be called
// from several goroutines.
type Ledger struct {
	key ed25519.PrivateKey

	mu   sync.Mutex
	f    *os.File
	size int64
	seq  int
	head string
	has  map[string]bool
}

// OpenLedger opens the ledger of a directory, and begins one where there is none.
func OpenLedger(dir string, key ed25519.PrivateKey) (*Ledger, error) {
	path := filepath.Join(dir, LedgerName)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	entries, size, err := readLedger(f, nil)
	if err == nil {
		err = errors.Join(f.Truncate(size), syncDir(dir))
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("ledger %s: %w; put it aside to begin another, and find out who changed it", path, err)
	}
	l := &Ledger{key: key, f: f, size: size, seq: len(entries), has: map[string]bool{}}
	for _, e := range entries {
		l.head = e.Hash
		l.has[e.RecordingID] = true
	}
	return l, nil
}

// Has tells whether the ledger knows a recording.
func (l *Ledger) Has(recordingID string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.has[recordingID]
}

// Manifest notes the manifest of a recording that has ended.
func (l *Ledger) Manifest(recordingID string, file []byte) error {
	sum := sha256.Sum256(file)
	return l.add(LedgerEntry{Kind: LedgerManifest, RecordingID: recordingID, SHA256: hex.EncodeToString(sum[:])})
}

// Deleted notes that a recording is deleted, by whom and why.
func (l *Ledger) Deleted(recordingID, by, reason string) error {
	return l.add(LedgerEntry{Kind: LedgerDeleted, RecordingID: recordingID, By: by, Reason: reason})
}

func (l *Ledger) add(e LedgerEntry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.Seq, e.At, e.Prev = l.seq+1, time.Now().UTC(), l.head
	e.Hash = e.sum()
	e.Signature = base64.StdEncoding.EncodeToString(ed25519.Sign(l.key, []byte(e.Hash)))
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	n, err := l.f.WriteAt(append(line, '\n'), l.size)
	if err == nil {
		err = l.f.Sync()
	}
	if err != nil {
		return fmt.Errorf("ledger: %w", errors.Join(err, l.f.Truncate(l.size)))
	}
	l.size += int64(n)
	l.seq, l.head = e.Seq, e.Hash
	l.has[e.RecordingID] = true
	return nil
}

// Close closes the file.
func (l *Ledger) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.f.Close()
}

// ReadLedger returns the entries of a ledger and checks the chain, and, with keys,
// the signatures.
func ReadLedger(path string, trust ...ed25519.PublicKey) ([]LedgerEntry, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, _, err := readLedger(f, trust)
	return entries, err
}

func readLedger(r io.Reader, trust []ed25519.PublicKey) (entries []LedgerEntry, size int64, err error) {
	lines := bufio.NewReader(r)
	prev := ""
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return entries, size, nil
		}
		var e LedgerEntry
		if json.Unmarshal(line, &e) != nil || e.Seq != len(entries)+1 || e.Prev != prev || e.sum() != e.Hash {
			return entries, size, fmt.Errorf("%w: line %d of the ledger is not as it was written", ErrChain, len(entries)+1)
		}
		signature, _ := base64.StdEncoding.DecodeString(e.Signature)
		signed := len(trust) == 0
		for _, k := range trust {
			signed = signed || ed25519.Verify(k, []byte(e.Hash), signature)
		}
		if !signed {
			return entries, size, fmt.Errorf("%w: line %d of the ledger", ErrSignature, len(entries)+1)
		}
		prev = e.Hash
		entries = append(entries, e)
		size += int64(len(line))
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
