package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// suite runs every measure, each against a gateway started for it alone, each as a process of this binary's own, so that
// a line in the raw results says by its args how to repeat it.
type suite struct {
	self, server string
	quick        bool
	only         string
	recordings   recordings
	raw          string // file of JSON lines

	mu     sync.Mutex // measures may run beside each other
	lines  []line
	failed []error
}

// atOnceQuick is how many measures of a quick suite run beside each other: they mostly wait.
const atOnceQuick = 6

func runSuite(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("suite", flag.ContinueOnError)
	quick := fs.Bool("quick", false, "few players, short times: shows that it works, not how well")
	full := fs.Bool("full", false, "the measures of the table; the default")
	out := fs.String("out", "docs/bench", "file (.jsonl) or directory for the raw lines")
	table := fs.String("table", "", "write the table into this file (default with -full: docs/benchmarks.md if it is there)")
	bin := fs.String("server", defaultServer(), "the gateway's binary")
	cache := fs.String("media", "", "directory of the recordings (default: the user's cache directory)")
	only := fs.String("only", "", "only measures whose name begins so")
	from := fs.String("from", "", "measure nothing: make the table from this file of raw lines")
	if err := parseFlags(fs, args); err != nil {
		return err
	}
	if *quick && *full {
		return fmt.Errorf("%w: either -quick or -full, which is the default", errUsage)
	}
	*full = !*quick
	s := &suite{quick: *quick, only: *only}
	if *from != "" {
		lines, err := readLines(*from)
		if err != nil {
			return err
		}
		s.lines = lines
		return s.report(*table, *from)
	}
	var err error
	if s.self, err = os.Executable(); err != nil {
		return err
	}
	if s.server, err = filepath.Abs(*bin); err != nil {
		return err
	}
	if s.recordings, err = record(ctx, *cache); err != nil {
		return err
	}
	if s.raw, err = rawFile(*out, *quick); err != nil {
		return err
	}
	if err := s.keep("machine", thisMachine(ctx, s.server)); err != nil {
		return err
	}
	if err := s.calibrate(); err != nil {
		return err
	}
	if err := s.measureAll(ctx); err != nil {
		return err
	}
	if err := s.calibrate(); err != nil {
		return err
	}
	if *table == "" && *full && *only == "" {
		if _, err := os.Stat(docsTable); err == nil {
			*table = docsTable
		}
	}
	return errors.Join(s.report(*table, s.raw), errors.Join(s.failed...))
}

// calibrate keeps a line about the machine's speed, before and after everything else.
func (s *suite) calibrate() error {
	seal, send, err := calibrate()
	if err != nil {
		return err
	}
	return s.keep("calibration", line{"cmd": "calibration", "seal_us": round(seal, 3), "send_us": round(send, 3)})
}

const docsTable = "docs/benchmarks.md"

// rawFile makes an empty file for the lines.
func rawFile(out string, quick bool) (string, error) {
	if !strings.HasSuffix(out, ".jsonl") {
		name := "full.jsonl"
		if quick {
			name = "quick.jsonl"
		}
		out = filepath.Join(out, name)
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return "", err
	}
	return out, os.WriteFile(out, nil, 0o644)
}

// keep adds a line to the results.
func (s *suite) keep(name string, l line) error {
	l["measure"] = name
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, l)
	return appendLine(s.raw, l)
}

func appendLine(name string, l line) error {
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	return errors.Join(l.write(f), f.Close())
}

func readLines(name string) (lines []line, err error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	for d.More() {
		var l line
		if err := d.Decode(&l); err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", name, len(lines)+1, err)
		}
		lines = append(lines, l)
	}
	return lines, nil
}

// measureAll runs the measures one after another, or those of a quick suite a few at a time. What fails does not keep the
// others from being measured.
func (s *suite) measureAll(ctx context.Context) error {
	atOnce := 1
	if s.quick {
		atOnce = atOnceQuick
	}
	slots := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for _, m := range s.measures() {
		if !strings.HasPrefix(m.name, s.only) {
			continue
		}
		slots <- struct{}{} // the end of ctx ends who holds them
		if ctx.Err() != nil {
			break
		}
		all.Go(func() {
			defer func() { <-slots }()
			if err := s.measure(ctx, m); err != nil && ctx.Err() == nil {
				s.fail(m.name, err)
			}
		})
	}
	all.Wait()
	return ctx.Err()
}

func (s *suite) fail(name string, err error) {
	fmt.Fprintf(os.Stderr, "suite: %s: %v\n", name, err)
	kept := s.keep(name, line{"cmd": "suite", "error": err.Error()})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = append(s.failed, errors.Join(fmt.Errorf("%s: %w", name, err), kept))
}

// measure starts a gateway and what publishes to it, and runs the measure.
func (s *suite) measure(ctx context.Context, m measure) (err error) {
	fmt.Fprintf(os.Stderr, "suite: %s\n", m.name)
	if m.alone {
		return s.exec(ctx, m.name, m.args(nil))
	}
	srv, err := startServer(ctx, s.server)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil && ctx.Err() == nil {
			err = fmt.Errorf("%w; the gateway's last words: %s", err, srv.log)
		}
		err = errors.Join(err, srv.stop())
	}()
	if m.publisher != nil {
		stop, err := s.background(m.publisher(srv))
		if err != nil {
			return err
		}
		defer stop()
		if err := pause(ctx, 3*time.Second); err != nil {
			return err
		}
	}
	return s.exec(ctx, m.name, m.args(srv))
}

// exec runs this binary and keeps the lines it prints.
func (s *suite) exec(ctx context.Context, name string, args []string) error {
	c := exec.CommandContext(ctx, s.self, args...)
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = stopTimeout
	var out, complaints bytes.Buffer
	c.Stdout, c.Stderr = &out, &complaints
	err := c.Run()
	d := json.NewDecoder(&out)
	for d.More() {
		var l line
		if derr := d.Decode(&l); derr != nil {
			return errors.Join(err, derr)
		}
		l["args"] = plainArgs(args)
		if kerr := s.keep(name, l); kerr != nil {
			return kerr
		}
	}
	if err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(complaints.String()))
	}
	return nil
}

// background runs this binary until stop is called.
func (s *suite) background(args []string) (stop func(), err error) {
	c := exec.Command(s.self, args...)
	if err := c.Start(); err != nil {
		return nil, err
	}
	return func() {
		c.Process.Signal(syscall.SIGTERM)
		c.Wait()
	}, nil
}

// plainArgs leaves out what differs on every run and every machine: directories, ports, process ids.
func plainArgs(args []string) string {
	out := make([]string, 0, len(args))
	for i, a := range args {
		switch {
		case i > 0 && args[i-1] == "-pid":
			a = "PID"
		case i > 0 && args[i-1] == "-server":
			a = "bin/hutong"
		case strings.Contains(a, "://"):
			scheme, rest, _ := strings.Cut(a, "://")
			_, path, _ := strings.Cut(rest, "/")
			a = scheme + "://HOST/" + path
		case filepath.IsAbs(a):
			a = filepath.Base(a)
		}
		out = append(out, a)
	}
	return strings.Join(out, " ")
}

// report writes the table into file, and the plots beside the raw lines that they are of; without a file it shows the table.
func (s *suite) report(file, raw string) error {
	t := makeTable(s.lines, filepath.Base(raw))
	if file == "" {
		fmt.Fprintln(os.Stderr, t)
		return nil
	}
	plots, err := plot(s.lines, filepath.Dir(raw))
	if err != nil {
		return err
	}
	return replaceTable(file, t+growth(s.lines, plots))
}
