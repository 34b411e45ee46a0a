package main

import (
	"context"
	"flag"
	"time"
)

func runStartup(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("startup", flag.ContinueOnError)
	bin := fs.String("server", defaultServer(), "the gateway's binary")
	runs := fs.Int("runs", 5, "how often")
	rest := fs.Duration("rest", 3*time.Second, "pause before idle memory and CPU are read")
	if err := parseFlags(fs, args); err != nil {
		return err
	}
	var accepting, ready, rss, stops, idle []float64
	for range *runs {
		s, took, err := launch(ctx, *bin)
		if err != nil {
			return err
		}
		accepting, ready = append(accepting, millis(took.accepting)), append(ready, millis(took.ready))
		if err := pause(ctx, *rest); err != nil {
			s.stop()
			return err
		}
		a, err := readAccount(s.pid())
		if err == nil {
			err = pause(ctx, time.Second)
		}
		b, berr := readAccount(s.pid())
		asked := time.Now()
		if serr := s.stop(); err == nil && berr == nil {
			err = serr
		}
		if err != nil {
			return err
		}
		stops = append(stops, millis(time.Since(asked)))
		rss = append(rss, float64(b.rssKB)/1024)
		idle = append(idle, millis(b.cpu()-a.cpu())/b.at.Sub(a.at).Seconds())
	}
	l := line{"cmd": "startup", "runs": *runs, "idle_rss_mb": round(median(rss), 1), "idle_cpu_ms_s": round(median(idle), 1)}
	l.spread("accepting_ms", accepting)
	l.spread("ready_ms", ready)
	l.spread("stop_ms", stops)
	return l.print()
}
