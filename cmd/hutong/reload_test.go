package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"hutong/gateway/tlsfile"
)

// eventually waits until something holds.
func (p *process) eventually(what string, holds func() bool) {
	p.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !holds() {
		select {
		case <-tick.C:
		case <-p.exited:
			p.t.Fatalf("ended before %s; standard error:\n%s", what, p.errs)
		case <-deadline:
			p.t.Fatalf("no %s; standard error:\n%s", what, p.errs)
		}
	}
}

func (p *process) logs(words string) {
	p.t.Helper()
	p.eventually("log line with "+words, func() bool { return strings.Contains(p.errs.String(), words) })
}

// rewrite replaces a file at once, as careful tools do.
func rewrite(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// issue writes a certificate for host and its key to dir.
func issue(t *testing.T, dir, host string) {
	t.Helper()
	cert, key, err := tlsfile.SelfSigned([]string{host}, time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	rewrite(t, filepath.Join(dir, "cert.pem"), string(cert))
	rewrite(t, filepath.Join(dir, "key.pem"), string(key))
}

// shown is the name in the certificate that address shows.
func shown(t *testing.T, address string) string {
	t.Helper()
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].DNSNames[0]
}

func TestCertificatesAreTakenOver(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	issue(t, dir, "first.example")
	pair := fmt.Sprintf("cert: %s/cert.pem, key: %s/key.pem", dir, dir)
	path := write(t, "http: {tls: {"+pair+"}}\nrtmp: {tls: {address: '127.0.0.1:0', "+pair+"}}\n")
	p := serveInBackground(t, nil, "--config", path)
	listeners := []string{p.await(`^page\s+https://(127\.0\.0\.1:\d+)/$`), p.await(`^RTMPS\s+rtmps://(127\.0\.0\.1:\d+)/`)}
	for _, l := range listeners {
		if got := shown(t, l); got != "first.example" {
			t.Fatalf("%s shows %s", l, got)
		}
	}
	issue(t, dir, "second.example")
	for _, l := range listeners {
		p.eventually("new certificate on "+l, func() bool { return shown(t, l) == "second.example" })
	}

	rewrite(t, filepath.Join(dir, "cert.pem"), "half a certif")
	p.logs(`msg="the new certificate is not used, the old one stays" option=http.tls`)
	p.logs(`option=rtmp.tls`)
	for _, l := range listeners {
		if got := shown(t, l); got != "second.example" {
			t.Errorf("%s shows %s", l, got)
		}
	}
	issue(t, dir, "third.example")
	p.signal(syscall.SIGHUP)
	p.eventually("repaired certificate", func() bool { return shown(t, listeners[0]) == "third.example" })
}

const (
	oldKey = "old-0123456789abcdef0123456789abcdef"
	newKey = "new-0123456789abcdef0123456789abcdef"
)

// reloadable is a configuration that differs in all that a test looks at.
func reloadable(level, origin, key, more string) string {
	return fmt.Sprintf(`log: {level: %s}
http: {cors_origins: [%q]}
auth:
  mode: token
  token_secret: 0123456789abcdef0123456789abcdef
  api_keys: [{name: backend, key: %s}]
%s`, level, origin, key, more)
}

// called is what GET /api/v1/rooms answers a back end with a key, and whether a
// page of origin may read it.
func called(t *testing.T, page, key, origin string) (status int, allowed bool) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, page+"/api/v1/rooms", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Origin", origin)
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode, response.Header.Get("Access-Control-Allow-Origin") == origin
}

func TestReload(t *testing.T) {
	t.Parallel()
	path := write(t, reloadable("error", "https://old.example", oldKey, ""))
	p := serveInBackground(t, nil, "--config", path)
	page := p.await(`^page\s+(http://127\.0\.0\.1:\d+)/$`)
	works := func(key, origin string) bool {
		status, allowed := called(t, page, key, origin)
		return status == http.StatusOK && allowed
	}
	if !works(oldKey, "https://old.example") || works(newKey, "https://new.example") {
		t.Fatal("does not do what the file says")
	}

	rewrite(t, path, reloadable("info", "https://new.example", newKey, "rtmp: {max_connections: 7}\nwebrtc: {max_peers: 8}\n"))
	p.signal(syscall.SIGHUP)
	p.logs(`msg="configuration reloaded" changed="log.level, http.cors_origins, auth.api_keys"`)
	p.logs(`msg="a changed option needs a restart; until then it stays as it was" option=rtmp.max_connections`)
	p.logs(`option=webrtc.max_peers`)
	p.eventually("new key and origin", func() bool { return works(newKey, "https://new.example") })
	if status, allowed := called(t, page, oldKey, "https://old.example"); status != http.StatusUnauthorized || allowed {
		t.Errorf("the old key and origin give %d, %v", status, allowed)
	}

	rewrite(t, path, reloadable("debug", "https://old.example", oldKey, "rtmp:\n  max_conections: 7\n"))
	p.signal(syscall.SIGHUP)
	p.logs(`msg="configuration not reloaded, nothing has changed" problem="` + path + `:8:3: rtmp.max_conections: unknown option`)
	if !works(newKey, "https://new.example") {
		t.Error("a file with a mistake changed something")
	}

	// No signal: the change is enough.
	if code := get(t, page+"/debug/pprof/cmdline"); code == http.StatusOK {
		t.Error("the profiler is on")
	}
	rewrite(t, path, reloadable("debug", "https://old.example", oldKey, "pprof: {enabled: true}\nmetrics: {enabled: false}\n"))
	p.eventually("old key again", func() bool { return works(oldKey, "https://old.example") })
	if code := get(t, page+"/debug/pprof/cmdline"); code != http.StatusOK {
		t.Errorf("the profiler answers %d after it was switched on", code)
	}
	if code := get(t, page+"/metrics"); code == http.StatusOK {
		t.Error("metrics are there after they were switched off")
	}
	if strings.Contains(p.errs.String(), oldKey) || strings.Contains(p.errs.String(), newKey) {
		t.Error("the log contains a key")
	}
	p.signal(syscall.SIGTERM)
	if code := p.exitCode(); code != exitOK {
		t.Errorf("exit code %d, want 0", code)
	}
}

// phone runs a simulated phone that publishes live/NAME.
func phone(t *testing.T, rtmp, name string) *process {
	t.Helper()
	cmd := exec.Command(binary, "demo", "--server", rtmp, "--stream", name)
	cmd.Dir, cmd.Env = t.TempDir(), environment()
	return start(t, cmd)
}

func body(t *testing.T, url string) string {
	t.Helper()
	response, err := (&http.Client{Timeout: patience}).Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestDrainLetsPublishersFinish(t *testing.T) {
	t.Parallel()
	path := write(t, "drain: {mode: finish, timeout: 1h}\nstream: {publisher_grace: 0}\n")
	p := serveInBackground(t, nil, "--config", path)
	page := p.await(`^page\s+(http://127\.0\.0\.1:\d+)/$`)
	rtmp := p.await(`^RTMP\s+(rtmp://127\.0\.0\.1:\d+)/`)
	caller := phone(t, rtmp, "caller")
	p.eventually("the phone's stream", func() bool { return strings.Contains(body(t, page+"/api/v1/streams"), "live/caller") })
	player, err := http.Get(page + "/live/caller.flv")
	if err != nil {
		t.Fatal(err)
	}
	defer player.Body.Close()

	p.signal(syscall.SIGTERM)
	p.eventually("refusal of readiness", func() bool { return get(t, page+"/readyz") == http.StatusServiceUnavailable })
	for _, path := range []string{"/live/caller.flv", "/live/other.flv"} {
		if code := get(t, page+path); code != http.StatusServiceUnavailable {
			t.Errorf("a new player of %s gets %d, want 503", path, code)
		}
	}
	late := phone(t, rtmp, "late")
	p.eventually("refusal of another phone", func() bool {
		return strings.Contains(body(t, page+"/metrics"), `hutong_refused_total{protocol="rtmp",reason="draining"}`)
	})
	late.signal(syscall.SIGINT)
	if strings.Contains(body(t, page+"/api/v1/streams"), "live/late") {
		t.Error("a new publisher was let in")
	}
	// Some five seconds of the call, all of it sent after SIGTERM.
	if _, err := io.CopyN(io.Discard, player.Body, 300_000); err != nil {
		t.Errorf("the call did not go on: %v", err)
	}
	caller.signal(syscall.SIGINT)
	if _, err := io.Copy(io.Discard, player.Body); err != nil && !strings.Contains(err.Error(), "EOF") {
		t.Errorf("the player's end: %v", err)
	}
	if code := p.exitCode(); code != exitOK {
		t.Errorf("exit code %d, want 0; standard error:\n%s", code, p.errs)
	}
}

func TestDrainCutsWhoDoesNotFinishInTime(t *testing.T) {
	t.Parallel()
	path := write(t, "drain: {mode: finish, timeout: 1s}\n")
	p := serveInBackground(t, nil, "--config", path)
	page := p.await(`^page\s+(http://127\.0\.0\.1:\d+)/$`)
	rtmp := p.await(`^RTMP\s+(rtmp://127\.0\.0\.1:\d+)/`)
	phone(t, rtmp, "caller")
	p.eventually("the phone's stream", func() bool { return strings.Contains(body(t, page+"/api/v1/streams"), "live/caller") })
	p.signal(syscall.SIGTERM)
	if code := p.exitCode(); code != exitOK {
		t.Errorf("exit code %d, want 0", code)
	}
	if !strings.Contains(p.errs.String(), `msg="publishers did not finish in time and are cut" streams=1 timeout=1s`) {
		t.Errorf("the log does not say so:\n%s", p.errs)
	}
}
