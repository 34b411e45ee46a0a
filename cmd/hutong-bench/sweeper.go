package main

import (
	"context"
	"slices"
	"sync"
	"time"
)

// swept is a socket read without waiting, as a part of a round.
type swept interface {
	// sweep reads what is there. An error takes the socket out of the round.
	sweep(with *tools) error
}

// tools are the buffers that all sockets of a round share.
type tools struct {
	scratch []byte
	batch   *batch
}

// sweeper reads many sockets from one goroutine, one round every so often, so that thousands of players cost the machine
// a few timers and system calls instead of a wake-up per packet. What it takes from the core is what the server has.
type sweeper struct {
	every time.Duration
	mu    sync.Mutex
	round []swept
}

// run goes round until ctx ends.
func (s *sweeper) run(ctx context.Context) {
	t := time.NewTicker(s.every)
	defer t.Stop()
	with := &tools{scratch: make([]byte, 1<<20), batch: newBatch()}
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		s.mu.Lock()
		s.round = slices.DeleteFunc(s.round, func(x swept) bool { return x.sweep(with) != nil })
		s.mu.Unlock()
	}
}

func (s *sweeper) add(x swept) {
	s.mu.Lock()
	s.round = append(s.round, x)
	s.mu.Unlock()
}

// remove returns when x is in no round any more.
func (s *sweeper) remove(x swept) {
	s.mu.Lock()
	s.round = slices.DeleteFunc(s.round, func(y swept) bool { return x == y })
	s.mu.Unlock()
}
