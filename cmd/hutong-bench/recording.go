package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// runRecord publishes many streams to a gateway of its own, measures it, has it record them all, and measures again: the
// difference is what recording costs.
func runRecord(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("record", flag.ContinueOnError)
	bin := fs.String("server", defaultServer(), "the gateway's binary")
	n := fs.Int("n", 30, "streams")
	dur := fs.Duration("dur", 20*time.Second, "measured time, each of two")
	cache := fs.String("media", "", "directory of what is published (default: the user's cache directory)")
	if err := parseFlags(fs, args); err != nil {
		return err
	}
	if *n < 1 || *dur < time.Second {
		return fmt.Errorf("%w: -n and -dur must be above zero", errUsage)
	}
	media, err := record(ctx, *cache)
	if err != nil {
		return err
	}
	s, err := startServer(ctx, *bin)
	if err != nil {
		return err
	}
	l, err := measureRecording(ctx, s, media.flv, *n, *dur)
	if err = errors.Join(err, s.stop()); err != nil {
		return err
	}
	return l.print()
}

func measureRecording(ctx context.Context, s *server, file string, n int, dur time.Duration) (line, error) {
	publishing, stop := context.WithCancel(ctx)
	var sources sync.WaitGroup
	defer sources.Wait()
	defer stop()
	failed := make(chan error, n)
	for i := range n {
		f := sourceFlags{file: file}
		src, err := f.open(s.rtmpURL(fmt.Sprint("r", i)))
		if err != nil {
			return nil, err
		}
		sources.Go(func() {
			if err := src.publish(publishing, func(sentFrame) {}); err != nil && publishing.Err() == nil {
				failed <- err
			}
		})
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return nil, err
		}
	}
	without, _, err := s.spend(ctx, dur)
	if err != nil {
		return nil, err
	}
	for i := range n {
		if err := s.startRecording(ctx, fmt.Sprint("live/r", i)); err != nil {
			return nil, err
		}
	}
	with, bytes, err := s.spend(ctx, dur)
	if err != nil {
		return nil, err
	}
	dropped, err := s.metric(ctx, "hutong_recording_frames_dropped_total")
	if err != nil {
		return nil, err
	}
	rss, err := readAccount(s.pid())
	if err != nil {
		return nil, err
	}
	select {
	case err := <-failed:
		return nil, fmt.Errorf("a publisher: %w", err)
	default:
	}
	return line{"cmd": "record", "n": n, "dur_s": round(dur.Seconds(), 1), "cpu_without_ms_s": round(without, 1), "cpu_with_ms_s": round(with, 1),
		"cpu_stream_ms_s": round((with-without)/float64(n), 2), "written_kb_s": round(bytes/1024, 0), "frames_dropped": dropped,
		"rss_mb": round(float64(rss.rssKB)/1024, 1)}, nil
}

// spend measures the CPU in ms a second, and the bytes recorded in a second.
func (s *server) spend(ctx context.Context, dur time.Duration) (cpu, written float64, err error) {
	if err := pause(ctx, 3*time.Second); err != nil {
		return 0, 0, err
	}
	a, err := readAccount(s.pid())
	if err != nil {
		return 0, 0, err
	}
	before, err := s.metric(ctx, "hutong_recording_bytes_total")
	if err != nil {
		return 0, 0, err
	}
	if err := pause(ctx, dur); err != nil {
		return 0, 0, err
	}
	b, err := readAccount(s.pid())
	if err != nil {
		return 0, 0, err
	}
	after, err := s.metric(ctx, "hutong_recording_bytes_total")
	seconds := b.at.Sub(a.at).Seconds()
	return millis(b.cpu()-a.cpu()) / seconds, (after - before) / seconds, err
}

func (s *server) startRecording(ctx context.Context, stream string) error {
	body, err := json.Marshal(map[string]string{"stream": stream})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.http+"/api/v1/recordings", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		return fmt.Errorf("recording %s: %s", stream, resp.Status)
	}
	return nil
}
