package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// loadFlags are those of whep, flv and rtmp.
type loadFlags struct {
	n                  steps // players, step by step
	pid, ramp          int
	url, bearer        string
	dur, settle        time.Duration
	pace, lazy, joinIn time.Duration
	verbose            bool
}

func addLoadFlags(fs *flag.FlagSet) *loadFlags {
	f := &loadFlags{}
	f.n = steps{1}
	fs.Var(&f.n, "n", "number of players, or growing numbers such as 1,10,100, to measure at each")
	fs.IntVar(&f.pid, "pid", 0, "process id of the server, to read its CPU and memory")
	fs.IntVar(&f.ramp, "ramp", 8, "joins under way at once")
	fs.StringVar(&f.url, "url", "", "what to play; {i} becomes the player's number")
	fs.StringVar(&f.bearer, "bearer", "", "bearer token for WHEP")
	fs.DurationVar(&f.dur, "dur", 20*time.Second, "measured time, once all play")
	fs.DurationVar(&f.settle, "settle", 3*time.Second, "pause between the last join and the measured time")
	fs.DurationVar(&f.pace, "pace", 0, "shortest time between two joins")
	fs.DurationVar(&f.lazy, "lazy", lazyDefault, "after the first keyframe, time between two reads of a socket")
	fs.DurationVar(&f.joinIn, "join-timeout", 20*time.Second, "longest wait for a player's first keyframe")
	fs.BoolVar(&f.verbose, "v", false, "say on stderr why a player stopped")
	return f
}

// steps are numbers that grow.
type steps []int

func (s steps) String() string {
	out := make([]string, len(s))
	for i, n := range s {
		out[i] = strconv.Itoa(n)
	}
	return strings.Join(out, ",")
}

// Set is flag.Value's.
func (s *steps) Set(text string) error {
	var all steps
	for t := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(t)
		if err != nil || n < 1 || len(all) > 0 && n <= all[len(all)-1] {
			return errors.New("want a number above zero, or growing ones such as 1,10,100")
		}
		all = append(all, n)
	}
	*s = all
	return nil
}

func numbered(s string, i int) string { return strings.ReplaceAll(s, "{i}", strconv.Itoa(i)) }

var errNoPlayers = errors.New("no player received media")

// run joins players up to each step, lets them settle, measures, and prints the line. decorate may add what a player knows.
func (f *loadFlags) run(ctx context.Context, name string, build func(i int, by *sweeper) player, decorate func(player, line)) error {
	if err := need("url", f.url); err != nil {
		return err
	}
	if f.lazy <= 0 {
		return fmt.Errorf("%w: -lazy must be above zero", errUsage)
	}
	if f.pid == 0 {
		f.pid = os.Getpid() // still a line, though of no server
	}
	atRest, err := readAccount(f.pid)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	by := &sweeper{every: f.lazy}
	var sweeping, playing sync.WaitGroup
	sweepCtx, stopSweeping := context.WithCancel(context.Background())
	sweeping.Go(func() { by.run(sweepCtx) })
	defer func() {
		cancel()
		playing.Wait()
		stopSweeping()
		sweeping.Wait()
	}()

	var players []player
	joins := make(chan struct{}, max(f.ramp, 1))
	join := func(i int) error {
		p := build(i, by)
		players = append(players, p)
		select {
		case joins <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		if i > 0 && f.pace > 0 {
			if err := pause(ctx, f.pace); err != nil {
				return err
			}
		}
		playing.Go(func() {
			err := p.play(ctx)
			p.counts().stopped(err)
			if err != nil && f.verbose {
				fmt.Fprintf(os.Stderr, "player %d: %v\n", i, err)
			}
		})
		playing.Go(func() {
			eventually(ctx, f.joinIn, func() bool {
				_, key, end := p.counts().firsts()
				return key > 0 || end != nil
			})
			<-joins
		})
		return nil
	}
	for _, n := range f.n {
		began := time.Now()
		for len(players) < n {
			if err := join(len(players)); err != nil {
				return err
			}
		}
		for range cap(joins) {
			joins <- struct{}{}
		}
		for range cap(joins) {
			<-joins
		}
		ramped := time.Since(began)
		if err := pause(ctx, f.settle); err != nil {
			return err
		}
		m, err := f.measure(ctx, players)
		if err != nil {
			return err
		}
		l := m.line(name, n, f.pid, atRest)
		l["ramp_s"] = round(ramped.Seconds(), 2)
		if self, err := readAccount(os.Getpid()); err == nil {
			l["client_cpu_pct"] = round(100*float64(self.cpu()-m.self)/float64(m.after.at.Sub(m.before.at)), 1)
		}
		if decorate != nil {
			decorate(players[0], l)
		}
		if err := l.print(); err != nil {
			return err
		}
		if m.playing == 0 {
			_, _, end := players[0].counts().firsts()
			return fmt.Errorf("%w (the first one: %v)", errNoPlayers, end)
		}
	}
	return nil
}

// measured is what happened in the measured time.
type measured struct {
	before, after account
	self          time.Duration // CPU of the bench at the start
	total         totals
	playing, lost int
	firsts, keys  []float64
	reason        error
}

func (f *loadFlags) measure(ctx context.Context, players []player) (m measured, err error) {
	self, err := readAccount(os.Getpid())
	if err != nil {
		return m, err
	}
	m.self = self.cpu()
	starts := make([]totals, len(players))
	if m.before, err = readAccount(f.pid); err != nil {
		return m, err
	}
	for i, p := range players {
		starts[i] = p.counts().totalsNow()
	}
	if err := pause(ctx, f.dur); err != nil {
		return m, err
	}
	if m.after, err = readAccount(f.pid); err != nil {
		return m, err
	}
	for i, p := range players {
		got := p.counts().totalsNow().minus(starts[i])
		m.total = m.total.plus(got)
		first, key, end := p.counts().firsts()
		if first > 0 {
			m.firsts = append(m.firsts, millis(first))
		}
		if key > 0 {
			m.keys = append(m.keys, millis(key))
		}
		if got.packets > 0 && end == nil {
			m.playing++
		} else {
			m.lost++
			m.reason = end
		}
	}
	return m, nil
}

func (m measured) line(name string, players, pid int, atRest account) line {
	sec := m.after.at.Sub(m.before.at).Seconds()
	n := float64(max(m.playing, 1))
	cpu := millis(m.after.cpu() - m.before.cpu())
	l := line{
		"cmd": name, "n": players, "playing": m.playing, "not_playing": m.lost, "dur_s": round(sec, 2),
		"packets":          m.total.packets,
		"packets_s_player": round(float64(m.total.packets)/sec/n, 1),
		"frames_s_player":  round(float64(m.total.frames)/sec/n, 2),
		"audio_s_player":   round(float64(m.total.audio)/sec/n, 2),
		"mbit_s_player":    round(float64(m.total.bytes)*8/1e6/sec/n, 3),
		"cpu_pct":          round(cpu/sec/10, 2),
		"cpu_user_pct":     round(millis(m.after.user-m.before.user)/sec/10, 2),
		"cpu_ms_player_s":  round(cpu/sec/n, 4),
		"cpu_ms_mbit":      round(cpu/max(float64(m.total.bytes)*8/1e6, 1e-6), 4),
		"cpu_us_packet":    round(cpu*1000/float64(max(m.total.packets, 1)), 3),
		"rss_mb":           round(float64(m.after.rssKB)/1024, 1),
		"rss_mb_before":    round(float64(atRest.rssKB)/1024, 1),
		"rss_kb_player":    round(float64(m.after.rssKB-atRest.rssKB)/n, 1),
		"server_threads":   m.after.threads,
		"machine_idle_pct": round(idlePercent(m.before, m.after), 1),
	}
	if pid == os.Getpid() {
		l["server_is_the_bench"] = true
	}
	if m.total.expected > 0 {
		l["loss_pct"] = round(100*float64(m.total.expected-m.total.received)/float64(m.total.expected), 4)
	}
	if m.reason != nil {
		l["reason"] = m.reason.Error()
	}
	l.spread("join_ms", m.firsts)
	l.spread("key_ms", m.keys)
	return l
}
