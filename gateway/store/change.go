package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	// maxBackoff is the longest pause after a lost race. Changes of one key from
	// one process wait for each other, so that only other nodes are raced with.
	maxBackoff = 40 * time.Millisecond
	// maxWait bounds a whole change, waiting and races included. Races have no
	// bound of their own: among many nodes one may lose often while all advance.
	maxWait = 10 * time.Second
)

// Change replaces the value of a key by f of it, and again with the newer value
// when another was faster, until it is applied. f gets nil when there is no
// value, and returns nil to delete it; the value it got, unchanged, writes
// nothing. An error of f ends the change and is returned as it is. f may run
// several times and must do nothing but compute.
func Change(ctx context.Context, b *Bucket, key string, f func(old []byte) (next []byte, err error)) error {
	limited, cancel := context.WithTimeout(ctx, b.wait)
	defer cancel()
	unlock, err := b.lanes.Lock(limited, key)
	if err != nil {
		return failed(ctx, b.name+" "+key, err)
	}
	defer unlock()
	for lost := 0; ; {
		err := b.try(limited, key, f)
		if errors.Is(err, ErrConflict) || errors.Is(err, ErrExists) {
			lost++
			pause := time.NewTimer(rand.N(min(maxBackoff, time.Millisecond<<min(lost, 10))) + 1)
			select {
			case <-pause.C:
				continue
			case <-limited.Done():
				pause.Stop()
				err = failed(ctx, b.name+" "+key, limited.Err())
			}
		}
		switch {
		case !errors.Is(err, context.DeadlineExceeded) || limited.Err() == nil || ctx.Err() != nil:
			return err
		case lost > 0:
			return fmt.Errorf("%s %s: %w: lost %d races in %v; try again later", b.name, key, ErrConflict, lost, b.wait)
		}
		return fmt.Errorf("%s %s: %w: not changed within %v", b.name, key, ErrUnavailable, b.wait)
	}
}

func (b *Bucket) try(ctx context.Context, key string, f func([]byte) ([]byte, error)) error {
	old, revision, err := b.Get(ctx, key)
	exists := err == nil
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	if exists && old == nil {
		old = []byte{} // nil is for no value
	}
	// A copy, since f may build its result in place.
	next, err := f(bytes.Clone(old))
	switch {
	case err != nil:
		return err
	case next == nil && exists:
		return b.Delete(ctx, key, revision)
	case next == nil, exists && bytes.Equal(old, next):
		return nil
	case exists:
		_, err = b.Update(ctx, key, next, revision)
	default:
		_, err = b.Create(ctx, key, next)
	}
	return err
}
