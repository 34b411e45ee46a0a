package stream

import (
	"context"
	"testing"
	"time"
)

// TestGate shuts a reader's gate in the middle of a stream: nothing passes, and
// when it opens pictures go on at a keyframe.
func TestGate(t *testing.T) {
	r := NewRegistry(Options{MaxLag: time.Minute, GOPMaxBytes: 1 << 20, GOPMaxSpan: time.Minute})
	defer r.Close()
	pub, err := r.Publish("live/a", PublisherInfo{Protocol: "rtmp", Origin: FromFrames})
	if err != nil {
		t.Fatal(err)
	}
	defer pub.Close(true)
	open := false
	reader := pub.Stream().Reader(ReaderOptions{LiveOnly: true, Gate: func(Kind) bool { return open }})
	var at time.Duration
	write := func(kind Kind, key bool) {
		at += 20 * time.Millisecond
		pub.Stream().log.append(&Frame{Kind: kind, Key: key, DTS: at, Body: []byte{0}})
	}
	read := func() []*Frame {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		batch, _ := reader.Next(ctx, nil)
		return batch
	}
	write(Video, true)
	write(Audio, false)
	write(Video, false)
	if got := read(); len(got) != 0 {
		t.Fatalf("%d frames passed a shut gate", len(got))
	}
	open = true
	write(Video, false)
	write(Audio, false)
	write(Video, true)
	write(Video, false)
	got := read()
	if len(got) != 3 || got[0].Kind != Audio || !got[1].Key || got[2].Key {
		t.Fatalf("through the open gate came %d frames %+v", len(got), got)
	}
}
