package main

import (
	"testing"
	"time"
)

func TestLedgerKnowsFramesByContent(t *testing.T) {
	l := newLedger()
	sent := time.Now()
	l.send(sentFrame{video: true, key: keyOf([]byte("one frame"))})
	age, ok := l.age(keyOf([]byte("one frame")), sent.Add(time.Second))
	if !ok || age > time.Second || age < 900*time.Millisecond {
		t.Errorf("age %v, %v, want just under a second", age, ok)
	}
	if _, ok := l.age(keyOf([]byte("one Frame")), time.Now()); ok {
		t.Error("a frame that was never sent is known")
	}
}

func TestPictureKeyOutlivesRepackaging(t *testing.T) {
	slice := []byte{0x65, 0x88, 1, 2, 3}
	a, ok := pictureKey([][]byte{{0x67, 1}, {0x68, 2}, slice})
	b, ok2 := pictureKey([][]byte{{0x09, 0x10}, {0x06, 5}, slice})
	if !ok || !ok2 || a != b {
		t.Errorf("%v and %v differ, though the slice is one", a, b)
	}
	if _, ok := pictureKey([][]byte{{0x67, 1}}); ok {
		t.Error("parameter sets alone are no picture")
	}
}

func TestOnsetNeedsSilenceFirst(t *testing.T) {
	var o onset
	var at []int
	sizes := []int{200, 200, 6, 6, 200, 6, 6, 6, 6, 6, 6, 60, 6, 200, 200, 200}
	for i, n := range sizes {
		if o.add(n) {
			at = append(at, i)
		}
	}
	if len(at) != 1 || at[0] != 13 {
		t.Errorf("onsets at %v, want one at 13", at)
	}
}

func TestSinceOnset(t *testing.T) {
	l := newLedger()
	if _, ok := l.sinceOnset(time.Now()); ok {
		t.Error("there was no onset yet")
	}
	for i := range quietCount + 1 {
		l.send(sentFrame{key: frameKey{length: i}, size: 5})
	}
	l.send(sentFrame{key: frameKey{length: 99}, size: 300})
	if since, ok := l.sinceOnset(time.Now()); !ok || since < 0 || since > time.Minute {
		t.Errorf("got %v, %v", since, ok)
	}
}
