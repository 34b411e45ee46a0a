package recording

import (
	"os/exec"
	"syscall"
)

// dieTogether has a program end with the gateway, however that ends.
func dieTogether(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// stepBack gives a process less of the CPU.
func stepBack(pid, nice int) error { return syscall.Setpriority(syscall.PRIO_PROCESS, pid, nice) }
