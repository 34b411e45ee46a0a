package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"hutong/bridge/testmedia"
)

// A browser that can only send VP8 is told so, in words and in JSON.
func (s *suite) noH264(t *testing.T) {
	page := browserPage(t, s.publisher, s.gw)
	a := call(t, page, "publish", "vp8", "/whip/live/vp8", options{"codec": "video/VP8", "only": true})
	if a.Status < 400 || a.Status > 499 {
		t.Fatalf("the answer is %d: %.300s", a.Status, a.Body)
	}
	var problem struct{ Title, Detail string }
	if !strings.HasPrefix(a.Type, "application/problem+json") || json.Unmarshal([]byte(a.Body), &problem) != nil || !strings.Contains(problem.Title+problem.Detail, "H.264") {
		t.Errorf("the answer is %s %s, want a problem that names H.264", a.Type, a.Body)
	}
	if s.gw.live("vp8") {
		t.Error("the stream is listed all the same")
	}
}

// The resource of a session: DELETE ends it, and bad requests are problems.
func (s *suite) whipSession(t *testing.T) {
	page := browserPage(t, s.publisher, s.gw)
	publish(t, page, "session", nil)
	a := call(t, page, "publish", "session2", "/whip/live/session2", nil)
	requireCreated(t, a)
	testmedia.Eventually(t, 30*time.Second, "both streams", func() bool { return s.gw.live("session") && s.gw.live("session2") })

	location := a.Location
	if strings.HasPrefix(location, "/") {
		location = "http://" + s.gw.http + location
	}
	if status, _, _ := s.request(t, "DELETE", location, "", ""); status/100 != 2 {
		t.Errorf("DELETE %s is answered %d", location, status)
	}
	testmedia.Eventually(t, 30*time.Second, "the deleted stream to end", func() bool { return !s.gw.live("session2") })
	if status, _, _ := s.request(t, "DELETE", location, "", ""); status != 404 {
		t.Errorf("a second DELETE is answered %d, want 404", status)
	}

	base := "http://" + s.gw.http
	for _, bad := range []struct {
		name, method, url, kind, body string
		least, most                   int
	}{
		{"no SDP", "POST", base + "/whip/live/bad", "application/sdp", "nonsense", 400, 422},
		{"another type", "POST", base + "/whip/live/bad", "text/plain", "v=0", 415, 415},
		{"an empty body", "POST", base + "/whep/live/session", "application/sdp", "", 400, 422},
		{"a bad name", "POST", base + "/whip/live/a.b", "application/sdp", "v=0", 400, 404},
		{"a body too large", "POST", base + "/whip/live/bad", "application/sdp", strings.Repeat("a=x\r\n", 1<<20), 413, 413},
	} {
		status, header, body := s.request(t, bad.method, bad.url, bad.kind, bad.body)
		if status < bad.least || status > bad.most {
			t.Errorf("%s is answered %d %.200s, want %d to %d", bad.name, status, body, bad.least, bad.most)
		}
		if status != 413 && !strings.HasPrefix(header.Get("Content-Type"), "application/problem+json") {
			t.Errorf("%s is answered with %s, want a problem", bad.name, header.Get("Content-Type"))
		}
	}
	status, header, _ := s.request(t, "OPTIONS", base+"/whip/live/session", "", "")
	if status/100 != 2 || !strings.Contains(header.Get("Access-Control-Allow-Methods"), "POST") {
		t.Errorf("OPTIONS is answered %d with %v", status, header)
	}
}

func (s *suite) request(t *testing.T, method, url, kind, body string) (int, http.Header, string) {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	if method == "OPTIONS" {
		req.Header.Set("Origin", "http://elsewhere.example")
		req.Header.Set("Access-Control-Request-Method", "POST")
	}
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		if body != "" && len(body) > 1<<20 { // hung up on, which is as good
			return 413, http.Header{}, ""
		}
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text := make([]byte, 4096)
	n, _ := resp.Body.Read(text)
	return resp.StatusCode, resp.Header, fmt.Sprintf("%s", text[:n])
}
