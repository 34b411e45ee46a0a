package httpapi

import (
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"hutong/bridge/stream"
)

func TestTheOtherCallsAreAsDescribed(t *testing.T) {
	srv, base := serveRooms(t, nil)
	want[any](t, 200, "GET", base+"/api/v1/settings", "")
	for _, origin := range []stream.Origin{stream.FromFrames, stream.FromWebRTC} {
		p, err := srv.Streams.Publish(fmt.Sprint("live/s", origin), stream.PublisherInfo{Protocol: "rtmp", Remote: "192.0.2.1:1", Origin: origin})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close(true)
	}
	got := want[struct{ Streams []streamJSON }](t, 200, "GET", base+"/api/v1/streams", "")
	if len(got.Streams) != 2 {
		t.Errorf("%+v", got)
	}
}

func TestDocs(t *testing.T) {
	_, base := serveRooms(t, nil)
	for path, words := range map[string]string{
		"/api/openapi.yaml": "openapi: 3.1.0", "/api/openapi.json": `"openapi": "3.1.0"`, "/api/docs": "hutong API",
	} {
		resp, body := request(t, http.MethodGet, base+path, "")
		if resp.StatusCode != http.StatusOK || !strings.Contains(body, words) {
			t.Errorf("%s: %s %.100s", path, resp.Status, body)
		}
		if strings.Contains(body, "//cdn") || strings.Contains(body, `src="http`) {
			t.Errorf("%s needs the Internet", path)
		}
	}
}

// TestDocsInABrowser sees the viewer show what the description has.
func TestDocsInABrowser(t *testing.T) {
	_, base := serveRooms(t, nil)
	ctx, cancel := contextFor(time.Minute)
	defer cancel()
	page, err := exec.CommandContext(ctx, "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000",
		"--user-data-dir="+t.TempDir(), "--dump-dom", base+"/api/docs").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, words := range []string{`id="createRoom"`, `id="connect"`, `id="webhook"`, "publish_started", "not_a_member", "Try it", "audioMuted", "李娜"} {
		if !strings.Contains(string(page), words) {
			t.Errorf("the page lacks %s", words)
		}
	}
}
