package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"hutong/gateway/config"
)

func contextFor(d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), d)
}

// run serves until the test ends, and returns where. What is to be closed before
// that registers its cleanup later.
func run(t testing.TB, srv *Server) (base string) {
	done := make(chan error, 1)
	go func() { done <- srv.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := contextFor(10 * time.Second)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	return "http://" + srv.Addr().String()
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(15 * time.Second); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal(what)
		}
	}
}

func TestPageHealthAndMetrics(t *testing.T) {
	srv, base := serve(t, nil)
	for _, tc := range []struct{ path, body, header, value string }{
		{"/", "<p>page</p>", "Cache-Control", "no-cache"},
		{"/assets/a.js", "1", "Cache-Control", "public, max-age=31536000, immutable"},
		{"/healthz", "ok\n", "", ""},
		{"/readyz", "ok\n", "", ""},
	} {
		resp, body := request(t, http.MethodGet, base+tc.path, "")
		if resp.StatusCode != http.StatusOK || body != tc.body || tc.header != "" && resp.Header.Get(tc.header) != tc.value {
			t.Errorf("%s: %s %q %v", tc.path, resp.Status, body, resp.Header)
		}
	}
	for _, path := range []string{"/nothing", "/assets/../../etc/passwd", "/%2e%2e/secret"} {
		if resp, _ := request(t, http.MethodGet, base+path, ""); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
	slash, _ := http.NewRequest(http.MethodGet, base+"/agent/?refused=provider", nil)
	if resp, err := http.DefaultTransport.RoundTrip(slash); err != nil || resp.Body.Close() != nil || resp.Header.Get("Location") != "../agent?refused=provider" {
		t.Errorf("/agent/ leads to %q, %v", resp.Header.Get("Location"), err)
	}
	if resp, body := request(t, http.MethodGet, base+"/api/v1/nothing", ""); resp.StatusCode != http.StatusNotFound || !strings.Contains(body, `"code":"not_found"`) {
		t.Errorf("%s %s", resp.Status, body)
	}
	if resp, _ := request(t, http.MethodGet, base+"/debug/pprof/", ""); resp.StatusCode != http.StatusNotFound {
		t.Errorf("pprof is served although it is off: %s", resp.Status)
	}
	_, metrics := request(t, http.MethodGet, base+"/metrics", "")
	for _, name := range []string{"hutong_streams{", "hutong_players{", "hutong_crossings{", "hutong_http_requests_total{", "go_goroutines", `version="test"`} {
		if !strings.Contains(metrics, name) {
			t.Errorf("/metrics lacks %s", name)
		}
	}
	srv.Drain()
	if resp, _ := request(t, http.MethodGet, base+"/readyz", ""); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("draining /readyz: %s", resp.Status)
	}
	if resp, _ := post(t, base+"/whip/live/a", ""); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("draining WHIP: %s", resp.Status)
	}
}

func TestSwitches(t *testing.T) {
	_, base := serve(t, func(c *config.Config) { c.Metrics.Enabled, c.Pprof.Enabled = false, true })
	if resp, _ := request(t, http.MethodGet, base+"/metrics", ""); resp.StatusCode != http.StatusNotFound {
		t.Errorf("/metrics: %s", resp.Status)
	}
	if resp, body := request(t, http.MethodGet, base+"/debug/pprof/goroutine?debug=1", ""); resp.StatusCode != http.StatusOK || !strings.Contains(body, "goroutine profile") {
		t.Errorf("pprof: %s", resp.Status)
	}
}

func TestCORS(t *testing.T) {
	_, base := serve(t, func(c *config.Config) { c.HTTP.CORSOrigins = []string{"https://bank.example"} })
	preflight := func(origin string) *http.Response {
		resp, _ := request(t, http.MethodOptions, base+"/whip/live/a", "", "Origin", origin,
			"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type")
		return resp
	}
	good := preflight("https://bank.example")
	if good.StatusCode != http.StatusNoContent || good.Header.Get("Access-Control-Allow-Origin") != "https://bank.example" ||
		!strings.Contains(good.Header.Get("Access-Control-Allow-Methods"), "PATCH") ||
		!strings.Contains(good.Header.Get("Access-Control-Allow-Headers"), "If-Match") ||
		good.Header.Get("Accept-Post") != "application/sdp" {
		t.Errorf("%s %v", good.Status, good.Header)
	}
	if bad := preflight("https://thief.example"); bad.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%v", bad.Header)
	}
}

func TestSettings(t *testing.T) {
	_, base := serve(t, nil)
	_, body := request(t, http.MethodGet, base+"/api/v1/settings", "")
	var got struct {
		Version, RTMP, HTTP string
		ICEServers          []struct{ URLs []string }
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil || got.Version != "test" || got.RTMP != "rtmp://127.0.0.1" || got.HTTP != base || len(got.ICEServers) != 2 {
		t.Errorf("%s %v", body, err)
	}
}

func TestRTMPURL(t *testing.T) {
	for _, tc := range []struct{ base, listen, want string }{
		{"https://call.example.com", ":1935", "rtmp://call.example.com"},
		{"http://10.0.0.1:8080", "0.0.0.0:19350", "rtmp://10.0.0.1:19350"},
		{"http://[::1]:8080", ":1935", "rtmp://[::1]"},
	} {
		if got := rtmpURL(hostOf(tc.base), tc.listen); got != tc.want {
			t.Errorf("%s, %s: %s, want %s", tc.base, tc.listen, got, tc.want)
		}
	}
}

func TestMissingFLV(t *testing.T) {
	_, base := serve(t, nil)
	if resp, body := request(t, http.MethodGet, base+"/live/none.flv", ""); resp.StatusCode != http.StatusNotFound || !strings.Contains(body, "live/none") {
		t.Errorf("%s %s", resp.Status, body)
	}
}
