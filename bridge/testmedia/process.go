package testmedia

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Lifetime is how long a tool may run unless a test says otherwise. timeout(1) enforces it, so that
// nothing outlives even a test binary that is killed.
const Lifetime = 4 * time.Minute

// Process is a tool running beside a test. It is killed, with its children, when
// the test ends, and what it said is shown if the test failed.
type Process struct {
	name string
	cmd  *exec.Cmd
	log  *Log
	done chan struct{}
	err  error
}

// Start runs a tool until it ends or the test does.
func Start(tb testing.TB, name string, args ...string) *Process {
	tb.Helper()
	return StartFor(tb, Lifetime, nil, name, args...)
}

// StartFor is Start with another lifetime and additional environment ("KEY=value").
func StartFor(tb testing.TB, lifetime time.Duration, env []string, name string, args ...string) *Process {
	tb.Helper()
	p := &Process{name: name, log: &Log{}, done: make(chan struct{})}
	args = append([]string{"--kill-after=5", strconv.Itoa(int(lifetime.Seconds())), name}, args...)
	p.cmd = exec.Command("timeout", args...)
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	p.cmd.WaitDelay = 5 * time.Second
	if err := p.cmd.Start(); err != nil {
		tb.Fatalf("testmedia: starting %s: %v", name, err)
	}
	go func() {
		defer close(p.done)
		p.err = p.cmd.Wait()
	}()
	tb.Cleanup(func() {
		p.Kill()
		if tb.Failed() {
			tb.Logf("%s said:\n%s", name, p.log.Tail(4000))
		}
	})
	return p
}

// Pid is the tool's own process id, not its guard's; 0 when it has ended.
func (p *Process) Pid() int {
	own := p.cmd.Process.Pid
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", own, own))
	pid, _ := strconv.Atoi(strings.TrimSpace(string(children)))
	return pid
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Log is what the process has written so far, both outputs together.
func (p *Process) Log() *Log { return p.log }

// Wait waits for the process to end by itself and gives its exit error.
func (p *Process) Wait(limit time.Duration) error {
	select {
	case <-p.done:
		return p.err
	case <-time.After(limit):
		return fmt.Errorf("%s is still running after %v; it said:\n%s", p.name, limit, p.log.Tail(2000))
	}
}

// Signal sends a signal to the tool and waits for the end. The result is the
// exit error, as Wait's.
func (p *Process) Signal(signal syscall.Signal, limit time.Duration) error {
	if pid := p.Pid(); pid > 1 { // not the guard, which would pass it on twice
		if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	return p.Wait(limit)
}

// Stop asks the tool to finish its output and end (SIGINT), and kills it if it
// does not.
func (p *Process) Stop() {
	if p.Signal(syscall.SIGINT, 10*time.Second) != nil {
		p.Kill()
	}
}

// Kill ends the tool and its children at once, as a crash or a lost phone would.
func (p *Process) Kill() {
	select {
	case <-p.done:
		return
	default:
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.done
}

// Log collects a process's output, the last megabyte of it.
type Log struct {
	mu  sync.Mutex
	buf []byte
}

func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf = append(l.buf, p...)
	if over := len(l.buf) - 1<<20; over > 0 {
		l.buf = append(l.buf[:0], l.buf[over:]...)
	}
	return len(p), nil
}

// String is everything kept.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.buf)
}

// Tail is at most the last n bytes.
func (l *Log) Tail(n int) string {
	s := l.String()
	return s[max(0, len(s)-n):]
}

// Without is the log without the lines that match.
func (l *Log) Without(noise *regexp.Regexp) *Log {
	kept := &Log{}
	for line := range strings.Lines(l.String()) {
		if !noise.MatchString(line) {
			kept.buf = append(kept.buf, line...)
		}
	}
	return kept
}

// Contains reports whether text has been written.
func (l *Log) Contains(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Contains(l.buf, []byte(text))
}

// Eventually polls until ok reports true, and fails the test at the deadline.
func Eventually(tb testing.TB, limit time.Duration, what string, ok func() bool) {
	tb.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(limit)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			tb.Fatalf("after %v still waiting for %s", limit, what)
		}
	}
}
