package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// account is one reading of what a process has used so far.
type account struct {
	at        time.Time
	user, sys time.Duration
	ran       time.Duration // user and sys to the nanosecond; 0 where the kernel does not tell
	rssKB     int64
	threads   int
	idle      time.Duration // of the whole machine, all cores together
}

func (a account) cpu() time.Duration {
	if a.ran > 0 {
		return a.ran
	}
	return a.user + a.sys
}

// tick is the unit of CPU times in /proc: USER_HZ is 100 on every Linux.
const tick = 10 * time.Millisecond

// readAccount reads /proc. A process that is gone is an error: a measure of nothing must not look like a good one.
func readAccount(pid int) (account, error) {
	a := account{at: time.Now()}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return a, fmt.Errorf("reading the accounts of process %d (is the server running?): %w", pid, err)
	}
	if a.user, a.sys, a.threads, err = parseStat(string(stat)); err != nil {
		return a, fmt.Errorf("/proc/%d/stat: %w", pid, err)
	}
	if a.ran, err = readRan(pid); err != nil {
		return a, err
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return a, fmt.Errorf("reading the memory of process %d: %w", pid, err)
	}
	a.rssKB = parseRSS(string(status))
	machine, err := os.ReadFile("/proc/stat")
	if err != nil {
		return a, err
	}
	a.idle = parseIdle(string(machine))
	return a, nil
}

// parseStat reads utime, stime and num_threads (fields 14, 15 and 20 of proc_pid_stat(5)). The command's name, field 2,
// is in parentheses and may itself hold spaces and parentheses.
func parseStat(s string) (user, sys time.Duration, threads int, err error) {
	end := strings.LastIndexByte(s, ')')
	if end < 0 {
		return 0, 0, 0, fmt.Errorf("no command name in %q", s)
	}
	const first = 3 // the number of the first field after the name
	f := strings.Fields(s[end+1:])
	if len(f) <= 20-first {
		return 0, 0, 0, fmt.Errorf("%d fields after the name, want 18 or more", len(f))
	}
	var n [3]int64
	for i, field := range []int{14, 15, 20} {
		if n[i], err = strconv.ParseInt(f[field-first], 10, 64); err != nil {
			return 0, 0, 0, fmt.Errorf("field %d: %w", field, err)
		}
	}
	return time.Duration(n[0]) * tick, time.Duration(n[1]) * tick, int(n[2]), nil
}

// readRan adds up how long the threads of a process have run. The ticks of /proc/PID/stat are a twentieth of what some
// measures are of. A Go program keeps its threads, so none is missing.
func readRan(pid int) (time.Duration, error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, t := range threads {
		b, err := os.ReadFile(t)
		if err != nil {
			continue // it has ended
		}
		ran, _, _ := strings.Cut(string(b), " ")
		n, err := strconv.ParseInt(ran, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", t, err)
		}
		sum += time.Duration(n)
	}
	return sum, nil
}

func parseRSS(status string) int64 {
	for l := range strings.Lines(status) {
		if rest, ok := strings.CutPrefix(l, "VmRSS:"); ok {
			kb, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kb
		}
	}
	return 0
}

func parseIdle(stat string) time.Duration {
	head, _, _ := strings.Cut(stat, "\n")
	f := strings.Fields(head) // cpu user nice system idle ...
	if len(f) < 5 {
		return 0
	}
	n, _ := strconv.ParseInt(f[4], 10, 64)
	return time.Duration(n) * tick
}

// idlePercent is how much of all cores nothing used between two readings.
func idlePercent(a, b account) float64 {
	wall := b.at.Sub(a.at) * time.Duration(runtime.NumCPU())
	if wall <= 0 {
		return 0
	}
	return 100 * float64(b.idle-a.idle) / float64(wall)
}
