package record

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// ManifestName is the file that a manifest is kept in, beside what it lists.
const ManifestName = "manifest.json"

// Meta is what a recording is of.
type Meta struct {
	RecordingID string   `json:"recordingID"`
	Node        string   `json:"node,omitempty"`
	RoomID      string   `json:"roomID,omitempty"`
	CallID      string   `json:"callID,omitempty"`
	Queue       string   `json:"queue,omitempty"`
	Stream      string   `json:"stream,omitempty"` // of a recording of one stream
	Rule        string   `json:"rule,omitempty"`   // which rule began it; "" for the API
	By          string   `json:"by,omitempty"`     // who asked for it
	Agents      []string `json:"agents,omitempty"`
	// Mixed says that what is recorded is what the stream's audience gets.
	Mixed bool `json:"mixed,omitempty"`
}

// Who publishes a stream.
type Who struct {
	UserID   string `json:"userID,omitempty"`
	NickName string `json:"nickName,omitempty"`
	Role     string `json:"role,omitempty"`
	Client   string `json:"client,omitempty"`
}

// File is one file of a recording. StartedAt is the instant of its zero.
type File struct {
	Name   string `json:"name"`
	Stream string `json:"stream"`
	Who
	StartedAt  time.Time  `json:"startedAt"`
	DurationMS int64      `json:"durationMs"`
	Bytes      int64      `json:"bytes"`
	SHA256     string     `json:"sha256"`
	Video      *FileVideo `json:"video,omitempty"`
	Audio      *FileAudio `json:"audio,omitempty"`
	Holes      []Hole     `json:"holes,omitempty"`
	// Dropped is how many frames the recorder was too slow for.
	Dropped int `json:"dropped,omitempty"`
	// Recovered says that a crash ended the file.
	Recovered bool `json:"recovered,omitempty"`
}

// End is the instant at which the file ends.
func (f File) End() time.Time { return f.StartedAt.Add(time.Duration(f.DurationMS) * time.Millisecond) }

// FileVideo and FileAudio describe the tracks of a file.
type FileVideo struct {
	Width   int    `json:"width"`
	Height  int    `json:"height"`
	Profile string `json:"profile"`
}

type FileAudio struct {
	SampleRate int `json:"sampleRate"`
	Channels   int `json:"channels"`
}

// Gap is a stretch of a stream that is not recorded though it was to be.
type Gap struct {
	Stream string    `json:"stream"`
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Reason string    `json:"reason"`
}

// Reasons of gaps.
const (
	GapPaused      = "paused"       // by order
	GapNoPublisher = "no_publisher" // the stream was interrupted
	GapBehind      = "behind"       // the disk was too slow
	GapDisk        = "disk"         // the disk was full or failed
	GapCrash       = "crash"        // the gateway was not running
	GapFormat      = "format"       // of a kind that cannot be recorded
)

// Event is something that happened meanwhile, such as a message.
type Event struct {
	At       time.Time `json:"at"`
	Event    string    `json:"event"`
	UserID   string    `json:"userID,omitempty"`
	NickName string    `json:"nickName,omitempty"`
	Text     string    `json:"text,omitempty"`
}

// Pause is when a recording was paused. To is zero for one that the end found.
type Pause struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to,omitzero"`
	By   string    `json:"by,omitempty"`
}

// Manifest is what a recording consists of. It is true when its signature is, and
// every file has its hash.
type Manifest struct {
	Version int `json:"version"` // 1
	Meta
	StartedAt time.Time `json:"startedAt"`
	EndedAt   time.Time `json:"endedAt,omitzero"`
	// Complete says that the recording has ended: nothing will be added.
	Complete   bool        `json:"complete"`
	Recoveries []time.Time `json:"recoveries,omitempty"` // after crashes
	Files      []File      `json:"files"`
	Gaps       []Gap       `json:"gaps"`
	Pauses     []Pause     `json:"pauses"`
	Events     []Event     `json:"events"`
	// Entries and Head are of the journal, each entry of which has the hash of the
	// one before.
	Entries int    `json:"journalEntries"`
	Head    string `json:"journalHead"`
}

// Signed is a manifest as it is kept. Signature is of the manifest's JSON without
// white space, by Ed25519 (RFC 8032).
type Signed struct {
	Manifest  json.RawMessage `json:"manifest"`
	PublicKey string          `json:"publicKey"` // base64
	Signature string          `json:"signature"` // base64
}

// ErrSignature says that a manifest is not as it was signed.
var ErrSignature = errors.New("the signature does not fit")

// build makes a manifest of a journal.
func build(entries []entry, head string) Manifest {
	m := Manifest{Version: 1, Files: []File{}, Gaps: []Gap{}, Pauses: []Pause{}, Events: []Event{}, Entries: len(entries), Head: head}
	for _, e := range entries {
		switch e.Kind {
		case kindBegin:
			m.Meta, m.StartedAt = *e.Meta, e.At
		case kindFile:
			m.Files = append(m.Files, *e.File)
		case kindGap:
			m.Gaps = append(m.Gaps, *e.Gap)
		case kindPause:
			m.Pauses = append(m.Pauses, Pause{From: e.At, By: e.By})
		case kindResume:
			if n := len(m.Pauses); n > 0 {
				m.Pauses[n-1].To = e.At
			}
		case kindEvent:
			m.Events = append(m.Events, *e.Event)
		case kindRecover:
			m.Recoveries = append(m.Recoveries, e.At)
		case kindEnd:
			m.Complete, m.EndedAt = true, e.At
		}
	}
	slices.SortStableFunc(m.Files, func(a, b File) int { return a.StartedAt.Compare(b.StartedAt) })
	slices.SortStableFunc(m.Gaps, func(a, b Gap) int { return a.From.Compare(b.From) })
	return m
}

// Sign makes the file of a manifest.
func (m Manifest) Sign(key ed25519.PrivateKey) ([]byte, error) {
	raw, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	s := Signed{Manifest: raw, PublicKey: base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey)),
		Signature: base64.StdEncoding.EncodeToString(ed25519.Sign(key, raw))}
	b, err := json.MarshalIndent(s, "", "  ")
	return append(b, '\n'), err
}

// ParseManifest reads the file of a manifest and checks its signature. With trust
// empty, any key may have signed.
func ParseManifest(b []byte, trust ...ed25519.PublicKey) (Manifest, ed25519.PublicKey, error) {
	var s Signed
	if err := json.Unmarshal(b, &s); err != nil {
		return Manifest{}, nil, fmt.Errorf("not a manifest: %w", err)
	}
	var raw bytes.Buffer
	if err := json.Compact(&raw, s.Manifest); err != nil {
		return Manifest{}, nil, fmt.Errorf("not a manifest: %w", err)
	}
	var m Manifest
	if err := json.Unmarshal(raw.Bytes(), &m); err != nil {
		return Manifest{}, nil, fmt.Errorf("not a manifest: %w", err)
	}
	key, err := base64.StdEncoding.DecodeString(s.PublicKey)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return m, nil, fmt.Errorf("%w: there is no public key", ErrSignature)
	}
	signature, _ := base64.StdEncoding.DecodeString(s.Signature)
	if !ed25519.Verify(key, raw.Bytes(), signature) {
		return m, key, fmt.Errorf("%w: the manifest was changed after it was signed", ErrSignature)
	}
	if len(trust) > 0 && !slices.ContainsFunc(trust, func(k ed25519.PublicKey) bool { return k.Equal(ed25519.PublicKey(key)) }) {
		return m, key, fmt.Errorf("%w: it was signed with another key, %s", ErrSignature, Fingerprint(key))
	}
	return m, key, nil
}

// Fingerprint is a public key's name for people: the beginning of its SHA-256.
func Fingerprint(key ed25519.PublicKey) string {
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:8])
}

// writeFile replaces a file as a whole: a crash leaves the old one or the new one.
func writeFile(path string, b []byte) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(b)
	err = errors.Join(err, f.Chmod(0o640), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}
