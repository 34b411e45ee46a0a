package store

import (
	"context"
	"hash/maphash"
)

// Lanes let one at a time through for each key, within this process. Keys share a
// bounded number of lanes; two that meet only wait for each other.
type Lanes struct {
	seed maphash.Seed
	busy []chan struct{}
}

// NewLanes returns lanes that are free.
func NewLanes() Lanes {
	l := Lanes{seed: maphash.MakeSeed(), busy: make([]chan struct{}, 256)}
	for i := range l.busy {
		l.busy[i] = make(chan struct{}, 1)
	}
	return l
}

// Lock waits for the key's lane until ctx ends; the error is then that of ctx.
func (l Lanes) Lock(ctx context.Context, key string) (unlock func(), err error) {
	c := l.busy[maphash.String(l.seed, key)%uint64(len(l.busy))]
	select {
	case c <- struct{}{}:
		return func() { <-c }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
