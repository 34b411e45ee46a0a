package main

import (
	"context"
	"sync"
	"time"
)

// player is one subscriber, by any protocol. play joins, and returns when ctx ends (nil) or the stream does (an error).
type player interface {
	play(ctx context.Context) error
	counts() *tally
}

// tally is what one player has received. It is written by whoever reads the player's socket, a batch at a time.
type tally struct {
	mu sync.Mutex
	totals
	began time.Time
	first time.Duration // from began to the first video packet or tag, 0 until then
	key   time.Duration // to the last byte of the first whole keyframe
	end   error         // why the player stopped by itself
}

// totals can be subtracted: the measured span is a difference.
type totals struct {
	packets  int64 // RTP packets, or tags
	bytes    int64
	frames   int64 // video
	audio    int64 // packets or tags
	expected int64 // RTP packets by sequence numbers
	received int64 // of those
}

func (a totals) minus(b totals) totals {
	return totals{a.packets - b.packets, a.bytes - b.bytes, a.frames - b.frames, a.audio - b.audio,
		a.expected - b.expected, a.received - b.received}
}

func (a totals) plus(b totals) totals {
	return totals{a.packets + b.packets, a.bytes + b.bytes, a.frames + b.frames, a.audio + b.audio,
		a.expected + b.expected, a.received + b.received}
}

func (t *tally) begin() {
	t.mu.Lock()
	t.began = time.Now()
	t.mu.Unlock()
}

func (t *tally) totalsNow() totals {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.totals
}

func (t *tally) firsts() (first, key time.Duration, end error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.first, t.key, t.end
}

func (t *tally) stopped(err error) {
	t.mu.Lock()
	t.end = err
	t.mu.Unlock()
}

// video notes a video packet's arrival; whole says that it completes a keyframe. The tally is locked by the caller.
func (t *tally) video(whole bool) {
	if t.first == 0 {
		t.first = time.Since(t.began)
	}
	if whole && t.key == 0 {
		t.key = time.Since(t.began)
	}
}

// tagged counts one FLV tag or RTMP message. The tally is locked by the caller.
func (t *tally) tagged(kind byte, head []byte) {
	t.packets++
	switch kind {
	case tagVideo:
		config := len(head) > 1 && head[1] == 0
		if config {
			return
		}
		t.frames++
		t.video(isKeyHead(head))
	case tagAudio:
		t.audio++
	}
}

// eventually polls until ok or the limit or the end of ctx, and says which.
func eventually(ctx context.Context, limit time.Duration, ok func() bool) bool {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	every := time.NewTicker(2 * time.Millisecond)
	defer every.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			return false
		case <-deadline.C:
			return ok()
		case <-every.C:
		}
	}
	return true
}

// pause sleeps, unless ctx ends first.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
