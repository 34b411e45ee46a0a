package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience is how long anything here may take before it counts as hung.
const patience = time.Minute

// binary is the built command; every test but those of usage runs it.
var binary string

func TestMain(m *testing.M) {
	if os.Getenv(stubbornVariable) != "" {
		stubborn()
		return
	}
	dir, err := os.MkdirTemp("", "hutong")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binary = filepath.Join(dir, "hutong")
	build := exec.Command("go", "build", "-buildvcs=false", "-ldflags", "-X main.version=v1.2.3-test", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building hutong: %v\n%s", err, output)
		os.RemoveAll(dir)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// result is what a finished command left.
type result struct {
	code     int
	out, err string
}

// hutong runs the binary in an empty directory until it exits.
func hutong(t *testing.T, environ []string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir, cmd.Env = t.TempDir(), append(environment(), environ...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if ctx.Err() != nil {
		t.Fatalf("hutong %s did not exit; it said\n%s%s", strings.Join(args, " "), out.String(), errs.String())
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// environment is this process's, without options of the gateway.
func environment() []string {
	var kept []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "HUTONG_") {
			kept = append(kept, v)
		}
	}
	return kept
}

func write(t *testing.T, content string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestUsage(t *testing.T) {
	tests := []struct {
		args     string
		code     int
		out, err string // what the output contains; "" means that it is empty
	}{
		{"", exitUsage, "", "Usage: hutong COMMAND"},
		{"help", exitOK, "serve [--config FILE]", ""},
		{"-h", exitOK, "check FILE", ""},
		{"--help", exitOK, "version", ""},
		{"help serve", exitOK, "--config  the YAML configuration file", ""},
		{"serve -h", exitOK, "Usage: hutong serve [--config FILE]", ""},
		{"help nope", exitUsage, "", `unknown command "nope"; run hutong help`},
		{"sreve", exitUsage, "", `hutong: unknown command "sreve"; run hutong help for the list`},
		{"serve now", exitUsage, "", `hutong serve: unexpected argument "now"`},
		{"serve --port 80", exitUsage, "", "flag provided but not defined: -port"},
		{"serve --config", exitUsage, "", "flag needs an argument: -config"},
		{"check", exitUsage, "", "hutong check: an argument is missing"},
		{"check a b", exitUsage, "", `hutong check: unexpected argument "b"`},
		{"version 2", exitUsage, "", `hutong version: unexpected argument "2"`},
	}
	for _, test := range tests {
		t.Run(test.args, func(t *testing.T) {
			var out, errs bytes.Buffer
			code := run(strings.Fields(test.args), &out, &errs)
			if code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			for _, stream := range []struct{ name, got, want string }{{"standard output", out.String(), test.out}, {"standard error", errs.String(), test.err}} {
				if stream.want == "" && stream.got != "" || !strings.Contains(stream.got, stream.want) {
					t.Errorf("%s is %q, want %q", stream.name, stream.got, stream.want)
				}
			}
		})
	}
}

func TestVersion(t *testing.T) {
	for _, word := range []string{"version", "--version"} {
		got := hutong(t, nil, word)
		if got.code != exitOK || !strings.HasPrefix(got.out, "hutong v1.2.3-test go1.") || got.err != "" {
			t.Errorf("hutong %s: %+v", word, got)
		}
	}
	if versionNumber() == "" {
		t.Error("no version without the linker's")
	}
}

func TestCheck(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string // the start of each line after the file's name
	}{
		{"empty", "", nil},
		{"good", "http: {address: ':8080'}\nrtmp:\n  read_timeout: 1m\n", nil},
		{"misspelt", "http:\n  adress: 127.0.0.1:8080\n", []string{`:2:3: http.adress: unknown option (value "127.0.0.1:8080"): did you mean address?`}},
		{"wrong type", "webrtc:\n  max_peers: many\n", []string{`:2:14: webrtc.max_peers: is not a whole number (value "many"): write a whole number from 1 to 1000000`}},
		{"impossible", "rtmp:\n  address: 127.0.0.1:99999\n", []string{`:2:12: rtmp.address: has no port from 0 to 65535 (value "127.0.0.1:99999"): write HOST:PORT`}},
		{"missing certificate", "http:\n  tls:\n    cert: nope.pem\n    key: nope.key\n", []string{
			`:3:11: http.tls.cert: cannot be read: no such file or directory (value "nope.pem"): write the path`,
			`:4:10: http.tls.key: cannot be read: no such file or directory (value "nope.key"): write the path`}},
		{"two listeners on one port", "http: {address: ':1935'}\n", []string{`:1:17: http.address: needs the same TCP port as rtmp.address (127.0.0.1:1935) (value ":1935"): give one of them another port`}},
		{"no YAML", "http: [\n", []string{`:`}},
		{"several", "log: {level: loud}\nnope: 1\nlog: {}\n", []string{
			`:1:14: log.level: is not one of the possible values (value "loud"): write debug, info, warn or error`,
			`:2:1: nope: unknown option (value "1"): remove it; the options here are data_dir, log, http`,
			`:3:1: log: is set twice: keep one of them; the first is on line 1`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := write(t, test.text)
			// The environment must not count.
			got := hutong(t, []string{"HUTONG_LOG_LEVEL=loud"}, "check", path)
			if len(test.want) == 0 {
				if got != (result{exitOK, path + ": ok\n", ""}) {
					t.Errorf("got %+v", got)
				}
				return
			}
			lines := strings.Split(strings.TrimSuffix(got.out, "\n"), "\n")
			if got.code != exitFailure || got.err != "" || len(lines) != len(test.want) {
				t.Fatalf("got %+v, want exit code 1 and %d lines", got, len(test.want))
			}
			for i, want := range test.want {
				if !strings.HasPrefix(lines[i], path+want) {
					t.Errorf("line %d is\n  %s\nwant\n  %s", i+1, lines[i], path+want)
				}
			}
		})
	}
	warned := write(t, "weapp: {enabled: true, sdk_app_id: 1400000001, key: 0123456789abcdef0123456789abcdef}\nmix: {ffmpeg: no-such-ffmpeg}\n")
	got := hutong(t, nil, "check", warned)
	if got.code != exitOK || !strings.Contains(got.out, warned+": warning: mix.ffmpeg: ") || !strings.HasSuffix(got.out, warned+": ok\n") {
		t.Errorf("without ffmpeg: %+v", got)
	}
	got = hutong(t, nil, "check", "nope.yaml")
	if got.code != exitFailure || !strings.HasPrefix(got.out, "nope.yaml: cannot be read: no such file or directory: ") {
		t.Errorf("of a missing file: %+v", got)
	}
}
