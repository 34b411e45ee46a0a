package mix

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// apart keeps a terminal's interrupt from the process: it is ours to end.
func apart(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// confine sets the limits of a process that has just started. It has no threads
// yet but the one that inherits them, and what it may have allocated meanwhile
// counts, too.
func confine(pid int, l Limits) error {
	set := func(resource int, n int64) error {
		err := unix.Prlimit(pid, resource, &unix.Rlimit{Cur: uint64(n), Max: uint64(n)}, nil)
		if errors.Is(err, unix.ESRCH) {
			return nil // it has ended; that is noticed elsewhere
		}
		return err
	}
	if l.Memory > 0 {
		if err := set(unix.RLIMIT_DATA, l.Memory); err != nil {
			return fmt.Errorf("memory to %d bytes: %w", l.Memory, err)
		}
	}
	// It writes to pipes alone.
	if err := errors.Join(set(unix.RLIMIT_FSIZE, 0), set(unix.RLIMIT_CORE, 0)); err != nil {
		return err
	}
	if l.Nice > 0 {
		if err := unix.Setpriority(unix.PRIO_PROCESS, pid, l.Nice); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("priority to %d: %w", l.Nice, err)
		}
	}
	return nil
}

// clockTick is USER_HZ, which Linux has at 100 for every architecture we build.
const clockTick = time.Second / 100

// cpuOf reads the processor time of a running process, 0 if it has gone
// (proc_pid_stat(5), fields 14 and 15).
func cpuOf(pid int) time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The name may hold anything, spaces and brackets included.
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(fields) < 13 {
		return 0
	}
	var ticks int64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(string(f), 10, 64)
		if err != nil {
			return 0
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick
}
