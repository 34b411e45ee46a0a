package store

import (
	"fmt"
	"strings"
	"testing"
)

// filled returns a closed directory of so many rooms.
func filled(b *testing.B, rooms int) string {
	dir := b.TempDir()
	s, err := Open(Options{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	fill(b, s, rooms)
	return dir
}

func fill(b *testing.B, s *Store, rooms int) *Bucket {
	r := bucket(b, s, "rooms", BucketOptions{})
	value := []byte(strings.Repeat("x", 2000))
	for i := range rooms {
		if _, err := r.Create(b.Context(), fmt.Sprintf("rooms/r%05d", i), value); err != nil {
			b.Fatal(err)
		}
	}
	return r
}

func BenchmarkOpen(b *testing.B) {
	reopen := func(b *testing.B, dir func() string) {
		for b.Loop() {
			s, err := Open(Options{Dir: dir()})
			if err != nil {
				b.Fatal(err)
			}
			for _, name := range []string{"rooms", "calls", "nodes", "recordings"} {
				bucket(b, s, name, BucketOptions{})
			}
			b.StopTimer()
			s.Close()
			b.StartTimer()
		}
	}
	b.Run("empty", func(b *testing.B) { reopen(b, b.TempDir) })
	b.Run("5000 rooms", func(b *testing.B) {
		dir := filled(b, 5000)
		reopen(b, func() string { return dir })
	})
}

func BenchmarkChange(b *testing.B) {
	for _, sync := range []bool{false, true} {
		b.Run(fmt.Sprintf("sync=%t", sync), func(b *testing.B) {
			r := bucket(b, open(b, Options{Dir: b.TempDir(), Sync: sync}), "rooms", BucketOptions{})
			value := []byte(strings.Repeat("x", 2000))
			for b.Loop() {
				value[0]++
				if err := Change(b.Context(), r, "r1", func([]byte) ([]byte, error) { return value, nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkListOf5000(b *testing.B) {
	r := fill(b, open(b, Options{Dir: b.TempDir()}), 5000)
	for b.Loop() {
		if page, _, err := r.List(b.Context(), "rooms/", "rooms/r02500", 100); err != nil || len(page) != 100 {
			b.Fatal(len(page), err)
		}
	}
}
