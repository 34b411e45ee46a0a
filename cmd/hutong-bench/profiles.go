package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	profileSpan = 6 * time.Second
	profileLead = 6 * time.Second // for the players to join and to settle
)

// subject is a load under which the gateway is profiled.
type subject struct {
	name      string
	players   int
	publisher func(*server) []string
	command   string
	url       func(*server) string
}

func subjects(r recordings) []subject {
	push := func(srv *server) []string { return []string{"push", "-url", srv.rtmpURL(benchStream), "-file", r.flv} }
	whip := func(srv *server) []string {
		return []string{"whip", "-url", srv.whipURL(benchStream), "-file", r.h264, "-ogg", r.ogg}
	}
	whep := func(srv *server) string { return srv.whepURL(benchStream) }
	return []subject{
		{"whep-rtmp", 150, push, "whep", whep},
		{"whep-whip", 300, whip, "whep", whep},
		{"flv-live", 500, push, "flv", func(srv *server) string { return srv.flvURL(benchStream) }},
		{"rtmp-live", 500, push, "rtmp", func(srv *server) string { return srv.rtmpURL(benchStream) }},
	}
}

// runProfiles writes where the gateway's time goes and what it allocates, as text: a CPU profile and the objects
// allocated during six seconds of a steady load, and what is in use in the end.
func runProfiles(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("profiles", flag.ContinueOnError)
	out := fs.String("out", "docs/bench/profiles", "directory for the texts")
	bin := fs.String("server", defaultServer(), "the gateway's binary")
	cache := fs.String("media", "", "directory of the recordings (default: the user's cache directory)")
	only := fs.String("only", "", "only loads whose name begins so")
	if err := parseFlags(fs, args); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	r, err := record(ctx, *cache)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(*out, 0o755); err != nil {
		return err
	}
	for _, sub := range subjects(r) {
		if !strings.HasPrefix(sub.name, *only) {
			continue
		}
		if err := sub.profile(ctx, &suite{self: self}, *bin, *out); err != nil {
			return fmt.Errorf("%s: %w", sub.name, err)
		}
	}
	return nil
}

func (sub *subject) profile(ctx context.Context, s *suite, bin, out string) (err error) {
	srv, err := startServer(ctx, bin, "HUTONG_PPROF_ENABLED=true")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, srv.stop()) }()
	publishing, err := s.background(sub.publisher(srv))
	if err != nil {
		return err
	}
	defer publishing()
	if err := pause(ctx, 3*time.Second); err != nil {
		return err
	}
	playing, err := s.background([]string{sub.command, "-n", strconv.Itoa(sub.players), "-url", sub.url(srv),
		"-pid", strconv.Itoa(srv.pid()), "-dur", (profileLead + 4*profileSpan).String(), "-ramp", "6"})
	if err != nil {
		return err
	}
	defer playing()
	if err := pause(ctx, profileLead); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "hutong-profiles-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	page := "http://" + srv.http + "/debug/pprof/"
	raw := func(name string) string { return filepath.Join(dir, name) }
	// What has been allocated is known exactly only once it has been collected, twice.
	settled := func(name string) error {
		return errors.Join(fetch(ctx, page+"heap?gc=1", raw("heap")), fetch(ctx, page+"heap?gc=1", raw("heap")), fetch(ctx, page+"allocs", raw(name)))
	}
	if err := settled("before"); err != nil {
		return err
	}
	if err := fetch(ctx, page+"profile?seconds="+strconv.Itoa(int(profileSpan.Seconds())), raw("cpu")); err != nil {
		return err
	}
	if err := settled("after"); err != nil {
		return err
	}
	for kind, args := range map[string][]string{
		"cpu":         {"-sample_index=cpu", raw("cpu")},
		"allocations": {"-sample_index=alloc_objects", "-base=" + raw("before"), raw("after")},
		"heap":        {"-sample_index=inuse_space", raw("heap")},
	} {
		name := fmt.Sprintf("%s-%d.%s.txt", sub.name, sub.players, kind)
		if err := profileText(ctx, args, filepath.Join(out, name)); err != nil {
			return err
		}
		fmt.Fprintln(os.Stderr, "profiles:", name)
	}
	return nil
}

// fetch downloads a profile.
func fetch(ctx context.Context, url, file string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := (&http.Client{Timeout: profileSpan + 20*time.Second}).Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %.200s", url, resp.Status, raw)
	}
	return os.WriteFile(file, raw, 0o600)
}

// profileText writes a profile's greatest entries.
func profileText(ctx context.Context, args []string, file string) error {
	c := exec.CommandContext(ctx, "go", append([]string{"tool", "pprof", "-top", "-nodecount=25"}, args...)...)
	var complaints bytes.Buffer
	c.Stderr = &complaints
	text, err := c.Output()
	if err != nil {
		return fmt.Errorf("go tool pprof (it comes with Go): %w: %s", err, complaints.String())
	}
	var kept []string
	for l := range strings.Lines(string(text)) {
		if !strings.HasPrefix(l, "File:") && !strings.HasPrefix(l, "Build ID:") {
			kept = append(kept, l)
		}
	}
	return os.WriteFile(file, []byte(strings.Join(kept, "")), 0o644)
}
