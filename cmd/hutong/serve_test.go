package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// anyPort lets several gateways run on one machine at once.
var anyPort = []string{
	"HUTONG_HTTP_ADDRESS=127.0.0.1:0", "HUTONG_RTMP_ADDRESS=127.0.0.1:0",
	"HUTONG_WEBRTC_UDP_ADDRESS=127.0.0.1:0", "HUTONG_WEBRTC_TCP_ADDRESS=127.0.0.1:0",
}

// safeBuffer is a Buffer that a process may write to while a test reads it.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// process is a command that runs until it is told to stop.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	lines  chan string // of standard output; closed at its end
	errs   *safeBuffer
	exited chan struct{}
}

func start(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd, lines: make(chan string, 64), errs: &safeBuffer{}, exited: make(chan struct{})}
	cmd.Stderr = p.errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.exited)
		defer cmd.Wait()
		defer close(p.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-p.exited
	})
	return p
}

func serveInBackground(t *testing.T, environ []string, args ...string) *process {
	t.Helper()
	cmd := exec.Command(binary, append([]string{"serve"}, args...)...)
	cmd.Dir, cmd.Env = t.TempDir(), append(append(environment(), anyPort...), environ...)
	return start(t, cmd)
}

// await returns the first group of the first line of standard output that matches.
func (p *process) await(pattern string) string {
	p.t.Helper()
	re := regexp.MustCompile(pattern)
	deadline := time.After(patience)
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				p.t.Fatalf("ended without a line like %q; standard error:\n%s", pattern, p.errs)
			}
			if m := re.FindStringSubmatch(line); m != nil {
				return m[len(m)-1]
			}
		case <-deadline:
			p.t.Fatalf("no line like %q; standard error:\n%s", pattern, p.errs)
		}
	}
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

func (p *process) exitCode() int {
	p.t.Helper()
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		p.t.Fatalf("did not exit; standard error:\n%s", p.errs)
		return -1
	}
}

func get(t *testing.T, url string) int {
	t.Helper()
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

func TestServeUntilSignal(t *testing.T) {
	for _, s := range []os.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(s.String(), func(t *testing.T) {
			p := serveInBackground(t, []string{"HUTONG_DATA_DIR=some/where"})
			page := p.await(`^page\s+(http://127\.0\.0\.1:\d+)/$`)
			if code := get(t, page+"/healthz"); code != http.StatusOK {
				t.Errorf("GET /healthz gives %d", code)
			}
			if info, err := os.Stat(filepath.Join(p.cmd.Dir, "some", "where")); err != nil || !info.IsDir() {
				t.Errorf("the data directory named by the environment was not made: %v", err)
			}
			p.signal(s)
			if code := p.exitCode(); code != exitOK {
				t.Errorf("exit code %d, want 0; standard error:\n%s", code, p.errs)
			}
			if conn, err := net.Dial("tcp", strings.TrimPrefix(page, "http://")); err == nil {
				conn.Close()
				t.Error("still listens after it exited")
			}
		})
	}
}

func TestEnvironmentOverridesFile(t *testing.T) {
	path := write(t, "log: {format: text, level: error}\nhttp: {address: '127.0.0.1:1'}\n")
	p := serveInBackground(t, []string{"HUTONG_LOG_FORMAT=json", "HUTONG_LOG_LEVEL=info"}, "--config", path)
	if port := p.await(`^page\s+http://127\.0\.0\.1:(\d+)/$`); port == "1" {
		t.Error("listens where the file says, not where the environment does")
	}
	p.signal(syscall.SIGTERM)
	if code := p.exitCode(); code != exitOK {
		t.Errorf("exit code %d, want 0", code)
	}
	lines := strings.Split(strings.TrimSpace(p.errs.String()), "\n")
	for _, line := range lines {
		var record struct{ Time, Level, Msg string }
		if err := json.Unmarshal([]byte(line), &record); err != nil || record.Time == "" || record.Level == "" || record.Msg == "" {
			t.Errorf("a log line that is not JSON: %s", line)
		}
	}
}

// oneLine is what a failed start leaves: an exit code of 1, nothing on standard output, one line on standard error.
func oneLine(t *testing.T, got result) string {
	t.Helper()
	if got.code != exitFailure || got.out != "" || strings.Count(got.err, "\n") != 1 || !strings.HasSuffix(got.err, "\n") {
		t.Errorf("got %+v, want exit code 1 and exactly one line on standard error", got)
	}
	return got.err
}

func TestPortInUse(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	for variable, address := range map[string]net.Addr{
		"HUTONG_HTTP_ADDRESS": tcp.Addr(), "HUTONG_RTMP_ADDRESS": tcp.Addr(),
		"HUTONG_WEBRTC_TCP_ADDRESS": tcp.Addr(), "HUTONG_WEBRTC_UDP_ADDRESS": udp.LocalAddr(),
	} {
		t.Run(variable, func(t *testing.T) {
			environ := append(append([]string{"HUTONG_LOG_LEVEL=debug"}, anyPort...), variable+"="+address.String())
			line := oneLine(t, hutong(t, environ, "serve"))
			if !strings.HasPrefix(line, "hutong: ") || !strings.Contains(line, address.String()) || !strings.Contains(line, "address already in use") {
				t.Errorf("the line does not say that %s is in use: %s", address, line)
			}
		})
	}
}

func TestConfigurationRefused(t *testing.T) {
	tests := []struct {
		name    string
		args    []string
		environ []string
		want    string
	}{
		{"missing file", []string{"--config", "nope.yaml"}, nil, "nope.yaml: cannot be read: no such file or directory: check the path"},
		{"broken file", []string{"--config", write(t, "rtmp: {port: 1935}")}, nil, "c.yaml:1:8: rtmp.port: unknown option"},
		{"unknown variable", nil, []string{"HUTONG_PROT=1"}, "environment: HUTONG_PROT: unknown variable: "},
		{"bad value", nil, []string{"HUTONG_DRAIN_TIMEOUT=10"}, `environment: HUTONG_DRAIN_TIMEOUT: has no unit (value "10"): `},
		{"data directory", nil, []string{"HUTONG_DATA_DIR=/proc/hutong"}, `environment: HUTONG_DATA_DIR: cannot be used: /proc: `},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			line := oneLine(t, hutong(t, append(test.environ, anyPort...), append([]string{"serve"}, test.args...)...))
			if !strings.Contains(line, test.want) {
				t.Errorf("got %q, want %q", line, test.want)
			}
		})
	}
	all := hutong(t, []string{"HUTONG_A=1", "HUTONG_B=1"}, "serve", "--config", write(t, "a: 1\nb: 1\n"))
	if strings.Count(all.err, "\n") != 4 {
		t.Errorf("four problems, but it says\n%s", all.err)
	}
}

// stubbornVariable makes the test binary be a server that never finishes draining.
const stubbornVariable = "STUBBORN_SERVER"

func stubborn() {
	ctx, _ := untilSignal(os.Stderr)
	fmt.Println("ready")
	<-ctx.Done()
	fmt.Println("draining")
	select {}
}

func TestSecondSignalExitsAtOnce(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(environment(), stubbornVariable+"=1")
	p := start(t, cmd)
	p.await("^ready$")
	p.signal(syscall.SIGTERM)
	p.await("^draining$")
	p.signal(syscall.SIGTERM)
	if code := p.exitCode(); code != exitFailure {
		t.Errorf("exit code %d, want 1", code)
	}
	if want := "hutong: terminated again, exiting without draining\n"; p.errs.String() != want {
		t.Errorf("says %q, want %q", p.errs, want)
	}
}
