package desk

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"hutong/gateway/store"
)

// auditKept is how long entries stay, and maxAudit how many can be looked at.
const (
	auditKept = 400 * 24 * time.Hour
	maxAudit  = 100_000
)

// AuditEntry is one thing that somebody did with what the desk knows of people.
type AuditEntry struct {
	At     time.Time `json:"at"`
	Who    string    `json:"who"`
	Action string    `json:"action"`
	Detail string    `json:"detail"`
	Remote string    `json:"remote"`
}

// audit is the log of who viewed and exported.
type audit struct {
	o    Options
	kept *store.Bucket

	mu   sync.RWMutex
	keys []string // ascending
	all  map[string]AuditEntry
}

func newAudit(o Options) (*audit, error) {
	a := &audit{o: o, all: map[string]AuditEntry{}}
	var err error
	a.kept, err = o.Store.Bucket("audit", store.BucketOptions{TTL: auditKept})
	return a, err
}

func (a *audit) saw(e store.Entry) {
	var entry AuditEntry
	if e.Deleted || json.Unmarshal(e.Value, &entry) != nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, there := a.all[e.Key]; there {
		return
	}
	a.all[e.Key] = entry
	i, _ := slices.BinarySearch(a.keys, e.Key)
	a.keys = slices.Insert(a.keys, i, e.Key)
	if len(a.keys) > maxAudit {
		delete(a.all, a.keys[0])
		a.keys = a.keys[1:]
	}
}

// Audit notes who did what. What cannot be noted is refused: nobody looks
// unseen.
func (s *Service) Audit(ctx context.Context, e AuditEntry) error {
	e.At = s.o.Now().UTC().Truncate(time.Millisecond)
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	key := fmt.Sprintf("%020d-%s", e.At.UnixNano(), newID("")[:8])
	if _, err := s.audit.kept.Create(ctx, key, data); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	s.audit.saw(store.Entry{Key: key, Value: data})
	return nil
}

// AuditPage returns entries, the newest first, from behind a cursor.
func (s *Service) AuditPage(cursor string, limit int) (page []AuditEntry, next string) {
	a := s.audit
	a.mu.RLock()
	defer a.mu.RUnlock()
	page = []AuditEntry{}
	end := len(a.keys)
	if cursor != "" {
		end, _ = slices.BinarySearch(a.keys, cursor)
	}
	for i := end - 1; i >= 0; i-- {
		if len(page) == limit {
			return page, a.keys[i+1]
		}
		page = append(page, a.all[a.keys[i]])
	}
	return page, ""
}
