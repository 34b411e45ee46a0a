package main

import (
	"encoding/xml"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestPercentile(t *testing.T) {
	samples := []float64{5, 1, 4, 2, 3}
	for p, want := range map[float64]float64{0: 1, 1: 1, 20: 1, 21: 2, 50: 3, 95: 5, 100: 5} {
		if got := percentile(samples, p); got != want {
			t.Errorf("p%g of %v is %g, want %g", p, samples, got, want)
		}
	}
	if !slices.Equal(samples, []float64{5, 1, 4, 2, 3}) {
		t.Errorf("the samples were reordered: %v", samples)
	}
	if !math.IsNaN(percentile(nil, 50)) {
		t.Error("a percentile of nothing is a number")
	}
}

func TestLineSpreadLeavesOutNothing(t *testing.T) {
	l := line{}
	l.spread("join_ms", nil)
	if len(l) != 0 {
		t.Errorf("no samples gave %v", l)
	}
	l.spread("join_ms", []float64{1, 2, 3})
	var b strings.Builder
	if err := l.write(&b); err != nil {
		t.Fatal(err)
	}
	if want := `{"join_ms_max":3,"join_ms_p50":2,"join_ms_p95":3}` + "\n"; b.String() != want {
		t.Errorf("got %s, want %s", b.String(), want)
	}
}

func TestParseStat(t *testing.T) {
	const stat = "4242 (a (b) c) S 1 4242 4242 0 -1 4194560 1 0 0 0 250 130 0 0 20 0 9 0 100 1 2 3"
	user, sys, threads, err := parseStat(stat)
	if err != nil || user != 2500*time.Millisecond || sys != 1300*time.Millisecond || threads != 9 {
		t.Errorf("got %v %v %d %v, want 2.5s 1.3s 9", user, sys, threads, err)
	}
	for _, bad := range []string{"", "12 (x", "12 (x) S 1", "12 (x) S a b c d e f g h i j k l m n o p q r s"} {
		if _, _, _, err := parseStat(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	if _, err := readAccount(os.Getpid()); err != nil {
		t.Errorf("our own accounts: %v", err)
	}
}

func TestSumMetric(t *testing.T) {
	const text = `# HELP go_goroutines Number of goroutines.
# TYPE go_goroutines gauge
go_goroutines 17
hutong_players{protocol="whep"} 3
hutong_players{protocol="flv",stream="a } b"} 1.5e1
hutong_players_total 99
`
	for name, want := range map[string]float64{"go_goroutines": 17, "hutong_players": 18, "hutong_players_total": 99} {
		if got, err := sumMetric(text, name); err != nil || got != want {
			t.Errorf("%s is %g, %v, want %g", name, got, err, want)
		}
	}
	if _, err := sumMetric(text, "go_gorout"); !errors.Is(err, errNoMetric) {
		t.Errorf("a missing metric gave %v", err)
	}
}

func TestFlat(t *testing.T) {
	steady, saw, leak, warm := make([]float64, 40), make([]float64, 40), make([]float64, 40), make([]float64, 40)
	for i := range steady {
		steady[i], saw[i], leak[i] = 100, 100+float64(i%5)*10, 100+float64(i)*2
		warm[i] = min(100, 20+float64(i)*20)
	}
	for name, tc := range map[string]struct {
		samples []float64
		grows   bool
	}{"steady": {steady, false}, "saw-tooth": {saw, false}, "leak": {leak, true}, "warm-up": {warm, false}} {
		if err := flat(name, tc.samples, 5); errors.Is(err, errGrew) != tc.grows {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := flat("few", steady[:7], 5); err == nil {
		t.Error("seven samples were judged")
	}
}

func TestThinKeepsTheEnds(t *testing.T) {
	long := make([]float64, 1000)
	for i := range long {
		long[i] = float64(i)
	}
	got := thin(long, 40)
	if len(got) != 40 || got[0] != 0 || got[39] != 999 {
		t.Errorf("got %d samples from %g to %g, want 40 from 0 to 999", len(got), got[0], got[len(got)-1])
	}
}

func TestTable(t *testing.T) {
	lines := []line{
		{"measure": "machine", "cpu_model": "Abacus", "cores": 2.0, "memory_gb": 1.0, "kernel": "Linux 6", "date": "2026-01-02", "go": "go1.26", "gateway": "hutong v1"},
		{"measure": "whep-rtmp", "n": 150.0, "cpu_us_packet": 9.0}, {"measure": "whep-rtmp", "n": 150.0, "cpu_us_packet": 3.0},
		{"measure": "whep-rtmp", "n": 150.0, "cpu_us_packet": 4.2}, {"measure": "whep-rtmp", "n": 1.0, "cpu_us_packet": 30.0},
		{"measure": "latency-rtmp", "out": "whep", "video_ms_p50": 0.3}, {"measure": "latency-rtmp", "out": "flv", "video_ms_p50": 4.0},
		{"measure": "calibration", "seal_us": 0.68, "send_us": 3.68}, {"measure": "flv-live", "machine_idle_pct": 12.0},
		{"measure": "crossing-rtmp", "left_behind_ms_s": -0.4},
	}
	got := makeTable(lines, "full.jsonl")
	for _, want := range []string{
		"Machine: Abacus, 2 cores", "1.0 and 2.0 times as long", "12 % of all cores", "bench/full.jsonl",
		"| RTMP in, 150 WHEP players: CPU a packet | 3.5 us | 4.2 | 1.20 |",
		"| RTMP to WHEP, video, p50 | 0.4 ms | 0.3 | 0.75, met |",
		"| RTMP to HTTP-FLV, video, p50 | 0.4 ms | 4 | **10.00** |",
		"| the same, left behind once nobody watches across | 0 ms | -0.4 | met | SRS 7.5 |",
		"| idle memory | 60.0 MB | not measured | |",
		"2 of 4 figures meet their target, 3 are within a factor of two of it.",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the table lacks %q:\n%s", want, got)
		}
	}
	file := filepath.Join(t.TempDir(), "doc.md")
	if err := os.WriteFile(file, []byte("before\n"+tableBegin+"\nold\n"+tableEnd+"\nafter\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := replaceTable(file, got); err != nil {
		t.Fatal(err)
	}
	b, _ := os.ReadFile(file)
	if s := string(b); !strings.HasPrefix(s, "before\n") || !strings.HasSuffix(s, "\nafter\n") || strings.Contains(s, "old") || !strings.Contains(s, got) {
		t.Errorf("the file became:\n%s", s)
	}
	if err := os.WriteFile(file, []byte("no marks"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := replaceTable(file, got); !errors.Is(err, errNoMarks) {
		t.Errorf("a file without marks gave %v", err)
	}
}

// Every row of the table must be fed by a measure of the suite, or it could never be filled.
func TestEveryTargetHasItsMeasure(t *testing.T) {
	names := map[string]bool{}
	for _, m := range (&suite{}).measures() {
		if names[m.name] {
			t.Errorf("two measures are called %s", m.name)
		}
		names[m.name] = true
	}
	for _, row := range targets {
		if name, _, _ := strings.Cut(row.measure, "@"); !names[name] {
			t.Errorf("%q is fed by %s, which no run makes", row.what, row.measure)
		}
	}
}

func TestPlainArgsNameNoMachine(t *testing.T) {
	got := plainArgs([]string{"whep", "-url", "http://127.0.0.1:40001/whep/live/b", "-pid", "77", "-file", "/home/me/x.flv", "-server", "/home/me/hutong"})
	if want := "whep -url http://HOST/whep/live/b -pid PID -file x.flv -server bin/hutong"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestCalibrateMeasuresSomething(t *testing.T) {
	seal, send, err := calibrate()
	if err != nil || seal <= 0 || send <= 0 {
		t.Errorf("got %g and %g, %v", seal, send, err)
	}
}

func TestKindOfHidesTokens(t *testing.T) {
	for url, want := range map[string]string{
		"rtmp://h/live/a?txSecret=1": "rtmp", "rtmp://h/live/a?path=standard": "rtmp standard",
		"http://h/live/a.flv?txSecret=1": "flv", "http://h/whip/live/a": "whip", "http://h/whep/live/a": "whep",
	} {
		if got := kindOf(url); got != want {
			t.Errorf("%s is %q, want %q", url, got, want)
		}
	}
}

func TestUntilPhaseSpreadsJoins(t *testing.T) {
	const gop, n = 2 * time.Second, 40
	var phases []float64
	for i := range n {
		now := time.Unix(1, int64(i)*123456789)
		d := untilPhase(now, gop, i)
		if d < 0 || d >= gop {
			t.Fatalf("join %d waits %v", i, d)
		}
		phases = append(phases, float64(time.Duration(now.Add(d).UnixNano())%gop)/float64(gop))
	}
	slices.Sort(phases)
	for i := 1; i < n; i++ {
		if gap := phases[i] - phases[i-1]; gap > 2.7/n {
			t.Errorf("no join falls between phases %.3f and %.3f", phases[i-1], phases[i])
		}
	}
}

func TestStepsGrow(t *testing.T) {
	var s steps
	for _, bad := range []string{"", "0", "-1", "ten", "10,5", "3,3", "1,"} {
		if err := s.Set(bad); err == nil {
			t.Errorf("%q was taken for %v", bad, s)
		}
	}
	if err := s.Set("1,10,500"); err != nil || s.String() != "1,10,500" {
		t.Errorf("%v, %v", s, err)
	}
}

func TestPlots(t *testing.T) {
	dir := t.TempDir()
	lines := []line{
		{"measure": "whep-rtmp", "n": 1.0, "cpu_us_packet": 30.0, "cpu_ms_player_s": 8.0},
		{"measure": "whep-rtmp", "n": 1000.0, "cpu_us_packet": 4.0, "cpu_ms_player_s": 1.0},
		{"measure": "flv-live", "n": 500.0, "cpu_ms_player_s": 0.4},
	}
	files, err := plot(lines, dir)
	if err != nil || !slices.Equal(files, []string{"players.svg", "packets.svg"}) {
		t.Fatalf("%v, %v", files, err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "players.svg"))
	if err != nil {
		t.Fatal(err)
	}
	if err := xml.Unmarshal(b, new(struct{})); err != nil {
		t.Error(err)
	}
	if s := string(b); strings.Count(s, "<circle") != 3 || !strings.Contains(s, ">WHEP<") || strings.Contains(s, ">RTMP, live path<") {
		t.Errorf("the plot is\n%s", s)
	}
	if text := growth(lines, files); !strings.Contains(text, "](bench/packets.svg)") || !strings.Contains(text, "| 1000 | 4 | 1 |") || strings.Contains(text, "Rooms") {
		t.Errorf("the text is\n%s", text)
	}
}
