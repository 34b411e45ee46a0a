package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// target is one row of the table: which figure of which measure, and what it should be.
type target struct {
	group, what, unit string
	measure, out, key string // measure may end in "@n", out may be set: those of the line
	want              float64
	peers             string
}

const (
	fanout  = "Fan-out"
	transit = "Transit"
	joining = "Join"
	costs   = "Crossing, start and rest"
)

// targets are in the table's order. The peers' figures were measured on another day on a machine of the same kind: SRS
// 7.0.18, MediaMTX 2026-08, LiveKit 1.13, lal 2024-10.
var targets = []target{
	{fanout, "RTMP in, 150 WHEP players: CPU a packet", "us", "whep-rtmp@150", "", "cpu_us_packet", 3.5, "SRS 6.7, MediaMTX 11.3"},
	{fanout, "the same, CPU a player-second", "ms", "whep-rtmp@150", "", "cpu_ms_player_s", 0.75, "SRS 1.50, MediaMTX 1.97"},
	{fanout, "WHIP in, 300 WHEP players: CPU a packet", "us", "whep-whip@300", "", "cpu_us_packet", 3.5, "SRS 7.0, LiveKit 8.7, MediaMTX 11.9"},
	{fanout, "memory a WHEP player", "KB", "whep-whip@300", "", "rss_kb_player", 300, "SRS 540, LiveKit 1100, MediaMTX 3700"},
	{fanout, "500 HTTP-FLV players, live path: CPU a player-second", "ms", "flv-live@500", "", "cpu_ms_player_s", 0.23, "SRS 0.28, lal 0.60"},
	{fanout, "500 HTTP-FLV players, standard path", "ms", "flv-standard@500", "", "cpu_ms_player_s", 0.10, "SRS 0.15"},
	{fanout, "500 RTMP players, live path: CPU a player-second", "ms", "rtmp-live@500", "", "cpu_ms_player_s", 0.23, "SRS 0.28, lal 0.56, MediaMTX 1.10"},
	{fanout, "500 RTMP players, standard path", "ms", "rtmp-standard@500", "", "cpu_ms_player_s", 0.10, "SRS 0.10"},
	{fanout, "memory an HTTP-FLV player", "KB", "flv-live@500", "", "rss_kb_player", 40, "SRS 57, lal 64, MediaMTX 146"},
	{fanout, "memory an RTMP player", "KB", "rtmp-live@500", "", "rss_kb_player", 40, "SRS 57, lal 64, MediaMTX 146"},

	{transit, "RTMP to WHEP, video, p50", "ms", "latency-rtmp", "whep", "video_ms_p50", 0.4, "SRS 0.37"},
	{transit, "RTMP to WHEP, video, p95", "ms", "latency-rtmp", "whep", "video_ms_p95", 0.8, "SRS 0.68"},
	{transit, "RTMP to RTMP, video, p50", "ms", "latency-rtmp", "rtmp", "video_ms_p50", 0.4, "lal 0.30, SRS default 177"},
	{transit, "RTMP to RTMP, video, p95", "ms", "latency-rtmp", "rtmp", "video_ms_p95", 0.8, "lal 0.56, SRS default 334"},
	{transit, "RTMP to HTTP-FLV, video, p50", "ms", "latency-rtmp", "flv", "video_ms_p50", 0.4, "lal 0.30, SRS default 177"},
	{transit, "RTMP to HTTP-FLV, video, p95", "ms", "latency-rtmp", "flv", "video_ms_p95", 0.8, "lal 0.56, SRS default 334"},
	{transit, "WHIP to WHEP, video, p50", "ms", "latency-whip", "whep", "video_ms_p50", 0.4, "SRS 0.47, LiveKit 0.73"},
	{transit, "WHIP to WHEP, video, p95", "ms", "latency-whip", "whep", "video_ms_p95", 1.0, "SRS 1.4, LiveKit 1.8"},
	{transit, "WHIP to HTTP-FLV, video, p50", "ms", "latency-whip", "flv", "video_ms_p50", 1, "SRS 0.50 tuned, 177 default"},
	{transit, "WHIP to HTTP-FLV, video, p95", "ms", "latency-whip", "flv", "video_ms_p95", 3, "SRS 1.4 tuned, 334 default"},
	{transit, "WHIP to RTMP, video, p50", "ms", "latency-whip", "rtmp", "video_ms_p50", 1, "SRS 0.50 tuned, 177 default"},
	{transit, "WHIP to RTMP, video, p95", "ms", "latency-whip", "rtmp", "video_ms_p95", 3, "SRS 1.4 tuned, 334 default"},
	{transit, "audio onset, RTMP to WHEP (AAC to Opus), p50", "ms", "onset-rtmp", "whep", "audio_onset_ms_p50", 22, "SRS 22"},
	{transit, "audio onset, RTMP to WHEP, p95", "ms", "onset-rtmp", "whep", "audio_onset_ms_p95", 40, "SRS 44"},
	{transit, "audio onset, WHIP to HTTP-FLV (Opus to AAC), p50", "ms", "onset-whip", "flv", "audio_onset_ms_p50", 41, "SRS 41"},
	{transit, "audio onset, WHIP to HTTP-FLV, p95", "ms", "onset-whip", "flv", "audio_onset_ms_p95", 43, "SRS 43"},

	{joining, "WHEP from RTMP, first whole keyframe, p50", "ms", "join-whep-rtmp", "", "key_ms_p50", 100, "SRS 1150, MediaMTX 943"},
	{joining, "WHEP from RTMP, p95", "ms", "join-whep-rtmp", "", "key_ms_p95", 250, "SRS 2032, MediaMTX 1906"},
	{joining, "WHEP from RTMP, at the live edge, p95", "ms", "join-whep-rtmp", "", "edge_ms_p95", 1000, "none starts from cached frames"},
	{joining, "WHEP from WHIP, first whole keyframe, p50", "ms", "join-whep-whip", "", "key_ms_p50", 100, "SRS 1195, MediaMTX 1003, LiveKit 1036"},
	{joining, "WHEP from WHIP, p95", "ms", "join-whep-whip", "", "key_ms_p95", 250, "SRS 2087, MediaMTX 1893, LiveKit 1922"},
	{joining, "HTTP-FLV, first whole keyframe, p50", "ms", "join-flv-rtmp", "", "key_ms_p50", 5, "SRS 1.1, lal 16, MediaMTX 918"},
	{joining, "RTMP, first whole keyframe, p50", "ms", "join-rtmp-rtmp", "", "key_ms_p50", 5, "lal 18, SRS 45, MediaMTX 918"},

	{costs, "AAC to Opus, CPU a second of stream, watched across", "ms", "crossing-rtmp", "", "crossing_ms_s", 20, "SRS 7.5, always on"},
	{costs, "the same, left behind once nobody watches across", "ms", "crossing-rtmp", "", "left_behind_ms_s", 0, "SRS 7.5"},
	{costs, "Opus to AAC, CPU a second of stream, watched across", "ms", "crossing-whip", "", "crossing_ms_s", 30, "SRS 21, always on"},
	{costs, "the same, left behind once nobody watches across", "ms", "crossing-whip", "", "left_behind_ms_s", 0, "SRS 21"},
	{costs, "start to accepting", "ms", "startup", "", "accepting_ms_p50", 150, "SRS 18, LiveKit 93"},
	{costs, "idle memory", "MB", "startup", "", "idle_rss_mb", 60, "SRS 17, LiveKit 46"},
}

// figure is the median over a measure's lines; ok is false when there is none.
func (t target) figure(lines []line) (v float64, rounds int, ok bool) {
	var all []float64
	measure, n, _ := strings.Cut(t.measure, "@")
	for _, l := range lines {
		if l["measure"] != measure || t.out != "" && l["out"] != t.out || n != "" && fmt.Sprint(l["n"]) != n {
			continue
		}
		if n, ok := l.number(t.key); ok {
			all = append(all, n)
		}
	}
	return median(all), len(all), len(all) > 0
}

// noise is what a difference of two measures may be without meaning anything, in ms of CPU a second of stream.
const noise = 1.5

// verdict is the ratio to the target in words.
func (t target) verdict(v float64) string {
	if t.want == 0 {
		if v <= noise {
			return "met"
		}
		return "**missed**"
	}
	ratio := v / t.want
	switch {
	case ratio <= 1.005:
		return fmt.Sprintf("%.2f, met", ratio)
	case ratio <= 2:
		return fmt.Sprintf("%.2f", ratio)
	}
	return fmt.Sprintf("**%.2f**", ratio)
}

// makeTable is the generated part of docs/benchmarks.md.
func makeTable(lines []line, raw string) string {
	var b strings.Builder
	for _, l := range lines {
		if l["measure"] == "machine" {
			fmt.Fprintf(&b, "Machine: %v, %v cores, %v GB of memory, %v. Measured %v with %v, gateway %v. Raw lines: bench/%s.\n\n",
				l["cpu_model"], l["cores"], l["memory_gb"], l["kernel"], l["date"], l["go"], l["gateway"], raw)
		}
	}
	b.WriteString(speed(lines))
	within, met, measured := 0, 0, 0
	group := ""
	for _, t := range targets {
		if t.group != group {
			group = t.group
			fmt.Fprintf(&b, "### %s\n\n| | target | ours | ours / target | peers |\n|---|---|---|---|---|\n", group)
		}
		v, _, ok := t.figure(lines)
		if !ok {
			fmt.Fprintf(&b, "| %s | %s %s | not measured | | %s |\n", t.what, number(t.want), t.unit, t.peers)
		} else {
			measured++
			if t.want == 0 && v <= noise || t.want > 0 && v <= t.want*1.005 {
				met++
			}
			if t.want == 0 && v <= noise || t.want > 0 && v <= 2*t.want {
				within++
			}
			fmt.Fprintf(&b, "| %s | %s %s | %s | %s | %s |\n", t.what, number(t.want), t.unit, number(v), t.verdict(v), t.peers)
		}
		if i := indexOf(t); i == len(targets)-1 || targets[i+1].group != group {
			b.WriteString("\n")
		}
	}
	fmt.Fprintf(&b, "%d of %d figures meet their target, %d are within a factor of two of it.\n", met, measured, within)
	return b.String()
}

// speed says how the machine compared with the one the targets come from, and how much of it was left over.
func speed(lines []line) string {
	seal, _, ok := target{measure: "calibration", key: "seal_us"}.figure(lines)
	send, _, ok2 := target{measure: "calibration", key: "send_us"}.figure(lines)
	if !ok || !ok2 {
		return ""
	}
	out := fmt.Sprintf("Sealing 1,100 bytes took %.2f us and sending them %.2f us of CPU, against %.2f and %.2f on the machine of the targets: "+
		"%.1f and %.1f times as long.", seal, send, referenceSeal, referenceSend, seal/referenceSeal, send/referenceSend)
	var idle []float64
	for _, l := range lines {
		if v, ok := l.number("machine_idle_pct"); ok {
			idle = append(idle, v)
		}
	}
	if len(idle) > 0 {
		out += fmt.Sprintf(" During the fan-out measures %.0f %% of all cores (median) was idle.", median(idle))
	}
	return out + "\n\n"
}

func indexOf(t target) int {
	for i := range targets {
		if targets[i] == t {
			return i
		}
	}
	return -1
}

func number(v float64) string {
	switch {
	case v >= 100 || v <= -100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10 || v <= -10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

const (
	tableBegin = "<!-- the suite writes from here -->"
	tableEnd   = "<!-- to here -->"
)

var errNoMarks = errors.New("the file has no marks for the table")

// replaceTable puts the table between the marks of a file.
func replaceTable(file, table string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	head, rest, ok := bytes.Cut(b, []byte(tableBegin))
	_, tail, ok2 := bytes.Cut(rest, []byte(tableEnd))
	if !ok || !ok2 {
		return fmt.Errorf("%w: %s needs %q and %q", errNoMarks, file, tableBegin, tableEnd)
	}
	out := string(head) + tableBegin + "\n\n" + table + "\n" + tableEnd + string(tail)
	return os.WriteFile(file, []byte(out), 0o644)
}

// thisMachine names what the figures were made on.
func thisMachine(ctx context.Context, gateway string) line {
	l := line{"cmd": "machine", "cores": runtime.NumCPU(), "go": runtime.Version(), "date": time.Now().UTC().Format(time.DateOnly),
		"cpu_model": field("/proc/cpuinfo", "model name"), "kernel": "unknown", "gateway": "of unknown version"}
	if b, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		l["kernel"] = "Linux " + strings.TrimSpace(string(b))
	}
	var kb float64
	if _, err := fmt.Sscanf(field("/proc/meminfo", "MemTotal"), "%f", &kb); err == nil {
		l["memory_gb"] = round(kb/(1<<20), 1)
	}
	if out, err := exec.CommandContext(ctx, gateway, "version").Output(); err == nil {
		l["gateway"] = strings.Join(strings.Fields(string(out)), " ")
	}
	return l
}

// field returns what follows "name:" on the first line of a /proc file that begins so.
func field(file, name string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return "unknown"
	}
	for l := range strings.Lines(string(b)) {
		if k, v, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}
	return "unknown"
}
