package main

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hutong/gateway/tlsfile"
)

func TestCert(t *testing.T) {
	dir := t.TempDir()
	issued := func(hosts string) (out string, cert *x509.Certificate) {
		t.Helper()
		got := hutong(t, nil, "cert", "--out", dir, "--host", hosts)
		if got.code != exitOK || got.err != "" {
			t.Fatalf("got %+v", got)
		}
		pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
		if err != nil {
			t.Fatal(err)
		}
		return got.out, pair.Leaf
	}
	out, first := issued("192.0.2.7, call.example.com,2001:db8::1")
	for _, h := range []string{"192.0.2.7", "call.example.com", "2001:db8::1"} {
		if err := first.VerifyHostname(h); err != nil {
			t.Error(err)
		}
	}
	if left := time.Until(first.NotAfter); left < 364*24*time.Hour || left > 366*24*time.Hour {
		t.Errorf("is valid for %v, want a year", left)
	}
	for _, want := range []string{"cert.pem\n", "key.pem\n", "for         192.0.2.7, call.example.com, 2001:db8::1\n", "until       " + first.NotAfter.Local().Format(time.DateOnly)} {
		if !strings.Contains(out, want) {
			t.Errorf("it says %q, without %q", out, want)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "key.pem")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v, %v", info.Mode(), err)
	}
	if _, again := issued("call.example.com"); !again.Equal(first) {
		t.Error("a good pair was replaced")
	}
	if _, more := issued("other.example.com"); more.Equal(first) || more.VerifyHostname("other.example.com") != nil {
		t.Error("a pair for others was kept")
	}
	if got := hutong(t, nil, "cert", "--out", dir, "--host", "a b"); got.code != exitFailure || !strings.Contains(got.err, `--host "a b" is neither`) {
		t.Errorf("a bad host gives %+v", got)
	}
	if err := os.WriteFile(filepath.Join(dir, "cert.pem"), []byte("somebody's own"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := hutong(t, nil, "cert", "--out", dir); got.code != exitFailure || !strings.Contains(got.err, "has not made; choose another --out") {
		t.Errorf("something else in the way gives %+v", got)
	}
}

func TestCertIsRenewedBeforeItEnds(t *testing.T) {
	dir := t.TempDir()
	cert, key, err := tlsfile.SelfSigned([]string{"a.example"}, time.Now().Add(-340*24*time.Hour), certLifetime)
	if err != nil {
		t.Fatal(err)
	}
	rewrite(t, filepath.Join(dir, "cert.pem"), string(cert))
	rewrite(t, filepath.Join(dir, "key.pem"), string(key))
	hutong(t, nil, "cert", "--out", dir, "--host", "a.example")
	pair, err := tlsfile.Load(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	if err != nil || time.Until(pair.NotAfter()) < 300*24*time.Hour {
		t.Errorf("it ends %v, %v", pair.NotAfter(), err)
	}
}

// What make run-lan does, with other ports.
func TestCertAndLANConfiguration(t *testing.T) {
	lan, err := filepath.Abs(filepath.Join("..", "..", "configs", "lan.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert := exec.Command(binary, "cert")
	cert.Dir, cert.Env = dir, environment()
	if out, err := cert.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cmd := exec.Command(binary, "serve", "--config", lan)
	cmd.Dir, cmd.Env = dir, append(append(environment(), anyPort...), "HUTONG_HTTP_ADDRESS=:0")
	p := start(t, cmd)
	page := p.await(`^page\s+(https://127\.0\.0\.1:\d+)/$`)
	trusted := x509.NewCertPool()
	text, err := os.ReadFile(filepath.Join(dir, "data", "lan", "cert.pem"))
	if err != nil || !trusted.AppendCertsFromPEM(text) {
		t.Fatalf("the certificate: %v", err)
	}
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: trusted}}}
	addresses := append(inThisNetwork(p), page, strings.Replace(page, "127.0.0.1", "localhost", 1))
	for _, a := range addresses {
		response, err := client.Get(a + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Errorf("%s answers %d", a, response.StatusCode)
		}
	}
}

// inThisNetwork are the addresses of the page that the gateway prints beside its own.
func inThisNetwork(p *process) (pages []string) {
	deadline := time.After(patience)
	for {
		select {
		case line, ok := <-p.lines:
			if address, page := strings.CutPrefix(line, "page    "); ok && page {
				pages = append(pages, strings.TrimSuffix(address, "/"))
				continue
			}
			return pages
		case <-deadline:
			return pages
		}
	}
}
