package tlsfile

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// files is a directory with a pair in it.
type files struct {
	t         *testing.T
	cert, key string
}

func newFiles(t *testing.T) files {
	dir := t.TempDir()
	f := files{t, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
	f.issue("first.example", time.Now())
	return f
}

func (f files) write(path string, content []byte) {
	f.t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// issue writes a pair for host that is valid for a day from the given time.
func (f files) issue(host string, from time.Time) {
	f.t.Helper()
	cert, key, err := SelfSigned([]string{host}, from, 24*time.Hour)
	if err != nil {
		f.t.Fatal(err)
	}
	f.write(f.cert, cert)
	f.write(f.key, key)
}

// shown is the name in the certificate that a client is given.
func shown(t *testing.T, c *tls.Config) string {
	t.Helper()
	client, server := net.Pipe()
	defer client.Close()
	defer server.Close()
	go tls.Server(server, c).Handshake()
	conn := tls.Client(client, &tls.Config{InsecureSkipVerify: true})
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	return conn.ConnectionState().PeerCertificates[0].DNSNames[0]
}

func TestNewPairIsShownFromTheNextHandshakeOn(t *testing.T) {
	f := newFiles(t)
	p, err := Load(f.cert, f.key)
	if err != nil {
		t.Fatal(err)
	}
	c := p.Config()
	if got := shown(t, c); got != "first.example" {
		t.Fatalf("shows %s", got)
	}
	if changed, err := p.Refresh(false); changed || err != nil {
		t.Fatalf("nothing changed, and Refresh gives %v, %v", changed, err)
	}
	f.issue("second.example", time.Now())
	if changed, err := p.Refresh(false); !changed || err != nil {
		t.Fatalf("a new pair, and Refresh gives %v, %v", changed, err)
	}
	if got := shown(t, c); got != "second.example" {
		t.Errorf("still shows %s", got)
	}
	if left := time.Until(p.NotAfter()); left < 23*time.Hour || left > 24*time.Hour {
		t.Errorf("says that %v are left", left)
	}
}

func TestBadPairKeepsTheOldAndIsToldOnce(t *testing.T) {
	other, _, err := SelfSigned([]string{"other.example"}, time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		damage func(f files)
		want   string
	}{
		{"of another key", func(f files) { f.write(f.cert, other) }, "private key does not match"},
		{"not PEM", func(f files) { f.write(f.cert, []byte("hello")) }, "failed to find any PEM data"},
		{"empty key", func(f files) { f.write(f.key, nil) }, "failed to find any PEM data"},
		{"gone", func(f files) { os.Remove(f.key) }, "no such file"},
		{"a device", func(f files) { f.write(f.cert, make([]byte, maxFile+1)) }, "larger than 1 MiB"},
		{"expired", func(f files) { f.issue("expired.example", time.Now().Add(-48*time.Hour)) }, "has expired"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := newFiles(t)
			p, err := Load(f.cert, f.key)
			if err != nil {
				t.Fatal(err)
			}
			test.damage(f)
			var told []error
			for range 5 {
				changed, err := p.Refresh(false)
				if changed {
					t.Fatal("was used")
				}
				if err != nil {
					told = append(told, err)
				}
			}
			if len(told) != 1 || !strings.Contains(told[0].Error(), test.want) {
				t.Errorf("told %q, want once that %q", told, test.want)
			}
			if _, err := p.Refresh(true); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("asked to look now, it says %v", err)
			}
			if got := shown(t, p.Config()); got != "first.example" {
				t.Errorf("shows %s", got)
			}
			f.issue("second.example", time.Now())
			if changed, err := p.Refresh(false); !changed || err != nil {
				t.Errorf("repaired, and Refresh gives %v, %v", changed, err)
			}
		})
	}
}

// The two files of a pair are written one after the other.
func TestHalfWrittenPairIsNoComplaint(t *testing.T) {
	f := newFiles(t)
	p, err := Load(f.cert, f.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := SelfSigned([]string{"second.example"}, time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	f.write(f.cert, cert)
	if changed, err := p.Refresh(false); changed || err != nil {
		t.Errorf("half a pair gives %v, %v", changed, err)
	}
	f.write(f.key, key)
	if changed, err := p.Refresh(false); !changed || err != nil {
		t.Errorf("the whole pair gives %v, %v", changed, err)
	}
}

func TestLinkThatIsSwitched(t *testing.T) {
	first, second := newFiles(t), newFiles(t)
	second.issue("second.example", time.Now())
	link := filepath.Join(t.TempDir(), "live")
	if err := os.Symlink(filepath.Dir(first.cert), link); err != nil {
		t.Fatal(err)
	}
	p, err := Load(filepath.Join(link, "cert.pem"), filepath.Join(link, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(link), os.Symlink(filepath.Dir(second.cert), link)); err != nil {
		t.Fatal(err)
	}
	if changed, err := p.Refresh(false); !changed || err != nil {
		t.Errorf("a switched link gives %v, %v", changed, err)
	}
	if got := shown(t, p.Config()); got != "second.example" {
		t.Errorf("shows %s", got)
	}
}

func TestOldVersionsAreRefused(t *testing.T) {
	f := newFiles(t)
	p, err := Load(f.cert, f.key)
	if err != nil {
		t.Fatal(err)
	}
	client, server := net.Pipe()
	defer client.Close()
	defer server.Close()
	go tls.Server(server, p.Config()).Handshake()
	conn := tls.Client(client, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	if err := conn.Handshake(); err == nil {
		t.Error("TLS 1.1 was accepted")
	}
}

func TestLoadSaysWhatIsWrong(t *testing.T) {
	f := newFiles(t)
	if _, err := Load(f.cert+"x", f.key); err == nil || !strings.Contains(err.Error(), "cert.pemx") {
		t.Errorf("a missing file gives %v", err)
	}
	if _, err := Load(f.key, f.cert); err == nil || !strings.Contains(err.Error(), f.key) {
		t.Errorf("swapped files give %v", err)
	}
	if _, _, err := SelfSigned(nil, time.Now(), time.Hour); !errors.Is(err, ErrNoHosts) {
		t.Errorf("no hosts give %v", err)
	}
}
