package main

import (
	"sync"
	"time"
)

// ledger knows when each frame was sent. Frames are known again by their content, so nothing is added to the stream and
// any gateway that does not transcode can be followed. When a looping file repeats a frame, the latest sending counts.
type ledger struct {
	mu     sync.Mutex
	sent   map[frameKey]time.Time
	onsets []time.Time
	edge   onset
	newest time.Time // of the video frames
}

func newLedger() *ledger { return &ledger{sent: map[frameKey]time.Time{}} }

// send is an onSend.
func (l *ledger) send(f sentFrame) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent[f.key] = now
	if f.video {
		l.newest = now
	} else if l.edge.add(f.size) {
		l.onsets = append(l.onsets, now)
	}
}

// age is how long ago the frame was sent; ok is false for a frame that never was.
func (l *ledger) age(k frameKey, now time.Time) (age time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, ok := l.sent[k]
	return now.Sub(at), ok
}

// sinceOnset is how long ago the last tone burst began at the sender; ok is false before the first.
func (l *ledger) sinceOnset(now time.Time) (since time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.onsets) == 0 {
		return 0, false
	}
	return now.Sub(l.onsets[len(l.onsets)-1]), true
}

// onset finds where silence turns into tone from coded sizes alone, since a coder spends next to nothing on silence. No
// decoder is needed, and both ends are judged alike.
type onset struct{ quiet int }

const (
	quietSize  = 45 // bytes: a frame of coded silence is smaller
	loudSize   = 70 // a frame of a loud tone is larger
	quietCount = 6  // frames of silence before a beginning counts
)

func (o *onset) add(size int) bool {
	switch {
	case size <= quietSize:
		o.quiet++
	case size >= loudSize:
		begins := o.quiet >= quietCount
		o.quiet = 0
		return begins
	}
	return false
}
