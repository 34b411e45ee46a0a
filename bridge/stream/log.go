package stream

import (
	"sync"
	"sync/atomic"
	"time"
)

// Log is a stream's recent frames as a linked list. Readers hold a place in it;
// what no reader and no group of pictures needs is garbage.
type Log struct {
	maxBytes int
	maxSpan  time.Duration

	head     atomic.Pointer[Frame] // the newest frame; a sentinel at first; set with mu held
	mu       sync.Mutex
	key      *Frame // the frame before the newest keyframe, nil without a usable one
	keyDTS   time.Duration
	keyBytes int
	wake     chan struct{}
	wakeNext *time.Timer // a wake that is put off, nil if none is
	waiting  atomic.Int32
	players  *atomic.Int32 // of the stream's readers
	ended    atomic.Bool   // set with mu held
	rows     []*row        // of players that keep up, by shard
	firstRow int
}

const (
	// crowded is the number of players from which on audio waits for company:
	// waking each of them for each audio frame would cost more than the media
	// does.
	crowded    = 64
	crowdBatch = 30 * time.Millisecond
)

func newLog(maxBytes int, maxSpan time.Duration) *Log {
	l := &Log{maxBytes: maxBytes, maxSpan: maxSpan, wake: make(chan struct{}), players: new(atomic.Int32)}
	l.head.Store(&Frame{})
	return l
}

func (l *Log) append(f *Frame) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended.Load() {
		return
	}
	prev := l.head.Load()
	f.seq = prev.seq + 1
	switch {
	case f.Key:
		l.key, l.keyDTS, l.keyBytes = prev, f.DTS, len(f.Body)
	case l.key != nil:
		l.keyBytes += len(f.Body)
		if l.keyBytes > l.maxBytes || f.DTS-l.keyDTS > l.maxSpan {
			l.key = nil
		}
	}
	l.head.Store(f)
	prev.next.Store(f)
	if l.waiting.Load() > 0 || l.rows != nil {
		l.wakeOrPutOff(f)
	}
}

// wakeOrPutOff wakes the readers. A crowd is woken by pictures; sound goes along
// with the next one, or waits for crowdBatch.
func (l *Log) wakeOrPutOff(f *Frame) {
	if f.Kind == Video || l.players.Load() <= crowded {
		l.wakeAll()
		return
	}
	if l.wakeNext == nil {
		l.wakeNext = time.AfterFunc(crowdBatch, func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			if l.wakeNext != nil {
				l.wakeAll()
			}
		})
	}
}

func (l *Log) wakeAll() {
	if l.wakeNext != nil {
		l.wakeNext.Stop()
		l.wakeNext = nil
	}
	if l.ended.Load() {
		return
	}
	l.wakeRows()
	if l.waiting.Load() > 0 {
		close(l.wake)
		l.wake = make(chan struct{})
	}
}

func (l *Log) wakeRows() {
	for _, w := range l.rows {
		if w != nil && w.count.Load() > 0 {
			w.shard.queue(w)
		}
	}
}

// rowFor finds the place of one more player that keeps up: with the stream's
// other players, in as few shards as will do.
func (l *Log) rowFor(ss *shards) *row {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rows == nil {
		l.rows = make([]*row, len(ss.all))
		l.firstRow = int(ss.next.Add(1))
	}
	total := 0
	for _, w := range l.rows {
		if w != nil {
			total += int(w.count.Load())
		}
	}
	var best *row
	for i := range min(1+total/seatsPerShard, len(l.rows)) {
		k := (l.firstRow + i) % len(l.rows)
		if l.rows[k] == nil {
			l.rows[k] = &row{shard: ss.all[k]}
		}
		if w := l.rows[k]; best == nil || w.count.Load() < best.count.Load() {
			best = w
		}
	}
	return best
}

// wakeNow lets every waiting reader look anew.
func (l *Log) wakeNow() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wakeAll()
}

// forget drops the cached group of pictures: what comes next starts anew.
func (l *Log) forget() {
	l.mu.Lock()
	l.key = nil
	l.mu.Unlock()
}

func (l *Log) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended.Swap(true) {
		if l.wakeNext != nil {
			l.wakeNext.Stop()
		}
		close(l.wake)
		l.wakeRows()
	}
}

// start returns the place a new reader begins after.
func (l *Log) start() *Frame {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.key != nil {
		return l.key
	}
	return l.head.Load()
}

// newest returns the newest frame, and the frame before the newest keyframe.
func (l *Log) newest() (head, key *Frame) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.head.Load(), l.key
}

// wait returns a channel that is closed when a frame after cur may exist, and
// false when the log has ended and none will. A caller that waits must call
// l.waiting.Add(-1) afterwards.
func (l *Log) wait(cur *Frame) (<-chan struct{}, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting.Add(1)
	if cur.next.Load() != nil {
		return closedChan, true
	}
	return l.wake, !l.ended.Load()
}

var closedChan = func() chan struct{} { c := make(chan struct{}); close(c); return c }()
