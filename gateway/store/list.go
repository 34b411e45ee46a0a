package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	maxPage   = 1000
	readAhead = 16 // reads of one page under way at once
)

// List returns the entries whose key has the prefix, in the order of their
// keys, from behind the cursor: empty for the first page, and for the others
// the next that the page before gave. At most limit entries are returned (1 to
// 1000; 0 is 100); next is empty at the end.
func (b *Bucket) List(ctx context.Context, prefix, cursor string, limit int) (page []Entry, next string, err error) {
	if limit <= 0 {
		limit = 100
	}
	limit = min(limit, maxPage)
	what := "list of " + b.name + " " + prefix
	tokens, err := filter(prefix)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", what, err)
	}
	limited, cancel := context.WithTimeout(ctx, b.s.timeout)
	defer cancel()
	keys, err := b.keys(limited, tokens, prefix, cursor)
	if err != nil {
		return nil, "", failed(ctx, what, err)
	}
	page = []Entry{}
	for len(keys) > 0 && len(page) < limit {
		n := min(limit-len(page), len(keys))
		some, err := b.read(limited, keys[:n])
		if err != nil {
			return nil, "", failed(ctx, what, err)
		}
		// Of the keys some are deletions, or deleted meanwhile: the page goes on.
		page = append(page, some...)
		next = keys[n-1]
		keys = keys[n:]
	}
	if len(keys) == 0 {
		next = ""
	}
	return page, next, nil
}

// keys returns the sorted keys behind the cursor, deletions among them. The
// engine keeps the names in memory: five thousand take it a few milliseconds.
func (b *Bucket) keys(ctx context.Context, tokens, prefix, cursor string) ([]string, error) {
	info, err := b.stream.Info(ctx, jetstream.WithSubjectFilter(b.base()+tokens))
	if err != nil {
		return nil, err
	}
	keys := make([]string, 0, len(info.State.Subjects))
	for subject := range info.State.Subjects {
		key := unescape(strings.TrimPrefix(subject, b.base()))
		if strings.HasPrefix(key, prefix) && key > cursor {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys, nil
}

// read returns the entries of those keys that have a value, in order.
func (b *Bucket) read(ctx context.Context, keys []string) ([]Entry, error) {
	entries := make([]jetstream.KeyValueEntry, len(keys))
	errs := make([]error, len(keys))
	var wg sync.WaitGroup
	for w := range min(readAhead, len(keys)) {
		wg.Go(func() {
			for i := w; i < len(keys) && ctx.Err() == nil; i += readAhead {
				entries[i], errs[i] = b.kv.Get(ctx, tokens(keys[i]))
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	found := make([]Entry, 0, len(keys))
	for i, e := range entries {
		switch {
		case errs[i] == nil:
			found = append(found, Entry{Key: keys[i], Value: e.Value(), Revision: e.Revision()})
		case !errors.Is(errs[i], jetstream.ErrKeyNotFound):
			return nil, errs[i]
		}
	}
	return found, nil
}
