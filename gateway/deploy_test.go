package gateway

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/prometheus/client_golang/prometheus"

	"hutong/gateway/config"
)

// served are the labels of every metric that a gateway serves, by its name as
// queries write it.
func served(t *testing.T) map[string][]string {
	t.Helper()
	g := newGateway(t)
	described := make(chan *prometheus.Desc)
	go func() {
		defer close(described)
		g.metrics.Describe(described)
	}()
	desc := regexp.MustCompile(`fqName: "([a-z0-9_]+)".*constLabels: \{([^}]*)\}, variableLabels: \{([^}]*)\}`)
	word := regexp.MustCompile(`[a-z_]+`)
	found := map[string][]string{}
	for d := range described {
		m := desc.FindStringSubmatch(d.String())
		if m == nil {
			t.Fatalf("cannot read %s", d)
		}
		labels := append(word.FindAllString(regexp.MustCompile(`="[^"]*"`).ReplaceAllString(m[2], ""), -1), word.FindAllString(m[3], -1)...)
		for _, suffix := range []string{"", "_sum", "_count"} {
			found[m[1]+suffix] = labels
		}
	}
	if len(found) < 50 || !slices.Equal(found["hutong_players"], []string{"protocol"}) {
		t.Fatalf("does not look like all metrics: %v", found)
	}
	found["up"] = nil // Prometheus' own
	return found
}

var (
	metricName = regexp.MustCompile(`\b(up|(?:hutong|go|process)_[a-z0-9_]+)\b`)
	selector   = regexp.MustCompile(`([a-z0-9_]+)\{([^}]*)\}`)
	matcher    = regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)\s*"[^"]*"`)
	grouping   = regexp.MustCompile(`(?:by|on) \(([^)]*)\)`)
	quoted     = regexp.MustCompile(`"[^"]*"`)
)

// labelsOf checks that a query asks only for what is served, and returns the
// labels that it knows of.
func labelsOf(t *testing.T, metrics map[string][]string, where, query string) map[string]bool {
	t.Helper()
	known := map[string]bool{"instance": true, "job": true}
	names := metricName.FindAllString(quoted.ReplaceAllString(query, `""`), -1)
	if len(names) == 0 && where != "variable" {
		t.Errorf("%s asks for no metric: %s", where, query)
	}
	for _, name := range names {
		labels, ok := metrics[name]
		if !ok {
			t.Errorf("%s asks for %s, which the gateway does not serve: %s", where, name, query)
		}
		for _, l := range labels {
			known[l] = true
		}
	}
	for _, s := range selector.FindAllStringSubmatch(query, -1) {
		for _, m := range matcher.FindAllStringSubmatch(s[2], -1) {
			if !slices.Contains(append([]string{"instance", "job"}, metrics[s[1]]...), m[1]) {
				t.Errorf("%s selects %s by %s, which it does not have", where, s[1], m[1])
			}
		}
	}
	for _, g := range grouping.FindAllStringSubmatch(query, -1) {
		for l := range strings.SplitSeq(g[1], ",") {
			if !known[strings.TrimSpace(l)] {
				t.Errorf("%s groups by %s, which none of its metrics has: %s", where, l, query)
			}
		}
	}
	for _, pair := range []string{"()", "{}", "[]"} {
		if strings.Count(query, pair[:1]) != strings.Count(query, pair[1:]) {
			t.Errorf("%s: unbalanced %s in %s", where, pair, query)
		}
	}
	return known
}

func deployed(t *testing.T, path ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(append([]string{".."}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDashboardShowsWhatIsServed(t *testing.T) {
	var board struct {
		UID, Title string
		Templating struct {
			List []struct{ Name, Type string }
		}
		Panels []struct {
			ID                       int
			Type, Title, Description string
			GridPos                  struct{ X, Y, W, H int }
			Targets                  []struct{ Expr, LegendFormat string }
		}
	}
	if err := json.Unmarshal(deployed(t, "deploy", "grafana", "hutong.json"), &board); err != nil {
		t.Fatal(err)
	}
	metrics := served(t)
	ids := map[int]bool{}
	placeholder := regexp.MustCompile(`\{\{([a-z_]+)\}\}`)
	asked := map[string]bool{}
	for _, p := range board.Panels {
		if ids[p.ID] {
			t.Errorf("panel %q has another's id", p.Title)
		}
		ids[p.ID] = true
		if p.GridPos.X+p.GridPos.W > 24 || p.GridPos.H == 0 {
			t.Errorf("panel %q is off the grid: %+v", p.Title, p.GridPos)
		}
		if p.Type == "row" {
			continue
		}
		if p.Title == "" || len(p.Targets) == 0 {
			t.Errorf("panel %d %q shows nothing", p.ID, p.Title)
		}
		for _, target := range p.Targets {
			known := labelsOf(t, metrics, "panel "+p.Title, target.Expr)
			for _, name := range metricName.FindAllString(target.Expr, -1) {
				asked[name] = true
			}
			for _, l := range placeholder.FindAllStringSubmatch(target.LegendFormat, -1) {
				if !known[l[1]] {
					t.Errorf("the legend of panel %q says %s, which its query does not have", p.Title, l[1])
				}
			}
		}
	}
	for name := range metrics {
		plain := strings.TrimSuffix(strings.TrimSuffix(name, "_sum"), "_count")
		if strings.HasPrefix(plain, "hutong_") && !asked[plain] && plain != "hutong_reloads_total" {
			t.Errorf("no panel shows %s", plain)
		}
	}
}

func TestAlertsWatchWhatIsServed(t *testing.T) {
	var rules struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert       string
				Expr        string
				For         string
				Labels      map[string]string
				Annotations map[string]string
			}
		}
	}
	text := deployed(t, "deploy", "prometheus", "alerts.yaml")
	if err := yaml.UnmarshalWithOptions(text, &rules, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	metrics := served(t)
	manual := string(deployed(t, "docs", "operations.md"))
	names := map[string]bool{}
	placeholder := regexp.MustCompile(`\$labels\.([a-z_]+)`)
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			if r.Alert == "" || names[r.Alert] {
				t.Errorf("an alert without a name of its own in %s: %q", g.Name, r.Alert)
			}
			names[r.Alert] = true
			known := labelsOf(t, metrics, r.Alert, r.Expr)
			if r.For != "" && !regexp.MustCompile(`^\d+[smhd]$`).MatchString(r.For) {
				t.Errorf("%s: for %q is no time", r.Alert, r.For)
			}
			if !slices.Contains([]string{"page", "ticket", "info"}, r.Labels["severity"]) {
				t.Errorf("%s: severity is %q", r.Alert, r.Labels["severity"])
			}
			for _, a := range []string{"summary", "description"} {
				if r.Annotations[a] == "" {
					t.Errorf("%s has no %s", r.Alert, a)
				}
				for _, l := range placeholder.FindAllStringSubmatch(r.Annotations[a], -1) {
					if !known[l[1]] {
						t.Errorf("the %s of %s says %s, which its query does not have", a, r.Alert, l[1])
					}
				}
			}
			if !strings.Contains(manual, "`"+r.Alert+"`") {
				t.Errorf("docs/operations.md does not say what to do about %s", r.Alert)
			}
		}
	}
	if len(names) < 15 {
		t.Errorf("only %d alerts", len(names))
	}
}

// ports are those of configs/hutong.yaml, which every deployment begins with.
func TestContainerAndUnitFitTheConfiguration(t *testing.T) {
	cfg, err := config.Load(filepath.Join("..", "configs", "hutong.yaml"), []string{"HUTONG_DATA_DIR=" + t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	container := string(deployed(t, "deploy", "Containerfile"))
	port := func(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }
	want := fmt.Sprintf("EXPOSE %s/tcp %s/tcp %s/udp %s/tcp", port(cfg.HTTP.Address), port(cfg.RTMP.Address), port(cfg.WebRTC.UDPAddress), port(cfg.WebRTC.TCPAddress))
	if !strings.Contains(container, want) {
		t.Errorf("the Containerfile does not say %s", want)
	}
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(string(deployed(t, "go.mod")))
	if version == nil || !strings.Contains(container, "golang:"+version[1]) {
		t.Errorf("the Containerfile does not build with Go %s", version)
	}
	for _, m := range regexp.MustCompile(`(?m)^COPY ([^-].*) \S+$`).FindAllStringSubmatch(container, -1) {
		for source := range strings.FieldsSeq(m[1]) {
			if _, err := os.Stat(filepath.Join("..", source)); err != nil {
				t.Errorf("the Containerfile copies %s: %v", source, err)
			}
		}
	}
	if !regexp.MustCompile(`(?m)^USER [1-9]\d*:[1-9]\d*$`).MatchString(container) {
		t.Error("the container runs as root")
	}
	unit := string(deployed(t, "deploy", "systemd", "hutong.service"))
	for _, line := range []string{"Restart=on-failure", "ExecReload=/bin/kill -HUP $MAINPID", "NoNewPrivileges=yes", "ProtectSystem=strict", "LimitNOFILE="} {
		if !strings.Contains(unit, "\n"+line) {
			t.Errorf("the unit does not say %s", line)
		}
	}
}
