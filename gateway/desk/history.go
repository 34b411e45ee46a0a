package desk

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"hutong/gateway/call"
	"hutong/gateway/store"
)

// Record is what stays of a call.
type Record struct {
	Call    call.Call    `json:"call"`
	Quality []LegQuality `json:"quality"`
}

// LegQuality is the timeline of one participant.
type LegQuality struct {
	UserID   string        `json:"userID"`
	NickName string        `json:"nickName"`
	Samples  []call.Sample `json:"samples"`
}

// Summary is what lists have of a record.
func (r Record) Summary() call.Summary {
	s := r.Call.Summary()
	bad := 0
	var lights []call.Light
	for _, l := range r.Quality {
		for _, sample := range l.Samples {
			lights = append(lights, sample.Light)
			if sample.Light == call.Red {
				bad++
			}
		}
	}
	if s.Light = call.Worst(lights...); s.Light == call.Red && bad*10 < len(lights) {
		s.Light = call.Yellow // for a moment only
	}
	return s
}

// history are the records of calls that have ended: whole in one bucket, and
// their summaries in another, which every node has in memory to search in.
type history struct {
	log   *slog.Logger
	whole *store.Bucket
	small *store.Bucket

	mu       sync.RWMutex
	byID     map[string]*call.Summary
	sorted   []*call.Summary // by createdAt, then callID
	unsorted bool
	handling map[string]time.Duration // by queue, of late
}

func newHistory(_ context.Context, st *store.Store, log *slog.Logger) (*history, error) {
	h := &history{log: log, byID: map[string]*call.Summary{}, handling: map[string]time.Duration{}}
	var err error
	if h.whole, err = st.Bucket("history", store.BucketOptions{}); err != nil {
		return nil, err
	}
	h.small, err = st.Bucket("history_index", store.BucketOptions{})
	return h, err
}

// write keeps a record, whole first: what the index has can be read.
func (h *history) write(ctx context.Context, r Record) error {
	if err := putJSON(ctx, h.whole, r.Call.CallID, r); err != nil {
		return err
	}
	s := r.Summary()
	if err := putJSON(ctx, h.small, s.CallID, s); err != nil {
		return err
	}
	h.note(s)
	return nil
}

func (h *history) get(ctx context.Context, callID string) (*Record, error) {
	if err := call.CheckID("callID", callID); err != nil {
		return nil, err
	}
	data, _, err := h.whole.Get(ctx, callID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("%w: no call %s has ended", store.ErrNotFound, callID)
	}
	if err != nil {
		return nil, err
	}
	var r Record
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("%w: the record of call %s: %w", call.ErrCorrupt, callID, err)
	}
	return &r, nil
}

// change alters a record, such as its notes.
func (h *history) change(ctx context.Context, callID string, f func(*Record) error) (*Record, error) {
	if err := call.CheckID("callID", callID); err != nil {
		return nil, err
	}
	var r Record
	err := store.Change(ctx, h.whole, callID, func(old []byte) ([]byte, error) {
		if old == nil {
			return nil, fmt.Errorf("%w: there is no call %s", store.ErrNotFound, callID)
		}
		r = Record{}
		if err := json.Unmarshal(old, &r); err != nil {
			return nil, fmt.Errorf("%w: the record of call %s: %w", call.ErrCorrupt, callID, err)
		}
		if err := f(&r); err != nil {
			return nil, err
		}
		return json.Marshal(r)
	})
	if err != nil {
		return nil, err
	}
	s := r.Summary()
	if err := putJSON(ctx, h.small, callID, s); err != nil {
		return nil, err
	}
	h.note(s)
	return &r, nil
}

func (h *history) saw(e store.Entry) {
	if e.Deleted {
		h.mu.Lock()
		defer h.mu.Unlock()
		if s := h.byID[e.Key]; s != nil {
			delete(h.byID, e.Key)
			h.sorted = slices.DeleteFunc(h.sorted, func(o *call.Summary) bool { return o == s })
		}
		return
	}
	var s call.Summary
	if err := json.Unmarshal(e.Value, &s); err != nil || s.CallID != e.Key {
		h.log.Error("a record in the store cannot be read", "call", e.Key, "error", err)
		return
	}
	h.note(s)
}

func (h *history) note(s call.Summary) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if old := h.byID[s.CallID]; old != nil {
		*old = s
		return
	}
	h.byID[s.CallID] = &s
	if n := len(h.sorted); n > 0 && order(h.sorted[n-1], &s) > 0 {
		h.unsorted = true
	}
	h.sorted = append(h.sorted, &s)
	if s.Talked > 0 {
		took := time.Duration(s.Talked+s.Held) * time.Millisecond
		if before, ok := h.handling[s.Queue]; ok {
			took = (before*7 + took) / 8
		}
		h.handling[s.Queue] = took
	}
}

func order(a, b *call.Summary) int {
	return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), strings.Compare(a.CallID, b.CallID))
}

// handlingGuess is how long a call takes where nothing is known.
const handlingGuess = 3 * time.Minute

func (h *history) handlingOf(queue string) time.Duration {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if d, ok := h.handling[queue]; ok {
		return d
	}
	return handlingGuess
}

// Filter says which records; what is empty fits all.
type Filter struct {
	From, To             time.Time // of createdAt; To is exclusive
	Agent, Queue, Caller string    // Caller is a userID or a part of a nickName
	Outcome              string
	Reason               call.Reason

	lower string // Caller, in lower case
}

func (f *Filter) fits(s *call.Summary) bool {
	switch {
	case f.Queue != "" && s.Queue != f.Queue,
		f.Reason != "" && s.Reason != f.Reason,
		f.Outcome != "" && s.Outcome != f.Outcome,
		f.Agent != "" && !slices.Contains(s.Agents, f.Agent),
		f.Caller != "" && s.CallerID != f.Caller && !strings.Contains(strings.ToLower(s.CallerName), f.lower):
		return false
	}
	return true
}

// Search returns a page of the records that fit, the newest first, from behind
// the cursor of the page before, and how many fit in all.
func (s *Service) Search(f Filter, cursor string, limit int) (page []call.Summary, next string, total int) {
	h := s.past
	f.lower = strings.ToLower(f.Caller)
	h.mu.RLock()
	if h.unsorted {
		h.mu.RUnlock()
		h.mu.Lock()
		if h.unsorted {
			slices.SortFunc(h.sorted, order)
			h.unsorted = false
		}
		h.mu.Unlock()
		h.mu.RLock()
	}
	defer h.mu.RUnlock()
	at, id, _ := strings.Cut(cursor, "_")
	var from time.Time
	if cursor != "" {
		from, _ = time.Parse(time.RFC3339Nano, at)
	}
	behind := &call.Summary{CallID: id, CreatedAt: from}
	page = []call.Summary{}
	last := len(h.sorted)
	if !f.To.IsZero() {
		last, _ = slices.BinarySearchFunc(h.sorted, f.To, func(s *call.Summary, t time.Time) int { return cmp.Or(s.CreatedAt.Compare(t), 1) })
	}
	for i := last - 1; i >= 0; i-- {
		r := h.sorted[i]
		if !f.From.IsZero() && r.CreatedAt.Before(f.From) {
			break
		}
		if !f.fits(r) {
			continue
		}
		total++
		if cursor != "" && order(r, behind) >= 0 {
			continue
		}
		switch {
		case limit <= 0 || len(page) < limit:
			page = append(page, *r)
		case next == "":
			end := page[len(page)-1]
			next = end.CreatedAt.Format(time.RFC3339Nano) + "_" + end.CallID
		}
	}
	return page, next, total
}

// CheckCursor says whether a cursor is one that Search gave.
func CheckCursor(cursor string) bool {
	at, id, ok := strings.Cut(cursor, "_")
	_, err := time.Parse(time.RFC3339Nano, at)
	return cursor == "" || ok && err == nil && call.CheckID("callID", id) == nil
}

// Record returns the record of a call that has ended.
func (s *Service) Record(ctx context.Context, callID string) (*Record, error) {
	return s.past.get(ctx, callID)
}

// retain deletes what is too old to be kept.
func (s *Service) retain() {
	days := s.set.Load().HistoryDays
	if days <= 0 {
		return
	}
	old, _, _ := s.Search(Filter{To: s.o.Now().AddDate(0, 0, -days)}, "", 1000)
	for _, r := range old {
		ctx, cancel := context.WithTimeout(s.ctx, storeTimeout)
		err := s.past.small.Delete(ctx, r.CallID, 0)
		if err == nil {
			err = s.past.whole.Delete(ctx, r.CallID, 0)
		}
		cancel()
		if err != nil {
			s.o.Log.Warn("an old record could not be deleted", "call", r.CallID, "error", err)
			return
		}
	}
	if len(old) > 0 {
		s.o.Log.Info("old records deleted", "records", len(old))
	}
}

// putJSON sets a key, whatever it was.
func putJSON(ctx context.Context, b *store.Bucket, key string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return store.Change(ctx, b, key, func([]byte) ([]byte, error) { return data, nil })
}
