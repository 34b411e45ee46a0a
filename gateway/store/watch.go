package store

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
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
	parent := ctx
	ctx, cancel := context.WithCancel(parent)
	release := context.AfterFunc(b.s.ctx, cancel)
	w := &watch{b: b, prefix: prefix, filter: tokens, out: make(chan Entry, watchBuffer), known: map[string]uint64{}}
	// Before the watch begins, so that no reconnection is missed.
	again := b.s.reconnections()
	kw, err := w.begin(ctx)
	if err != nil {
		release()
		cancel()
		return nil, failed(parent, what, err)
	}
	b.s.wg.Go(func() {
		defer cancel()
		defer release()
		defer close(w.out)
		w.run(ctx, kw, again)
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

func (w *watch) run(ctx context.Context, kw jetstream.KeyWatcher, again <-chan struct{}) {
	for {
		if kw != nil {
			w.follow(ctx, kw, again)
		}
		if ctx.Err() != nil {
			return
		}
		again = w.b.s.reconnections()
		var err error
		if kw, err = w.begin(ctx); err != nil {
			kw = nil
			select { // right after its restart the engine is not ready for a moment
			case <-time.After(watchRetry):
			case <-ctx.Done():
			}
		}
	}
}

// begin asks the engine for a watch. Its context has no deadline of its own,
// since the watch would end with it.
func (w *watch) begin(ctx context.Context) (jetstream.KeyWatcher, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(w.b.s.timeout, func() { cancel(context.DeadlineExceeded) })
	kw, err := w.b.kv.Watch(ctx, w.filter)
	if !timer.Stop() && err == nil {
		end(kw)
		err = context.DeadlineExceeded
	}
	if err != nil {
		cancel(err)
		return nil, err
	}
	return &ending{KeyWatcher: kw, cancel: cancel}, nil
}

// ending is a watcher that releases its context.
type ending struct {
	jetstream.KeyWatcher
	cancel context.CancelCauseFunc
}

func (e *ending) Stop() error {
	defer e.cancel(nil)
	return e.KeyWatcher.Stop()
}

// end stops a watcher and waits until it has: it may be about to send.
func end(kw jetstream.KeyWatcher) {
	kw.Stop()
	for range kw.Updates() {
	}
}

// follow passes on one watcher's entries until ctx ends, the connection has been
// replaced, or the watcher has ended by itself.
func (w *watch) follow(ctx context.Context, kw jetstream.KeyWatcher, again <-chan struct{}) {
	defer end(kw)
	present := map[string]bool{} // nil once the entries there are have been seen
	for {
		select {
		case <-ctx.Done():
			return
		case <-again:
			return
		case e, ok := <-kw.Updates():
			if !ok {
				return
			}
			if e == nil {
				if !w.settle(ctx, present) {
					return
				}
				present = nil
				continue
			}
			entry := decode(e)
			if _, ok := hasPrefix(e.Key(), w.prefix); !ok {
				continue
			}
			if present != nil && !entry.Deleted {
				present[entry.Key] = true
			}
			if !w.tell(ctx, entry) {
				return
			}
		}
	}
}

// tell sends an entry that the receiver does not know yet.
func (w *watch) tell(ctx context.Context, e Entry) bool {
	revision, known := w.known[e.Key]
	if known && revision == e.Revision || !known && e.Deleted {
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
// them has been deleted while we did not see it.
func (w *watch) settle(ctx context.Context, present map[string]bool) bool {
	for key, revision := range w.known {
		if !present[key] && !w.tell(ctx, Entry{Key: key, Revision: revision + 1, Deleted: true}) {
			return false
		}
	}
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
