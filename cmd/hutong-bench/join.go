package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"sync"
	"time"
)

// joined is what one join at some phase of the publisher's group of pictures came to.
type joined struct {
	first, key time.Duration
	edge       time.Duration // until frames arrive as fresh as they ever do
	tail       []float64     // ages in ms of the frames after that
	stale      int           // frames older than a second
	err        error
}

// edgeAge is the age below which a frame counts as live, edgeRun how many in a row settle it.
const (
	edgeAge = 60 * time.Millisecond
	edgeRun = 5
)

func runJoin(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("join", flag.ContinueOnError)
	var f sourceFlags
	f.add(fs)
	in := fs.String("in", "", "where to publish: rtmp://... or a WHIP URL")
	out := fs.String("out", "", "where to play")
	bearer := fs.String("bearer", "", "bearer token for WHEP")
	n := fs.Int("n", 40, "number of joins")
	gop := fs.Duration("gop", 2*time.Second, "keyframe interval of the file")
	watch := fs.Duration("watch", 2500*time.Millisecond, "how long each player stays")
	warm := fs.Duration("warm", 5*time.Second, "publish this long before the first join")
	keep := fs.Bool("keep", true, "keep one more player for the whole time, so that a crossing exists")
	verbose := fs.Bool("v", false, "say on stderr how each join went")
	if err := parseFlags(fs, args); err != nil {
		return err
	}
	if err := errors.Join(need("in", *in), need("out", *out)); err != nil {
		return err
	}
	src, err := f.open(*in)
	if err != nil {
		return err
	}
	l := newLedger()
	return whilePublishing(ctx, src, l.send, *warm, func(ctx context.Context) error {
		var wg sync.WaitGroup
		defer wg.Wait()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		if *keep {
			k := &probe{url: *out, bearer: *bearer, ledger: l}
			wg.Go(func() { k.play(ctx) })
			if err := pause(ctx, *gop+*gop/2); err != nil {
				return err
			}
		}
		all := make([]joined, 0, *n)
		for i := range *n {
			if err := pause(ctx, untilPhase(time.Now(), *gop, i)); err != nil {
				return err
			}
			j := joinOnce(ctx, *out, *bearer, l, *watch)
			if *verbose {
				fmt.Fprintf(os.Stderr, "join %d: first %v key %v edge %v tail p50 %.2f p95 %.2f n=%d stale %d\n", i,
					j.first, j.key, j.edge, percentile(j.tail, 50), percentile(j.tail, 95), len(j.tail), j.stale)
			}
			all = append(all, j)
		}
		return joinLine(*in, *out, all)
	})
}

// untilPhase spreads joins evenly over the group of pictures: the golden ratio never falls into step with it.
func untilPhase(now time.Time, gop time.Duration, i int) time.Duration {
	const golden = 0.6180339887498949
	part := float64(i+1) * golden
	part -= float64(int(part))
	want := time.Duration(part * float64(gop))
	at := time.Duration(now.UnixNano()) % gop
	return (want - at + gop) % gop
}

func joinOnce(ctx context.Context, url, bearer string, l *ledger, watch time.Duration) (j joined) {
	ctx, cancel := context.WithTimeout(ctx, watch)
	defer cancel()
	began := time.Now()
	run := 0
	var edge time.Duration
	p := &probe{url: url, bearer: bearer, ledger: l}
	p.seen = func(age time.Duration) {
		if age > time.Second {
			j.stale++
		}
		if edge > 0 {
			j.tail = append(j.tail, millis(age))
			return
		}
		if age > edgeAge {
			run = 0
			return
		}
		if run++; run == 1 {
			j.edge = time.Since(began)
		}
		if run == edgeRun {
			edge = j.edge
		}
	}
	j.err = p.play(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	if edge == 0 {
		j.edge = 0
	}
	j.first, j.key, _ = p.player.counts().firsts()
	return j
}

var errJoins = errors.New("some joins never saw a whole keyframe")

func joinLine(in, out string, all []joined) error {
	var firsts, keys, edges, tails, stale []float64
	failed := 0
	var reason error
	for _, j := range all {
		if j.key == 0 {
			failed++
			reason = errors.Join(reason, j.err)
			continue
		}
		firsts, keys = append(firsts, millis(j.first)), append(keys, millis(j.key))
		stale = append(stale, float64(j.stale))
		if j.edge > 0 {
			edges = append(edges, millis(j.edge))
		}
		tails = append(tails, j.tail...)
	}
	l := line{"cmd": "join", "in": kindOf(in), "out": kindOf(out), "n": len(all), "failed": failed,
		"reached_edge": len(edges)}
	l.spread("join_ms", firsts)
	l.spread("key_ms", keys)
	l.spread("edge_ms", edges)
	l.spread("steady_ms", tails)
	l.spread("stale_frames", stale)
	if err := l.print(); err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d: %w: %w", failed, len(all), errJoins, errors.Join(reason, context.DeadlineExceeded))
	}
	return nil
}
