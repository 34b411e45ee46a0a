package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"sync"
	"time"
)

// runCrossing measures what it costs the server that somebody watches from the other world. The same streams are measured
// three times: watched in their own world only, watched across as well, and some time after the last one across has left.
func runCrossing(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("crossing", flag.ContinueOnError)
	var f sourceFlags
	f.add(fs)
	in := fs.String("in", "", "where to publish; {i} becomes the stream's number")
	near := fs.String("near", "", "where to play in the publisher's own world")
	far := fs.String("far", "", "where to play across")
	n := fs.Int("streams", 4, "streams at once: the more, the finer")
	pid := fs.Int("pid", 0, "process id of the server")
	dur := fs.Duration("dur", 15*time.Second, "measured time, three times")
	settle := fs.Duration("settle", 4*time.Second, "pause before each")
	linger := fs.Duration("linger", 8*time.Second, "how long a crossing outlives its last player")
	if err := parseFlags(fs, args); err != nil {
		return err
	}
	if err := errors.Join(need("in", *in), need("near", *near), need("far", *far)); err != nil {
		return err
	}
	if *pid == 0 || *n < 1 {
		return fmt.Errorf("%w: -pid and -streams must be above zero", errUsage)
	}
	by := &sweeper{every: lazyDefault}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { by.run(ctx) })

	failed := make(chan error, *n)
	for i := range *n {
		src, err := f.open(numbered(*in, i))
		if err != nil {
			return err
		}
		wg.Go(func() {
			if err := src.publish(ctx, nil); err != nil {
				failed <- fmt.Errorf("publisher %d: %w", i, err)
				cancel()
			}
		})
	}
	if err := pause(ctx, *settle); err != nil {
		return errors.Join(err, drain(failed))
	}
	nearPlayers := playAll(ctx, &wg, by, *near, *n)
	own, err := cost(ctx, *pid, *n, *settle, *dur)
	if err != nil {
		return errors.Join(err, drain(failed))
	}
	farCtx, leave := context.WithCancel(ctx)
	defer leave()
	farPlayers := playAll(farCtx, &wg, by, *far, *n)
	across, err := cost(ctx, *pid, *n, *settle, *dur)
	if err != nil {
		return errors.Join(err, drain(failed))
	}
	for _, p := range append(nearPlayers, farPlayers...) {
		if t := p.counts().totalsNow(); t.audio == 0 || t.frames == 0 {
			_, _, end := p.counts().firsts()
			return fmt.Errorf("a player got %d video frames and %d audio frames, want both (%v)", t.frames, t.audio, end)
		}
	}
	leave()
	after, err := cost(ctx, *pid, *n, *settle+*linger, *dur)
	if err != nil {
		return errors.Join(err, drain(failed))
	}
	return line{
		"cmd": "crossing", "in": kindOf(*in), "near": kindOf(*near), "far": kindOf(*far), "streams": *n,
		"own_ms_s": round(own, 2), "across_ms_s": round(across, 2), "after_ms_s": round(after, 2),
		"crossing_ms_s": round(across-own, 2), "left_behind_ms_s": round(after-own, 2),
	}.print()
}

func drain(failed chan error) error {
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

func playAll(ctx context.Context, wg *sync.WaitGroup, by *sweeper, url string, n int) []player {
	players := make([]player, n)
	for i := range players {
		var p player
		if u := numbered(url, i); isRTMPOrFLV(u) {
			p = &tcpPlayer{url: u, by: by}
		} else {
			p = &whepPlayer{url: u, by: by}
		}
		players[i] = p
		wg.Go(func() { p.counts().stopped(p.play(ctx)) })
	}
	return players
}

// cost returns the server's CPU in ms per second and stream.
func cost(ctx context.Context, pid, streams int, settle, dur time.Duration) (float64, error) {
	if err := pause(ctx, settle); err != nil {
		return 0, err
	}
	a, err := readAccount(pid)
	if err != nil {
		return 0, err
	}
	if err := pause(ctx, dur); err != nil {
		return 0, err
	}
	b, err := readAccount(pid)
	if err != nil {
		return 0, err
	}
	return millis(b.cpu()-a.cpu()) / b.at.Sub(a.at).Seconds() / float64(streams), nil
}
