package mix

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// Limits are what one ffmpeg may take; they hold on Linux. Zero is no limit.
type Limits struct {
	Memory int64 // bytes of private memory
	Nice   int   // scheduling priority, 0 to 19, where 19 gives way to everybody
}

// process is one ffmpeg, fed by its standard input and drained by its standard
// output, and by a third pipe if wanted. It ends when its input is closed, when
// it is killed, and so when this process ends, however that comes about.
type process struct {
	cmd  *exec.Cmd
	in   *os.File
	out  *os.File
	side *os.File // descriptor 3 of the process, nil without
	said *tail

	done chan struct{}
	err  error // after done
}

// ioTimeout is how long a process may leave what it is fed, or be without output
// that it owes, before it counts as hung.
const ioTimeout = 10 * time.Second

func startProcess(path string, args []string, side bool, limits Limits) (*process, error) {
	p := &process{said: &tail{}, done: make(chan struct{})}
	p.cmd = exec.Command(path, args...)
	p.cmd.Env = environment()
	p.cmd.Stderr = p.said
	p.cmd.WaitDelay = ioTimeout
	apart(p.cmd)
	var theirs []*os.File
	closeAll := func(files ...*os.File) {
		for _, f := range files {
			if f != nil {
				f.Close()
			}
		}
	}
	pipe := func(toUs bool) (ours *os.File, err error) {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		if toUs {
			theirs = append(theirs, w)
			return r, nil
		}
		theirs = append(theirs, r)
		return w, nil
	}
	var err error
	if p.in, err = pipe(false); err == nil {
		if p.out, err = pipe(true); err == nil && side {
			p.side, err = pipe(true)
		}
	}
	if err == nil {
		p.cmd.Stdin, p.cmd.Stdout = theirs[0], theirs[1]
		p.cmd.ExtraFiles = theirs[2:]
		err = p.cmd.Start()
	}
	closeAll(theirs...)
	if err != nil {
		closeAll(p.in, p.out, p.side)
		return nil, fmt.Errorf("%w: starting %s: %w", ErrEncoder, path, err)
	}
	limitErr := confine(p.cmd.Process.Pid, limits)
	go func() {
		defer close(p.done)
		p.err = p.cmd.Wait()
		// Reads of what a killed process has written are over, too.
		closeAll(p.in, p.out, p.side)
	}()
	if limitErr != nil {
		p.end()
		return nil, fmt.Errorf("%w: limiting %s: %w", ErrEncoder, path, limitErr)
	}
	return p, nil
}

// environment is ours without what belongs to the gateway: its options may be
// secrets.
func environment() []string {
	env := []string{}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "HUTONG_") {
			env = append(env, v)
		}
	}
	return append(env, "MALLOC_ARENA_MAX=2", "AV_LOG_FORCE_NOCOLOR=1")
}

// write feeds the process; an error means that it is gone or hangs.
func (p *process) write(b []byte) error {
	if err := p.in.SetWriteDeadline(time.Now().Add(ioTimeout)); err != nil {
		return err
	}
	_, err := p.in.Write(b)
	return err
}

// end kills the process and waits for it: nothing of its last output is wanted.
func (p *process) end() {
	// An error says that it has ended.
	_ = p.cmd.Process.Kill()
	<-p.done
}

// why says why a process ended or was ended.
func (p *process) why(err error) error {
	p.end()
	if said := p.said.last(); said != "" {
		return fmt.Errorf("%w: %w; ffmpeg said: %s", ErrEncoder, err, said)
	}
	var exit *exec.ExitError
	if errors.As(p.err, &exit) {
		return fmt.Errorf("%w: %w; ffmpeg: %w", ErrEncoder, err, p.err)
	}
	return fmt.Errorf("%w: %w", ErrEncoder, err)
}

// cpu is the processor time the process has used.
func (p *process) cpu() time.Duration {
	select {
	case <-p.done:
		if s := p.cmd.ProcessState; s != nil {
			return s.UserTime() + s.SystemTime()
		}
		return 0
	default:
		return cpuOf(p.cmd.Process.Pid)
	}
}

// tail keeps the end of what a process says.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

func (t *tail) Write(b []byte) (int, error) {
	const keep = 1000
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, b...)
	if over := len(t.buf) - keep; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(b), nil
}

// last is the last lines said, on one line.
func (t *tail) last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := bytes.Split(bytes.TrimSpace(t.buf), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-3):], []byte("; ")))
}
