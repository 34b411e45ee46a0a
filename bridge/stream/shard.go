package stream

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// seatsPerShard is how many players of one stream a shard gets before another
// takes part: below it a second goroutine to wake costs more than it saves.
const seatsPerShard = 64

// touchAhead is how many players' memory is fetched at once.
const touchAhead = 8

// shards write for players that keep up: a few goroutines go from connection to
// connection, where one for each player would have to be woken for each picture.
type shards struct {
	all  []*shard
	next atomic.Uint32 // where the next stream's players begin
}

func newShards() *shards {
	ss := &shards{}
	for range runtime.GOMAXPROCS(0) {
		ss.all = append(ss.all, &shard{wake: make(chan struct{}, 1), wheels: map[time.Duration]*wheel{}})
	}
	return ss
}

// enter has a shard write for a player from now on.
func (ss *shards) enter(st *seat) {
	if r := st.r; r.opts.Merge > 0 {
		s := ss.all[int(r.turn)%len(ss.all)]
		s.enter(s.wheelRow(r.opts.Merge, r.turn), st)
	} else {
		w := r.log.rowFor(ss)
		w.shard.enter(w, st)
	}
}

// shard is one goroutine, which lives as long as it has players.
type shard struct {
	wake    chan struct{}
	batch   []*Frame // of the player being served
	touched int      // what touch returned: nobody needs it, but it must be read

	mu      sync.Mutex
	seats   int
	running bool
	dirty   []*row
	wheels  map[time.Duration]*wheel // by how long their players gather
}

// row is those of a shard's players that are served together.
type row struct {
	shard  *shard
	wheel  *wheel       // nil for players that do not merge
	count  atomic.Int32 // of seats
	queued bool         // under the shard's mu

	mu    sync.Mutex
	seats []*seat
}

// wheel is the players that gather frames for the same time, by turn.
type wheel struct {
	merge time.Duration
	seats int
	rows  [mergeTurns]row
	due   time.Duration // since mergeEpoch: the next turn
}

func (s *shard) enter(w *row, st *seat) {
	s.mu.Lock()
	s.seats++
	if !s.running {
		s.running = true
		go s.run()
	}
	s.mu.Unlock()
	w.mu.Lock()
	st.row, st.at = w, len(w.seats)
	w.seats = append(w.seats, st)
	w.count.Store(int32(len(w.seats)))
	w.mu.Unlock()
	if w.wheel == nil {
		s.queue(w) // something may have come since the player looked
	} else {
		s.signal()
	}
}

// wheelRow finds the place of a merging player, and counts it in.
func (s *shard) wheelRow(merge time.Duration, turn uint32) *row {
	s.mu.Lock()
	defer s.mu.Unlock()
	wh := s.wheels[merge]
	if wh == nil {
		step := merge / mergeTurns
		wh = &wheel{merge: merge, due: (time.Since(mergeEpoch)/step + 1) * step}
		for i := range wh.rows {
			wh.rows[i].shard, wh.rows[i].wheel = s, wh
		}
		s.wheels[merge] = wh
	}
	wh.seats++
	return &wh.rows[turn]
}

// leave counts one of a row's players out.
func (s *shard) leave(w *row) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seats--
	if wh := w.wheel; wh != nil {
		if wh.seats--; wh.seats == 0 {
			delete(s.wheels, wh.merge)
		}
	}
	if s.seats == 0 {
		s.signal()
	}
}

func (s *shard) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// queue has a row served soon.
func (s *shard) queue(w *row) {
	s.mu.Lock()
	if !w.queued {
		w.queued = true
		s.dirty = append(s.dirty, w)
	}
	s.mu.Unlock()
	s.signal()
}

func (s *shard) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var work []*row
	for {
		select {
		case <-s.wake:
		case <-timer.C:
		}
		var ok bool
		var next time.Duration
		if work, next, ok = s.collect(work[:0]); !ok {
			return
		}
		for _, w := range work {
			s.serve(w)
		}
		clear(work)
		if next > 0 {
			timer.Reset(next)
		}
	}
}

// collect appends the rows that are due, and says when the next wheel's will be,
// 0 if there is none; false ends the shard.
func (s *shard) collect(work []*row) ([]*row, time.Duration, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seats == 0 {
		s.running = false
		return nil, 0, false
	}
	for _, w := range s.dirty {
		w.queued = false
	}
	work = append(work, s.dirty...)
	clear(s.dirty)
	s.dirty = s.dirty[:0]
	var next time.Duration
	now := time.Since(mergeEpoch)
	for _, wh := range s.wheels {
		step := wh.merge / mergeTurns
		for i := 0; wh.due <= now; i++ {
			if i < mergeTurns {
				work = append(work, &wh.rows[wh.turnAt(wh.due)])
			}
			wh.due += step
		}
		if left := wh.due - now; next == 0 || left < next {
			next = left
		}
	}
	return work, next, true
}

// turnAt tells whose turn begins at a time.
func (wh *wheel) turnAt(t time.Duration) int {
	return (mergeTurns - int(t/(wh.merge/mergeTurns))%mergeTurns) % mergeTurns
}

// serve goes over a row and gives back who cannot stay.
func (s *shard) serve(w *row) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, ahead := 0, 0; i < len(w.seats); {
		if i >= ahead {
			ahead = min(i+touchAhead, len(w.seats))
			for _, st := range w.seats[i:ahead] {
				s.touched += st.touch()
			}
		}
		st := w.seats[i]
		if st.serve(s) {
			i++
			continue
		}
		w.remove(st)
		s.leave(w)
		st.back <- struct{}{}
	}
	clear(s.batch[:cap(s.batch)])
}

// remove takes a seat out. Callers hold mu.
func (w *row) remove(st *seat) {
	last := len(w.seats) - 1
	w.seats[st.at] = w.seats[last]
	w.seats[st.at].at = st.at
	w.seats[last] = nil
	w.seats = w.seats[:last]
	w.count.Store(int32(last))
	st.at = -1
}
