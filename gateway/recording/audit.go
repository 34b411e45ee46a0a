package recording

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"
)

// AuditEntry is something that was done with a recording.
type AuditEntry struct {
	At          time.Time `json:"at"`
	By          string    `json:"by"`
	Action      string    `json:"action"` // start, stop, pause, resume, hold, release, read, link, composite, delete
	RecordingID string    `json:"recordingID"`
	Detail      string    `json:"detail,omitempty"`
}

// audit writes down who did what. A recording's entries outlive it.
func (s *Service) audit(ctx context.Context, by, action, id, detail string) {
	e := AuditEntry{At: time.Now().UTC(), By: by, Action: action, RecordingID: id, Detail: detail}
	if by == "" {
		e.By = "the gateway"
	}
	b, err := json.Marshal(e)
	if err == nil {
		_, err = s.trail.Create(ctx, fmt.Sprintf("%s/%020d-%s", id, e.At.UnixNano(), rand.Text()[:6]), b)
	}
	if err != nil {
		s.log.Error("the audit of recordings misses an entry", "action", action, "recording", id, "by", by, "error", err)
	}
}

// Read notes that somebody has read a file, or was handed a link.
func (s *Service) Read(ctx context.Context, by, action, id, name string) {
	s.audit(ctx, by, action, id, name)
}

// Audit returns what was done with a recording, also with one that is deleted, the
// oldest first.
func (s *Service) Audit(ctx context.Context, id, cursor string, limit int) (page []AuditEntry, next string, err error) {
	entries, next, err := s.trail.List(ctx, id+"/", cursor, limit)
	if err != nil {
		return nil, "", err
	}
	page = []AuditEntry{}
	for _, e := range entries {
		var a AuditEntry
		if json.Unmarshal(e.Value, &a) == nil {
			page = append(page, a)
		}
	}
	return page, next, nil
}
