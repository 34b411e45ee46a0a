package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

const (
	watchBuffer = 64
	watchRetry  = 250 * time.Millisecond
)

// Watch sends the entries whose key has the prefix: first those there are, then
// one with an empty key, which says that these were all, then every change as
// it happens. A key that changes faster than the receiver reads may skip
// revisions, never the newest. After an outage the watch catches up by itself:
// it sends what changed meanwhile, deletions included, and the empty key again.
//
// The channel closes when ctx ends or the store closes. The receiver must read
// until then, and need not afterwards.
func (b *Bucket) Watch(ctx context.Context, prefix string) (<-chan Entry, error) {
	what := "watch of " + b.name + " " + prefix
	tokens, err := filter(prefix)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	w := &watch{b: b, prefix: prefix, filter: tokens, out: make(chan Entry, watchBuffer), known: map[string]uint64{}}
	connection := b.s.connection() // before the feed begins, so that no reconnection is missed
	f, err := b.feed(tokens)
	if err != nil {
		return nil, failed(ctx, what, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	release := context.AfterFunc(b.s.ctx, cancel)
	b.s.wg.Go(func() {
		defer cancel()
		defer release()
		defer close(w.out)
		w.run(ctx, f, connection)
	})
	return w.out, nil
}

type watch struct {
	b      *Bucket
	prefix string
	filter string
	out    chan Entry
	// known is what the receiver has been told: after an outage it gets only the
	// difference.
	known map[string]uint64
}

// run passes on one feed after another until ctx ends.
func (w *watch) run(ctx context.Context, f *feed, connection context.Context) {
	for {
		w.follow(ctx, f, connection)
		for {
			if ctx.Err() != nil {
				return
			}
			connection = w.b.s.connection()
			var err error
			if f, err = w.b.feed(w.filter); err == nil {
				break
			}
			select { // right after its restart the engine is not ready for a moment
			case <-time.After(watchRetry):
			case <-ctx.Done():
			}
		}
	}
}

// follow passes on one feed until ctx ends, the connection has been replaced,
// or the feed has ended by itself.
func (w *watch) follow(ctx context.Context, f *feed, connection context.Context) {
	defer f.end()
	present := map[string]bool{} // nil once all entries there are have been seen
	if f.pending == 0 && !w.settle(ctx, &present) {
		return
	}
	for received := uint64(1); ; received++ {
		select {
		case <-ctx.Done():
			return
		case <-connection.Done():
			return
		case <-f.over:
			return
		case m := <-f.messages:
			e, left, err := w.b.entry(m)
			if err == nil && strings.HasPrefix(e.Key, w.prefix) {
				if present != nil && !e.Deleted {
					present[e.Key] = true
				}
				if !w.tell(ctx, e) {
					return
				}
			}
			if present != nil && (left == 0 || received >= f.pending) && !w.settle(ctx, &present) {
				return
			}
		}
	}
}

// tell sends an entry that the receiver does not know yet.
func (w *watch) tell(ctx context.Context, e Entry) bool {
	revision, known := w.known[e.Key]
	// A replica that is behind may tell of revisions the receiver has had.
	if known && e.Revision <= revision || !known && e.Deleted {
		return true
	}
	if e.Deleted {
		delete(w.known, e.Key)
	} else {
		w.known[e.Key] = e.Revision
	}
	return w.send(ctx, e)
}

// settle ends the entries there are: what the receiver knows and is not among
// them has been deleted while nobody was told, unless the feed came from a
// replica that is behind, which a read decides.
func (w *watch) settle(ctx context.Context, present *map[string]bool) bool {
	for key, revision := range w.known {
		if (*present)[key] {
			continue
		}
		e := Entry{Key: key, Revision: revision + 1, Deleted: true}
		switch value, newest, err := w.b.Get(ctx, key); {
		case err == nil:
			e = Entry{Key: key, Value: value, Revision: newest}
		case !errors.Is(err, ErrNotFound):
			return false // the next feed tells
		}
		if !w.tell(ctx, e) {
			return false
		}
	}
	*present = nil
	return w.send(ctx, Entry{})
}

func (w *watch) send(ctx context.Context, e Entry) bool {
	select {
	case w.out <- e:
		return true
	case <-ctx.Done():
		return false
	}
}
