package store

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// A cluster of three servers, of which one dies: no change is lost, and two
// nodes never both win a race.
func TestCluster(t *testing.T) {
	// The servers take their ports as they start, and find each other through the
	// first. It reckons with three by its routes, though nobody is there.
	routes := []*url.URL{{Scheme: "nats", Host: "127.0.0.1:1"}, {Scheme: "nats", Host: "127.0.0.1:2"}}
	var servers []*natsServer
	for i := range 3 {
		n := startServer(t, func(o *server.Options) {
			o.ServerName = fmt.Sprint("n", i)
			o.Cluster = server.ClusterOpts{Name: "c", Host: "127.0.0.1", Port: -1}
			o.Routes = slices.Clone(routes)
		})
		servers = append(servers, n)
		routes[0] = &url.URL{Scheme: "nats", Host: n.s.ClusterAddr().String()}
	}
	var urls []string
	for _, n := range servers {
		urls = append(urls, n.url())
	}
	var buckets []*Bucket
	for i := range servers {
		// Each node is at another server to begin with.
		order := append(append([]string{}, urls[i:]...), urls[:i]...)
		var s *Store
		eventually(t, "a cluster with a leader", func() bool {
			var err error
			s, err = Open(Options{URL: strings.Join(order, ","), Replicas: 3})
			return err == nil
		})
		t.Cleanup(s.Close)
		s.timeout = time.Second
		var b *Bucket
		eventually(t, "a replicated bucket", func() bool {
			var err error
			b, err = s.Bucket("rooms", BucketOptions{})
			return err == nil
		})
		buckets = append(buckets, b)
	}

	if _, err := buckets[0].Create(t.Context(), "r1", []byte("1")); err != nil {
		t.Fatal(err)
	}
	for i, b := range buckets { // what is acknowledged here is read there at once
		value, revision, err := b.Get(t.Context(), "r1")
		if err != nil || string(value) != strconv.Itoa(i+1) {
			t.Fatalf("node %d read %q, %v", i, value, err)
		}
		if _, err := b.Create(t.Context(), "r1", nil); !errors.Is(err, ErrExists) {
			t.Errorf("create of what exists: %v", err)
		}
		if _, err := b.Update(t.Context(), "r1", []byte(strconv.Itoa(i+2)), revision); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Update(t.Context(), "r1", nil, revision); !errors.Is(err, ErrConflict) {
			t.Errorf("update of an old revision: %v", err)
		}
	}

	changes, err := buckets[1].Watch(t.Context(), "count")
	if err != nil {
		t.Fatal(err)
	}
	race := func(nodes ...*Bucket) {
		var wg sync.WaitGroup
		for g := range 12 {
			wg.Go(func() {
				for range 5 {
					// While a leader is elected the store is unavailable, and a change whose
					// answer was lost may have happened: the value tells.
					if err := changeOnce(t.Context(), nodes[g%len(nodes)], g); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
	}
	race(buckets...)
	servers[0].stop()
	race(buckets...)
	eventually(t, "every change, once", func() bool {
		value, _, err := buckets[2].Get(t.Context(), "count")
		if err == nil && len(value) > 120 {
			t.Fatalf("%d changes of 120", len(value))
		}
		return err == nil && len(value) == 120
	})
	for seen := 0; seen < 120; {
		e := next(t, changes)
		if e.Key == "count" && len(e.Value) < seen {
			t.Errorf("the watch went back from %d to %d", seen, len(e.Value))
		}
		seen = max(seen, len(e.Value))
	}
}

// changeOnce appends the letter of g to the value, exactly once.
func changeOnce(ctx context.Context, b *Bucket, g int) error {
	letter := string(rune('a' + g))
	want := -1
	for {
		err := Change(ctx, b, "count", func(old []byte) ([]byte, error) {
			n := strings.Count(string(old), letter)
			if want < 0 {
				want = n + 1
			}
			if n >= want {
				return old, nil
			}
			return append(old, letter...), nil
		})
		if !errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrConflict) || ctx.Err() != nil {
			return err
		}
	}
}
