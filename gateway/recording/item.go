package recording

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"hutong/bridge/record"
)

var (
	// ErrNotFound says that there is no such recording, or file of it.
	ErrNotFound = errors.New("no such recording")
	// ErrState refuses what a recording's state does not allow.
	ErrState = errors.New("not now")
	// ErrHeld refuses to delete what is on legal hold.
	ErrHeld = errors.New("on legal hold")
	// ErrElsewhere says that another node has it.
	ErrElsewhere = errors.New("another node has the recording")
	// ErrNothing refuses to record what is not there.
	ErrNothing = errors.New("nothing to record")
	// ErrBad refuses a request that says nothing sensible.
	ErrBad = errors.New("bad request")
	// ErrNoFFmpeg refuses composites where there is no ffmpeg.
	ErrNoFFmpeg = errors.New("ffmpeg is not installed")
)

// State of a recording.
type State string

const (
	Recording State = "recording"
	Paused    State = "paused"
	Finished  State = "finished"
)

// Item is a recording in the index.
type Item struct {
	record.Meta
	State     State     `json:"state"`
	StartedAt time.Time `json:"startedAt"`
	EndedAt   time.Time `json:"endedAt,omitzero"`
	Bytes     int64     `json:"bytes"`
	Users     []string  `json:"users"`
	Streams   []string  `json:"streams"`
	Files     []File    `json:"files"`
	Gaps      int       `json:"gaps"`
	Dropped   int       `json:"dropped,omitempty"` // frames that the disk was too slow for
	// Trouble is why something is not being recorded, or was not.
	Trouble string `json:"trouble,omitempty"`

	// KeepUntil is when it is deleted; zero is never. Hold keeps it whatever else.
	KeepUntil  time.Time `json:"keepUntil,omitzero"`
	Hold       bool      `json:"hold"`
	HoldBy     string    `json:"holdBy,omitempty"`
	HoldReason string    `json:"holdReason,omitempty"`

	// Stored says that the store has confirmed everything, StoredAt when. Local says
	// that the files are on the node's disk.
	Stored   bool      `json:"stored"`
	StoredAt time.Time `json:"storedAt,omitzero"`
	Local    bool      `json:"local"`

	Composites []Composite `json:"composites"`
	// Layout is that of the composite to be made in the end.
	Layout string `json:"layout,omitempty"`
}

// File is a file of a recording, and where it is.
type File struct {
	record.File
	Stored bool `json:"stored"`
}

// Composite is one file of all sides, or the making of it.
type Composite struct {
	ID        string    `json:"id"`
	Layout    string    `json:"layout"`
	State     JobState  `json:"state"`
	Progress  float64   `json:"progress"` // 0 to 1
	Error     string    `json:"error,omitempty"`
	Name      string    `json:"name,omitempty"` // of the file, when done
	Bytes     int64     `json:"bytes,omitempty"`
	SHA256    string    `json:"sha256,omitempty"`
	Stored    bool      `json:"stored"`
	By        string    `json:"by,omitempty"`
	CreatedAt time.Time `json:"createdAt"`
	EndedAt   time.Time `json:"endedAt,omitzero"`
}

// JobState is how far the making of a composite is.
type JobState string

const (
	Waiting   JobState = "waiting"
	Running   JobState = "running"
	Done      JobState = "done"
	Failed    JobState = "failed"
	Cancelled JobState = "cancelled"
)

func (i Item) encode() ([]byte, error) { return json.Marshal(i) }

func decodeItem(b []byte) (Item, error) {
	var i Item
	if err := json.Unmarshal(b, &i); err != nil || i.RecordingID == "" {
		return Item{}, fmt.Errorf("a recording of %d bytes in the store cannot be read: %w", len(b), errors.Join(err))
	}
	return i, nil
}

// active tells whether it is going on.
func (i Item) active() bool { return i.State != Finished }

func (i Item) composite(id string) *Composite {
	if n := slices.IndexFunc(i.Composites, func(c Composite) bool { return c.ID == id }); n >= 0 {
		return &i.Composites[n]
	}
	return nil
}

// names are those of all files there may be of it.
func (i Item) names() []string {
	names := []string{record.ManifestName, record.JournalName}
	for _, f := range i.Files {
		names = append(names, f.Name)
	}
	for _, c := range i.Composites {
		if c.Name != "" {
			names = append(names, c.Name)
		}
	}
	return names
}

// note adds a file that is whole.
func (i *Item) note(f record.File) {
	if slices.ContainsFunc(i.Files, func(have File) bool { return have.Name == f.Name }) {
		return
	}
	i.Files = append(i.Files, File{File: f})
	i.Bytes += f.Bytes
	i.Dropped += f.Dropped
	if f.UserID != "" && !slices.Contains(i.Users, f.UserID) {
		i.Users = append(i.Users, f.UserID)
	}
	if !slices.Contains(i.Streams, f.Stream) {
		i.Streams = append(i.Streams, f.Stream)
	}
}

// Filter is which recordings are asked for; empty fields do not matter.
type Filter struct {
	From, To                           time.Time // of what was recorded, in part at least
	RoomID, CallID, User, Agent, Queue string
	Stream, State                      string
}

func (f Filter) match(i Item) bool {
	switch {
	case !f.From.IsZero() && !i.EndedAt.IsZero() && i.EndedAt.Before(f.From),
		!f.To.IsZero() && !i.StartedAt.Before(f.To),
		f.RoomID != "" && i.RoomID != f.RoomID,
		f.CallID != "" && i.CallID != f.CallID,
		f.Queue != "" && i.Queue != f.Queue,
		f.State != "" && string(i.State) != f.State,
		f.User != "" && !slices.Contains(i.Users, f.User),
		f.Agent != "" && !slices.Contains(i.Agents, f.Agent),
		f.Stream != "" && i.Meta.Stream != f.Stream && !slices.Contains(i.Streams, f.Stream):
		return false
	}
	return true
}

// safeName is the name of a file beside a manifest.
func safeName(name string) bool {
	return name != "" && !strings.ContainsAny(name, "/\\\x00") && !strings.HasPrefix(name, ".")
}
