//go:build !linux

package mix

import (
	"os/exec"
	"time"
)

func apart(*exec.Cmd) {}

// confine does nothing: limits hold on Linux.
func confine(int, Limits) error { return nil }

// cpuOf is unknown while a process runs.
func cpuOf(int) time.Duration { return 0 }
