package sfu

import (
	"sync"
	"sync/atomic"
	"time"

	"hutong/sfu/internal/batch"
)

const (
	// paceTick is how often joining subscribers get their next share.
	paceTick = 5 * time.Millisecond

	// reportTick is how often a shard looks for sender reports that are due.
	reportTick = 200 * time.Millisecond

	// subscribersPerShard is how many subscribers of one Source a shard gets
	// before the next shard takes part: below it a second goroutine to wake
	// costs more than it saves.
	subscribersPerShard = 32
)

// shard is one goroutine that sends to its share of all subscribers.
type shard struct {
	sfu  *SFU
	wake chan struct{}

	mu    sync.Mutex
	dirty []*outlet
	all   map[*outlet]struct{}

	writers []*batch.Writer // for each of the network's sockets

	views [lanes]view // reused by every pass
	chunk []*packet   // reused by joins
}

func newShard(s *SFU) *shard {
	sh := &shard{sfu: s, wake: make(chan struct{}, 1), all: map[*outlet]struct{}{}, chunk: make([]*packet, 0, 64)}
	for _, b := range s.net.batches {
		sh.writers = append(sh.writers, b.NewWriter())
	}

	return sh
}

// run sends until stop is closed.
func (s *shard) run(stop <-chan struct{}) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var (
		work    []*outlet
		pacing  bool
		reports int64 // when sender reports are looked at next
		due     int64 // when the timer goes off
	)
	for {
		select {
		case <-stop:
			return
		case <-timer.C:
			due = 0
		case <-s.wake:
		}
		now := mono()
		s.mu.Lock()
		work = append(work[:0], s.dirty...)
		s.dirty = s.dirty[:0]
		if now >= reports || pacing {
			for o := range s.all {
				if now >= reports || o.pacing {
					work = append(work, o)
				}
			}
		}
		idle := len(s.all) == 0
		s.mu.Unlock()
		if now >= reports {
			reports = now + int64(reportTick)
		}
		pacing = false
		for i, o := range work {
			o.pacing = o.pass(mono())
			pacing = pacing || o.pacing
			work[i] = nil
		}
		s.flush()
		next := reports
		if pacing {
			next = min(next, now+int64(paceTick))
		}
		if !idle && (due == 0 || next < due) {
			due = next
			timer.Reset(time.Duration(max(next-mono(), 0)))
		}
	}
}

// flush sends what a pass has left in the writers.
func (s *shard) flush() {
	for _, w := range s.writers {
		w.Flush()
	}
}

// outlet is the share of one Source's subscribers that one shard serves.
type outlet struct {
	src    *Source
	shard  *shard
	pacing bool        // a subscriber is catching up; used by the shard alone
	queued atomic.Bool // on the shard's dirty list
	users  int         // subscribers that entered; under the Source's mu

	mu     sync.Mutex
	subs   []*subscription
	cursor [lanes]uint64 // next arrival to send, per track
}

// wake has the shard look at this outlet soon.
func (o *outlet) wake() {
	if o.queued.Swap(true) {
		return
	}
	s := o.shard
	s.mu.Lock()
	s.dirty = append(s.dirty, o)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// add begins to send to a connected subscriber.
func (o *outlet) add(sub *subscription) {
	o.mu.Lock()
	o.subs = append(o.subs, sub)
	o.mu.Unlock()
	o.wake()
}

func (o *outlet) remove(sub *subscription) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i, other := range o.subs {
		if other == sub {
			last := len(o.subs) - 1
			o.subs[i] = o.subs[last]
			o.subs[last] = nil
			o.subs = o.subs[:last]

			return
		}
	}
}

// pass sends every subscriber what is due to it. It reports whether a
// subscriber is being paced and wants the next pass soon.
func (o *outlet) pass(now int64) bool {
	o.queued.Store(false)
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.subs) == 0 {
		return false
	}
	s := o.shard
	used := s.views[:kinds]
	if o.src.layered.Load() {
		used = s.views[:]
	}
	for lane := range used {
		v := &used[lane]
		o.src.tracks[lane].since(o.cursor[lane], now, v)
		o.cursor[lane] = v.head
	}
	s.sfu.net.begin()
	pacing := false
	for _, sub := range o.subs {
		if now >= sub.nextChoice {
			sub.choose(now)
		}
		for _, d := range sub.tracks {
			if d != nil {
				pacing = d.serve(now, s) || pacing
			}
		}
		if now >= sub.nextReport {
			sub.report(now)
		}
	}
	s.sfu.net.end()
	for lane := range used {
		clear(used[lane].batch)
	}

	return pacing
}
