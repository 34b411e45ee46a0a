package recording

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"hutong/gateway/store"
)

// index is what this node knows of all recordings, fed by a watch of the store.
type index struct {
	mu    sync.RWMutex
	items map[string]Item
	revs  map[string]uint64
}

func (x *index) note(i Item, revision uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if revision >= x.revs[i.RecordingID] {
		x.items[i.RecordingID], x.revs[i.RecordingID] = i, revision
	}
}

func (x *index) forget(id string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.items, id)
	delete(x.revs, id)
}

func (x *index) get(id string) (Item, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	i, ok := x.items[id]
	return i, ok
}

// all returns the recordings that f wants, the newest first.
func (x *index) all(f func(Item) bool) []Item {
	x.mu.RLock()
	defer x.mu.RUnlock()
	var found []Item
	for _, i := range x.items {
		if f(i) {
			found = append(found, i)
		}
	}
	slices.SortFunc(found, func(a, b Item) int {
		return cmp.Or(b.StartedAt.Compare(a.StartedAt), cmp.Compare(a.RecordingID, b.RecordingID))
	})
	return found
}

func (s *Service) follow(entries <-chan store.Entry, ready chan struct{}) {
	for e := range entries {
		switch {
		case e.Key == "":
			if ready != nil {
				close(ready)
				ready = nil
			}
		case e.Deleted:
			s.index.forget(e.Key)
		default:
			i, err := decodeItem(e.Value)
			if err != nil {
				s.log.Error("index of recordings", "error", err)
				continue
			}
			s.index.note(i, e.Revision)
		}
	}
}

// change alters a recording's entry. What f is given may be altered.
func (s *Service) change(ctx context.Context, id string, f func(i *Item) error) (Item, error) {
	var next Item
	err := store.Change(ctx, s.items, id, func(old []byte) ([]byte, error) {
		if old == nil {
			return nil, fmt.Errorf("%w: %s", ErrNotFound, id)
		}
		i, err := decodeItem(old)
		if err != nil {
			return nil, err
		}
		if err := f(&i); err != nil {
			return nil, err
		}
		next = i
		return i.encode()
	})
	if err == nil {
		_, revision, got := s.items.Get(ctx, id)
		if got == nil {
			s.index.note(next, revision)
		}
	}
	return next, err
}

// List returns recordings, the newest first, from behind the cursor; next is empty
// at the end.
func (s *Service) List(f Filter, cursor string, limit int) (page []Item, next string, total int, err error) {
	found := s.index.all(f.match)
	from := 0
	if cursor != "" {
		from = slices.IndexFunc(found, func(i Item) bool { return i.RecordingID == cursor }) + 1
		if from == 0 {
			return nil, "", 0, fmt.Errorf("%w: the cursor is none that this gateway gave, or its recording is gone; begin without one", ErrBad)
		}
	}
	page = found[from:min(from+limit, len(found))]
	if from+limit < len(found) {
		next = page[len(page)-1].RecordingID
	}
	return page, next, len(found), nil
}

// Get returns a recording.
func (s *Service) Get(ctx context.Context, id string) (Item, error) {
	b, _, err := s.items.Get(ctx, id)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrBadKey) {
		return Item{}, fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	if err != nil {
		return Item{}, err
	}
	return decodeItem(b)
}
