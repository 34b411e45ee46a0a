package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestBucket(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		b := bucket(t, s, "rooms", BucketOptions{})
		if _, _, err := b.Get(ctx, "rooms/r1"); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "rooms/r1") {
			t.Errorf("get of nothing: %v", err)
		}
		first, err := b.Create(ctx, "rooms/r1", []byte("one"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Create(ctx, "rooms/r1", []byte("two")); !errors.Is(err, ErrExists) || errors.Is(err, ErrConflict) {
			t.Errorf("create of what exists: %v", err)
		}
		second, err := b.Update(ctx, "rooms/r1", []byte("two"), first)
		if err != nil || second <= first {
			t.Errorf("update to %d after %d: %v", second, first, err)
		}
		if _, err := b.Update(ctx, "rooms/r1", []byte("three"), first); !errors.Is(err, ErrConflict) {
			t.Errorf("update of an old revision: %v", err)
		}
		if value, revision, err := b.Get(ctx, "rooms/r1"); err != nil || string(value) != "two" || revision != second {
			t.Errorf("got %q at %d, %v", value, revision, err)
		}
		if err := b.Delete(ctx, "rooms/r1", first); !errors.Is(err, ErrConflict) {
			t.Errorf("delete of an old revision: %v", err)
		}
		if err := b.Delete(ctx, "rooms/r1", second); err != nil {
			t.Error(err)
		}
		if _, _, err := b.Get(ctx, "rooms/r1"); !errors.Is(err, ErrNotFound) {
			t.Errorf("get of what is deleted: %v", err)
		}
		if _, err := b.Update(ctx, "rooms/r1", []byte("x"), second); !errors.Is(err, ErrConflict) {
			t.Errorf("update of what is deleted: %v", err)
		}
		if _, err := b.Create(ctx, "rooms/r1", []byte("again")); err != nil {
			t.Errorf("create of what was deleted: %v", err)
		}
		if _, err := b.Create(ctx, "rooms/big", make([]byte, 1<<20)); !errors.Is(err, ErrTooLarge) {
			t.Errorf("create of a large value: %v", err)
		}
	})
}

func TestKeys(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir()})
	b := bucket(t, s, "keys", BucketOptions{})
	good := []string{"a", "A-b_9", "_", "-", "--", "a/b/c", "rooms/" + strings.Repeat("x", 48), "a.b", "a b", "a*", ">", "$", "=", "=41", "=2", "房间/一", "a\x00\xff"}
	for _, key := range good {
		if _, err := b.Create(t.Context(), key, []byte(key)); err != nil {
			t.Errorf("create %q: %v", key, err)
		}
	}
	page, _, err := b.List(t.Context(), "", "", 0)
	if err != nil || len(page) != len(good) {
		t.Fatalf("listed %d of %d, %v", len(page), len(good), err)
	}
	for _, e := range page {
		if e.Key != string(e.Value) {
			t.Errorf("%q was listed as %q", e.Value, e.Key)
		}
	}
	for _, key := range []string{"", "/", "/a", "a/", "a//b", strings.Repeat("x", 257)} {
		if _, err := b.Create(t.Context(), key, nil); !errors.Is(err, ErrBadKey) {
			t.Errorf("create %q: %v", key, err)
		}
	}
	for _, name := range []string{"", "a/b", "a.b", "a b"} {
		if _, err := s.Bucket(name, BucketOptions{}); !errors.Is(err, ErrBadKey) {
			t.Errorf("bucket %q: %v", name, err)
		}
	}
}

func FuzzEscape(f *testing.F) {
	for _, s := range []string{"rooms/r42", "a.b", "=41", "房/间", "a//b", "", "\x00=\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, key string) {
		token, err := escape(key)
		if err != nil {
			return
		}
		if unescape(token) != key {
			t.Errorf("%q came back as %q", key, unescape(token))
		}
		if strings.ContainsAny(token, " *>/\x00") || strings.HasPrefix(token, ".") || strings.Contains(token, "..") {
			t.Errorf("%q became %q", key, token)
		}
		if tokens, err := filter(key); err != nil || tokens != ">" && !strings.HasPrefix(token, strings.TrimSuffix(tokens, ">")) {
			t.Errorf("the filter %q, %v does not pass %q", tokens, err, token)
		}
	})
}

func increment(old []byte) ([]byte, error) {
	n, _ := strconv.Atoi(string(old))
	return strconv.AppendInt(nil, int64(n)+1, 10), nil
}

func TestChangeLosesNothing(t *testing.T) {
	race := func(t *testing.T, buckets ...*Bucket) {
		const goroutines, times = 50, 10
		var wg sync.WaitGroup
		for g := range goroutines {
			wg.Go(func() {
				for range times {
					if err := Change(t.Context(), buckets[g%len(buckets)], "count", increment); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		if value, _, err := buckets[0].Get(t.Context(), "count"); err != nil || string(value) != strconv.Itoa(goroutines*times) {
			t.Errorf("counted %q, %v; want %d", value, err, goroutines*times)
		}
	}
	t.Run("one node", func(t *testing.T) {
		race(t, bucket(t, open(t, Options{Dir: t.TempDir()}), "race", BucketOptions{}))
	})
	t.Run("three nodes", func(t *testing.T) {
		n := startServer(t, nil)
		var buckets []*Bucket
		for range 3 {
			buckets = append(buckets, bucket(t, open(t, Options{URL: n.url()}), "race", BucketOptions{}))
		}
		race(t, buckets...)
	})
	t.Run("fifty nodes' worth", func(t *testing.T) {
		s := open(t, Options{Dir: t.TempDir()})
		var buckets []*Bucket
		for range 50 { // each has lanes of its own, as another process would
			buckets = append(buckets, bucket(t, s, "race", BucketOptions{}))
		}
		race(t, buckets...)
	})
}

func TestChange(t *testing.T) {
	ctx := t.Context()
	b := bucket(t, open(t, Options{Dir: t.TempDir()}), "rooms", BucketOptions{})
	full := errors.New("room full")
	if err := Change(ctx, b, "r1", func([]byte) ([]byte, error) { return nil, full }); err != full {
		t.Errorf("the error of f became %v", err)
	}
	if err := Change(ctx, b, "r1", func(old []byte) ([]byte, error) {
		if old != nil {
			t.Errorf("of nothing, f got %q", old)
		}
		return nil, nil
	}); err != nil {
		t.Errorf("nothing to nothing: %v", err)
	}
	if err := Change(ctx, b, "r1", increment); err != nil {
		t.Fatal(err)
	}
	_, before, _ := b.Get(ctx, "r1")
	if err := Change(ctx, b, "r1", func(old []byte) ([]byte, error) { return old, nil }); err != nil {
		t.Fatal(err)
	}
	if _, after, _ := b.Get(ctx, "r1"); after != before {
		t.Error("an unchanged value was written")
	}
	if err := Change(ctx, b, "r1", func(old []byte) ([]byte, error) { old[0] = '7'; return old, nil }); err != nil {
		t.Fatal(err)
	}
	if value, _, _ := b.Get(ctx, "r1"); string(value) != "7" {
		t.Errorf("a change in place left %q", value)
	}
	if err := Change(ctx, b, "r1", func([]byte) ([]byte, error) { return nil, nil }); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.Get(ctx, "r1"); !errors.Is(err, ErrNotFound) {
		t.Errorf("after its deletion: %v", err)
	}
}

// A value that always changes between the read and the write.
func TestChangeGivesUp(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir()})
	b, other := bucket(t, s, "rooms", BucketOptions{}), bucket(t, s, "rooms", BucketOptions{})
	b.wait = time.Second
	tries := 0
	err := Change(t.Context(), b, "r1", func(old []byte) ([]byte, error) {
		tries++
		if err := Change(t.Context(), other, "r1", increment); err != nil {
			t.Error(err)
		}
		return []byte("mine"), nil
	})
	if !errors.Is(err, ErrConflict) || tries < 2 {
		t.Errorf("after %d tries: %v", tries, err)
	}
}

func TestChangeEndsWithItsCaller(t *testing.T) {
	b := bucket(t, open(t, Options{Dir: t.TempDir()}), "rooms", BucketOptions{})
	inside, release, done := make(chan struct{}, 1), make(chan struct{}), make(chan error)
	go func() {
		done <- Change(t.Context(), b, "r1", func([]byte) ([]byte, error) {
			inside <- struct{}{}
			<-release
			return []byte("x"), nil
		})
	}()
	next(t, inside)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := Change(ctx, b, "r1", increment); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting for another change: %v", err)
	}
	close(release)
	if err := next(t, done); err != nil {
		t.Error(err)
	}
}

func TestListPages(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		const count = 5000
		b := bucket(t, s, "rooms", BucketOptions{})
		var wg sync.WaitGroup
		for w := range 16 {
			wg.Go(func() {
				for i := w; i < count; i += 16 {
					if _, err := b.Create(t.Context(), fmt.Sprintf("rooms/r%04d", i), strconv.AppendInt(nil, int64(i), 10)); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		for _, key := range []string{"room", "rooms2/x", "calls/1"} {
			if _, err := b.Create(t.Context(), key, nil); err != nil {
				t.Fatal(err)
			}
		}
		for i := 0; i < count; i += 2 { // deleted ones neither show nor shorten a page
			if i < 500 {
				if err := b.Delete(t.Context(), fmt.Sprintf("rooms/r%04d", i), 0); err != nil {
					t.Fatal(err)
				}
			}
		}
		var all []Entry
		cursor, pages := "", 0
		for {
			page, next, err := b.List(t.Context(), "rooms/", cursor, 200)
			if err != nil {
				t.Fatal(err)
			}
			if next != "" && len(page) != 200 {
				t.Fatalf("a page of %d before the end", len(page))
			}
			all, pages = append(all, page...), pages+1
			if cursor = next; next == "" {
				break
			}
		}
		if len(all) != count-250 || pages != 24 {
			t.Fatalf("listed %d in %d pages", len(all), pages)
		}
		for i, e := range all {
			if i > 0 && e.Key <= all[i-1].Key {
				t.Fatalf("%s after %s", e.Key, all[i-1].Key)
			}
			if n, _ := strconv.Atoi(string(e.Value)); e.Key != fmt.Sprintf("rooms/r%04d", n) || e.Revision == 0 {
				t.Fatalf("listed %+v", e)
			}
		}
		page, next, err := b.List(t.Context(), "rooms/r49", "", 1000)
		if err != nil || len(page) != 100 || next != "" {
			t.Errorf("listed %d, %q, %v of a part of a segment", len(page), next, err)
		}
		if page, next, err := b.List(t.Context(), "none/", "", 0); err != nil || len(page) != 0 || page == nil || next != "" {
			t.Errorf("listed %v, %q, %v of nothing", page, next, err)
		}
		if _, _, err := b.List(t.Context(), "a//", "", 0); !errors.Is(err, ErrBadKey) {
			t.Errorf("list of a bad prefix: %v", err)
		}
	})
}

func TestWatch(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		b := bucket(t, s, "rooms", BucketOptions{})
		put := func(key, value string) {
			t.Helper()
			if err := Change(t.Context(), b, key, func([]byte) ([]byte, error) { return []byte(value), nil }); err != nil {
				t.Fatal(err)
			}
		}
		put("rooms/r1", "one")
		put("calls/c1", "not this")
		put("rooms/gone", "x")
		if err := b.Delete(ctx, "rooms/gone", 0); err != nil {
			t.Fatal(err)
		}
		changes, err := b.Watch(ctx, "rooms/r")
		if err != nil {
			t.Fatal(err)
		}
		see := func(key, value string, deleted bool) {
			t.Helper()
			if e := next(t, changes); e.Key != key || string(e.Value) != value || e.Deleted != deleted {
				t.Errorf("saw %+v; want %s %q %t", e, key, value, deleted)
			}
		}
		see("rooms/r1", "one", false)
		see("", "", false)
		put("rooms/s1", "not this")
		put("rooms/r1", "two")
		put("rooms/r2", "new")
		see("rooms/r1", "two", false)
		see("rooms/r2", "new", false)
		if err := b.Delete(ctx, "rooms/r1", 0); err != nil {
			t.Fatal(err)
		}
		see("rooms/r1", "", true)
		put("rooms/r1", "back")
		see("rooms/r1", "back", false)
		cancel()
		eventually(t, "the end of the watch", func() bool { _, ok := <-changes; return !ok })
	})
}

// A receiver that went away, or is slow, costs nothing when the watch ends.
func TestWatchEndsUnread(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir()})
	b := bucket(t, s, "rooms", BucketOptions{})
	for i := range 2000 {
		if _, err := b.Create(t.Context(), fmt.Sprint(i), []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	for range 3 {
		if _, err := b.Watch(ctx, ""); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if _, err := b.Watch(t.Context(), ""); err != nil { // ended by the store's close
		t.Fatal(err)
	}
}

func TestKeysExpire(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir()})
	b := bucket(t, s, "nodes", BucketOptions{TTL: time.Second})
	changes, err := b.Watch(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	next(t, changes)
	revision, err := b.Create(t.Context(), "n1", []byte("alive"))
	if err != nil {
		t.Fatal(err)
	}
	if revision, err = b.Update(t.Context(), "n1", []byte("still alive"), revision); err != nil {
		t.Fatal(err)
	}
	var e Entry
	for !e.Deleted {
		e = next(t, changes)
	}
	if e.Key != "n1" {
		t.Errorf("expired %+v", e)
	}
	if _, _, err := b.Get(t.Context(), "n1"); !errors.Is(err, ErrNotFound) {
		t.Errorf("get of what expired: %v", err)
	}
	if _, err := b.Update(t.Context(), "n1", nil, revision); !errors.Is(err, ErrConflict) {
		t.Errorf("update of what expired: %v", err)
	}
	if _, err := b.Create(t.Context(), "n1", nil); err != nil {
		t.Errorf("create of what expired: %v", err)
	}
}
