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

// soaker watches a gateway for leaks while players come and go.
type soaker struct {
	server     *server
	recordings recordings
	by         *sweeper
	wg         sync.WaitGroup

	mu       sync.Mutex
	joins    int
	failures []error
	broken   []error // of publishers and of players that stay
}

const (
	soakSample  = 5 * time.Second
	soakJoin    = 10 * time.Second // the longest wait for a picture
	soakLeave   = 45 * time.Second // the longest wait for what is left to go: crossings linger, publishers have a grace period
	rssSlack    = 12.0             // MB
	routineSlac = 25.0
	homeSlack   = 12.0 // goroutines above idle after all have left
)

func runSoak(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("soak", flag.ContinueOnError)
	bin := fs.String("server", defaultServer(), "the gateway's binary")
	minutes := fs.Float64("minutes", 10, "how long")
	cache := fs.String("media", "", "directory of the recordings (default: the user's cache directory)")
	out := fs.String("out", "", "append the result line to this file too")
	if err := parseFlags(fs, args); err != nil {
		return err
	}
	if *minutes < 1 {
		return fmt.Errorf("%w: -minutes %g, want 1 or more", errUsage, *minutes)
	}
	r, err := record(ctx, *cache)
	if err != nil {
		return err
	}
	s, err := startServer(ctx, *bin)
	if err != nil {
		return err
	}
	k := &soaker{server: s, recordings: r, by: &sweeper{every: lazyDefault}}
	l, err := k.run(ctx, time.Duration(*minutes*float64(time.Minute)))
	err = errors.Join(err, s.stop())
	if l == nil {
		return err
	}
	l["flat"] = err == nil
	if perr := l.print(); perr != nil {
		return perr
	}
	if *out != "" {
		err = errors.Join(err, appendLine(*out, l))
	}
	return err
}

func (k *soaker) run(ctx context.Context, dur time.Duration) (line, error) {
	idle, err := k.server.metric(ctx, "go_goroutines")
	if err != nil {
		return nil, err
	}
	sweepCtx, stopSweeping := context.WithCancel(context.Background())
	defer stopSweeping()
	go k.by.run(sweepCtx)

	playCtx, stop := context.WithCancel(ctx)
	defer func() { stop(); k.wg.Wait() }()
	phone := &rtmpSource{url: k.server.rtmpURL("soak_phone")}
	page := &whipSource{url: k.server.whipURL("soak_page"), fps: 30}
	if phone.tags, err = readFLVFile(k.recordings.flv); err != nil {
		return nil, err
	}
	if err := page.load(k.recordings.h264, k.recordings.ogg); err != nil {
		return nil, err
	}
	for name, src := range map[string]source{"RTMP publisher": phone, "WHIP publisher": page} {
		k.wg.Go(func() { k.lasts(playCtx, name, func() error { return src.publish(playCtx, nil) }) })
	}
	if err := pause(ctx, 3*time.Second); err != nil {
		return nil, err
	}
	steady := map[string]player{
		"WHEP player of the RTMP stream": k.player(k.server.whepURL("soak_phone")),
		"FLV player of the RTMP stream":  k.player(k.server.flvURL("soak_phone")),
		"RTMP player of the WHIP stream": k.player(k.server.rtmpURL("soak_page")),
	}
	for name, p := range steady {
		k.wg.Go(func() { k.lasts(playCtx, name, func() error { return p.play(playCtx) }) })
	}
	for i := range 3 {
		k.wg.Go(func() { k.comeAndGo(playCtx, i) })
	}
	began := time.Now()
	rss, routines, err := k.watch(ctx, dur)
	if err != nil {
		return nil, err
	}
	l, verdict := k.judge(steady, time.Since(began), rss, routines)
	stop()
	k.wg.Wait()
	home, left := k.waitHome(ctx, idle+homeSlack)
	l["goroutines_idle"], l["goroutines_after"] = idle, left
	if !home {
		verdict = errors.Join(verdict, fmt.Errorf("%w: %.0f goroutines when idle, %.0f still %v after everyone left",
			errGrew, idle, left, soakLeave))
	}
	return l, verdict
}

func (k *soaker) player(url string) player {
	if isRTMPOrFLV(url) {
		return &tcpPlayer{url: url, by: k.by}
	}
	return &whepPlayer{url: url, by: k.by}
}

// lasts runs something that must not end before ctx does.
func (k *soaker) lasts(ctx context.Context, name string, run func() error) {
	if err := run(); err != nil || ctx.Err() == nil {
		k.mu.Lock()
		k.broken = append(k.broken, fmt.Errorf("the %s ended: %v", name, err))
		k.mu.Unlock()
	}
}

// comeAndGo joins one player after another, each of another kind than the one before, for a second or a few.
func (k *soaker) comeAndGo(ctx context.Context, lane int) {
	urls := []string{
		k.server.whepURL("soak_phone"), k.server.flvURL("soak_page"), k.server.rtmpURL("soak_phone"),
		k.server.whepURL("soak_page"), k.server.flvURL("soak_phone"), k.server.rtmpURL("soak_page"),
	}
	for i := lane * 2; ctx.Err() == nil; i++ {
		k.visit(ctx, urls[i%len(urls)], time.Duration(700+i*613%3000)*time.Millisecond)
	}
}

func (k *soaker) visit(ctx context.Context, url string, stay time.Duration) {
	visit, leave := context.WithCancel(ctx)
	defer leave()
	p := k.player(url)
	done := make(chan error, 1)
	go func() {
		err := p.play(visit)
		p.counts().stopped(err)
		done <- err
	}()
	saw := eventually(visit, soakJoin, func() bool {
		_, key, end := p.counts().firsts()
		return key > 0 || end != nil
	})
	_, key, _ := p.counts().firsts()
	if saw && key > 0 {
		pause(visit, stay)
	}
	leave()
	err := <-done
	if ctx.Err() != nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.joins++
	if key == 0 || err != nil {
		k.failures = append(k.failures, fmt.Errorf("%s player: no picture, or it broke off: %v", kindOf(url), err))
		pauseShort(ctx)
	}
}

// pauseShort keeps a gateway that refuses from being asked thousands of times a second.
func pauseShort(ctx context.Context) { pause(ctx, 200*time.Millisecond) }

func (k *soaker) watch(ctx context.Context, dur time.Duration) (rss, routines []float64, err error) {
	every := min(soakSample, dur/24)
	for end := time.Now().Add(dur); time.Now().Before(end); {
		if err := pause(ctx, every); err != nil {
			return nil, nil, err
		}
		a, err := readAccount(k.server.pid())
		if err != nil {
			return nil, nil, fmt.Errorf("%w; it said: %s", err, k.server.log)
		}
		n, err := k.server.metric(ctx, "go_goroutines")
		if err != nil {
			return nil, nil, err
		}
		rss, routines = append(rss, float64(a.rssKB)/1024), append(routines, n)
		if len(rss)%12 == 0 {
			k.mu.Lock()
			fmt.Fprintf(os.Stderr, "soak: %.0f s left, %.1f MB, %.0f goroutines, %d joins, %d failed\n",
				time.Until(end).Seconds(), rss[len(rss)-1], n, k.joins, len(k.failures))
			k.mu.Unlock()
		}
	}
	return rss, routines, nil
}

func (k *soaker) judge(steady map[string]player, dur time.Duration, rss, routines []float64) (line, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	verdict := errors.Join(flat("memory in MB", rss, rssSlack), flat("goroutines", routines, routineSlac))
	verdict = errors.Join(verdict, errors.Join(k.broken...))
	if len(k.failures) > 0 {
		verdict = errors.Join(verdict, fmt.Errorf("%d of %d joins failed, the first: %w", len(k.failures), k.joins, k.failures[0]))
	}
	l := line{"cmd": "soak", "minutes": round(dur.Minutes(), 2), "joins": k.joins, "joins_failed": len(k.failures),
		"rss_mb_samples": thin(rss, 40), "goroutine_samples": thin(routines, 40)}
	for name, p := range steady {
		t := p.counts().totalsNow()
		rate := float64(t.frames) / dur.Seconds()
		if rate < 27 || rate > 33.5 {
			verdict = errors.Join(verdict, fmt.Errorf("the %s got %.1f frames a second, want about 30", name, rate))
		}
		if t.audio == 0 {
			verdict = errors.Join(verdict, fmt.Errorf("the %s got no audio", name))
		}
		if t.expected > 0 {
			l["loss_pct"] = round(100*float64(t.expected-t.received)/float64(t.expected), 4)
		}
	}
	return l, verdict
}

// waitHome waits for the gateway to have no more goroutines than limit.
func (k *soaker) waitHome(ctx context.Context, limit float64) (home bool, left float64) {
	for end := time.Now().Add(soakLeave); time.Now().Before(end); {
		if n, err := k.server.metric(ctx, "go_goroutines"); err == nil {
			if left = n; n <= limit {
				return true, left
			}
		}
		if pause(ctx, 500*time.Millisecond) != nil {
			break
		}
	}
	return false, left
}
