package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestBombsAreRefusedQuickly feeds what costs a naive loader hours or gigabytes. The bound is one of liveness: each
// of these takes milliseconds here, and for ever without the bounds of yaml.go.
func TestBombsAreRefusedQuickly(t *testing.T) {
	laughs := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c <= 'i'; c++ {
		previous := string(c - 1)
		laughs += string(c) + ": &" + string(c) + " [" + strings.Repeat("*"+previous+",", 8) + "*" + previous + "]\n"
	}
	tests := map[string]string{
		"billion laughs": laughs,
		"open brackets":  strings.Repeat("[", maxFile),
		"open braces":    strings.Repeat("{a: ", maxFile/4),
		"dashes":         strings.Repeat("- ", maxFile/2),
		"questions":      strings.Repeat("? ", maxFile/2),
		"many keys":      strings.Repeat("a: b\n", maxFile/5),
		"colons":         strings.Repeat("a: ", maxFile/3),
		"few dashes":     strings.Repeat("- ", maxTokens-1),
		"few keys":       strings.Repeat("a: b\n", maxTokens/3-1),
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			problems := problemsOf(t, text)
			if len(problems) == 0 {
				t.Error("was accepted")
			}
			if took := time.Since(start); took > time.Minute {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestProblemsAreBounded(t *testing.T) {
	text := "http:\n" + strings.Repeat("  address: b\n", maxTokens/4)
	if n := len(problemsOf(t, text)); n > maxProblems+1 {
		t.Errorf("%d problems of one file, want at most %d and a line that says so", n, maxProblems)
	}
}

func TestFileTooLarge(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(path, []byte(strings.Repeat("#", maxFile)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := Check(path)
	if len(got) != 1 || !strings.Contains(got[0].String(), "is larger than 1MiB") {
		t.Errorf("got %v", got)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("", "")
	f.Add("http: {address: ':80'}\nrtmp:\n  tls: {address: ':1936', cert: c, key: k}\n", "HUTONG_LOG_LEVEL=debug")
	f.Add("webrtc:\n  ice_servers:\n  - urls: [stun:a]\n  -\n", "HUTONG_WEBRTC_ICE_SERVERS=[{urls: [a]}]")
	f.Add("a: &a [*a]\n<<: *a\n", "HUTONG_HTTP_CORS_ORIGINS=a,b")
	f.Add("? [a]\n: {b: !!binary x}\n--- |\n x\n...\n", "HUTONG_DRAIN_TIMEOUT=")
	f.Add("log: {level: \"\\u0000\", level: 'x'}\n\t\"", "HUTONG_HTTP_CORS_ORIGINS=[&a [*a")
	f.Add("[[[[[[[[[[", "HUTONG_=")
	f.Add("a: |"+strings.Repeat("G", 2500)+"\n", "")
	f.Add("stream: {max_lag: 9999999999h, gop_max_bytes: 99999999999999999999GiB, max_players: -1}", "HUTONG")
	f.Fuzz(func(t *testing.T, text, variable string) {
		cfg, err := parse("c.yaml", text, []string{variable})
		switch {
		case err == nil && cfg == nil:
			t.Fatal("neither a Config nor an error")
		case err == nil:
			if again := newLoader(""); true {
				again.cfg = cfg
				if again.validate(); len(again.problems) > 0 {
					t.Fatalf("accepted a Config that is not valid: %v", again.problems)
				}
			}
			return
		}
		for _, p := range err.(*Error).Problems {
			line := p.String()
			if p.What == "" || p.File == "" || strings.ContainsAny(line, "\r\n") || len(line) > 2000 {
				t.Fatalf("a problem that does not read well: %q", line)
			}
			if lines := 1 + strings.Count(text, "\n") + strings.Count(text, "\r"); p.Line > lines {
				t.Fatalf("%q is beyond the last line, %d", line, lines)
			}
		}
	})
}
