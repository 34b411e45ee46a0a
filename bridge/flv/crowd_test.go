package flv

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hutong/bridge/stream"
)

// TestCrowdGetsTheSameBytes plays to many at once: who keeps up, who gathers
// frames, who does not read for a while and then slowly, and who leaves. All who
// stay get the same, and it is what was published, in order.
func TestCrowdGetsTheSameBytes(t *testing.T) {
	const (
		rounds  = 6
		keeping = 70
		merging = 8
		slow    = 6
		leaving = 12
		pause   = rounds / 2 // after which the slow begin to read
	)
	s := newPatientSource(t, time.Hour)
	s.push(t, 0)
	type player struct {
		what string
		far  net.Conn
		done <-chan error
		got  []byte
		n    atomic.Int64 // of got
	}
	var stay, gone []*player
	join := func(what string, n int, o Options) (all []*player) {
		for i := range n {
			far, done := s.serve(t, t.Context(), o)
			far.SetDeadline(time.Now().Add(time.Minute))
			all = append(all, &player{what: fmt.Sprint(what, " ", i), far: far, done: done})
		}
		return all
	}
	stay = append(stay, join("keeping up", keeping, Options{})...)
	stay = append(stay, join("gathering", merging, Options{Merge: 40 * time.Millisecond})...)
	gone = append(gone, join("leaving", leaving/2, Options{})...)
	gone = append(gone, join("leaving", leaving/2, Options{Merge: 40 * time.Millisecond})...)
	sluggish := join("slow", slow, Options{WriteTimeout: time.Minute})

	var readers sync.WaitGroup
	read := func(p *player, size int) {
		defer readers.Done()
		buf := make([]byte, size)
		for {
			n, err := p.far.Read(buf)
			p.got = append(p.got, buf[:n]...)
			p.n.Store(int64(len(p.got)))
			if err != nil {
				if err != io.EOF {
					t.Errorf("%s: %v", p.what, err)
				}
				return
			}
		}
	}
	everybody := slices.Concat(stay, gone, sluggish)
	for _, p := range everybody {
		p.got = make([]byte, len(Header(true, true))) // from here on nothing is missed
		if _, err := io.ReadFull(p.far, p.got); err != nil {
			t.Fatalf("%s: %v", p.what, err)
		}
	}
	for _, p := range stay {
		readers.Add(1)
		go read(p, 64<<10)
	}
	for _, p := range sluggish {
		p.far.(*net.TCPConn).SetReadBuffer(64 << 10)
	}
	// What is published is waited for now and then, so that who keeps up does, and
	// whoever does not read has no part in it.
	frames, size := 0, int64(0)
	s.pushed = func(n int) {
		size += int64(n)
		if frames++; frames%16 != 0 {
			return
		}
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for deadline := time.Now().Add(20 * time.Second); ; <-tick.C {
			behind := slices.IndexFunc(stay, func(p *player) bool { return p.n.Load() < size })
			if behind < 0 {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s has %d bytes of %d", stay[behind].what, stay[behind].n.Load(), size)
			}
		}
	}
	for i := range rounds {
		if i == pause {
			for _, p := range sluggish {
				readers.Add(1)
				go read(p, 4<<10)
			}
		}
		s.push(t, time.Duration(i+1)*2*time.Second)
		for _, p := range gone[i*leaving/rounds : (i+1)*leaving/rounds] {
			p.far.Close()
		}
	}
	s.pub.Close(true)
	stay = append(stay, sluggish...)
	for _, p := range stay {
		if err := wait(t, p.done); err != nil {
			t.Errorf("%s: %v", p.what, err)
		}
	}
	for _, p := range gone {
		if err := wait(t, p.done); err == nil {
			t.Errorf("%s: a player that has left was served to the end", p.what)
		}
	}
	readers.Wait()

	for _, p := range stay[1:] {
		if !bytes.Equal(p.got, stay[0].got) {
			t.Errorf("%s got %d bytes, others %d, and they differ", p.what, len(p.got), len(stay[0].got))
		}
	}
	var want [][]byte
	for range rounds + 1 {
		for _, tag := range clip(t) {
			if isMedia(tag) {
				want = append(want, tag.Body)
			}
		}
	}
	var got [][]byte
	for r := NewReader(bytes.NewReader(stay[0].got), 0); ; {
		tag, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if isMedia(tag) {
			got = append(got, tag.Body)
		}
	}
	if len(got) == 0 || len(got) > len(want) || got[0][0]>>4 != 1 {
		t.Fatalf("%d frames of %d, or they do not begin with a keyframe", len(got), len(want))
	}
	for i, body := range want[len(want)-len(got):] {
		if !bytes.Equal(got[i], body) {
			t.Fatalf("frame %d of %d is not the one that was published", i, len(got))
		}
	}
}

// isMedia says that a tag is a picture or sound, not what describes them.
func isMedia(tag Tag) bool { return tag.Type != TagScript && tag.Body[1] == 1 }

// TestWhatWasKeptGoesFirst fills a connection without waiting, and then writes to
// it from elsewhere, as answers to an RTMP player are.
func TestWhatWasKeptGoesFirst(t *testing.T) {
	near, far := connect(t)
	defer far.Close()
	defer near.Close()
	w := NewBlockWriter(near, nil, 10*time.Second)
	var want []byte
	taken := stream.Written
	for i := 0; taken == stream.Written; i++ {
		blocks := [][]byte{bytes.Repeat([]byte{byte(i)}, 1000), bytes.Repeat([]byte{byte(i + 1)}, 50_000)}
		want = slices.Concat(want, blocks[0], blocks[1])
		var err error
		if _, taken, err = w.TryWriteBlocks(blocks); err != nil {
			t.Fatal(err)
		}
	}
	if taken != stream.Kept {
		t.Fatalf("a full connection: %d", taken)
	}
	if _, taken, _ := w.TryWriteBlocks([][]byte{{1}}); taken != stream.Busy {
		t.Errorf("with something kept: %d", taken)
	}
	got := make(chan []byte, 1)
	go func() {
		b, _ := io.ReadAll(far)
		got <- b
	}()
	if _, err := w.Write([]byte("answer")); err != nil {
		t.Fatal(err)
	}
	if _, taken, _ := w.TryWriteBlocks([][]byte{[]byte("more")}); taken != stream.Written {
		t.Errorf("after that: %d", taken)
	}
	near.Close()
	if want = append(want, "answermore"...); !bytes.Equal(<-got, want) {
		t.Error("what arrived is not what was written, in order")
	}
}
