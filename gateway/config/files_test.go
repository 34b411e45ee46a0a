package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// pair writes a self-signed certificate and its key and returns their paths.
func pair(t *testing.T, dir, name string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+"-key.pem")
	write(t, cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	write(t, key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
	return cert, key
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFilesThatOptionsName(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	cert, key := pair(t, dir, "a")
	_, otherKey := pair(t, dir, "b")
	write(t, "file", nil)
	tests := []struct{ name, text, want string }{
		{"good", "http: {tls: {cert: " + cert + ", key: " + key + "}}\nrtmp: {tls: {address: ':1936', cert: a.pem, key: a-key.pem}}", ""},
		{"certificate missing", "http: {tls: {cert: nope.pem, key: " + key + "}}",
			`c.yaml:1:20: http.tls.cert: cannot be read: no such file or directory (value "nope.pem"): write the path of the PEM file with the certificate chain`},
		{"key missing", "rtmp:\n  tls:\n    address: :1936\n    cert: a.pem\n    key: nope.pem",
			`c.yaml:5:10: rtmp.tls.key: cannot be read: no such file or directory (value "nope.pem")`},
		{"key of another certificate", "http: {tls: {cert: a.pem, key: " + otherKey + "}}", `c.yaml:1:20: http.tls.cert: is no pair with http.tls.key`},
		{"not a certificate", "http: {tls: {cert: file, key: a-key.pem}}", `http.tls.cert: is no pair with http.tls.key`},
		{"data_dir to be made", "data_dir: some/where/deep", ""},
		{"data_dir is a file", "data_dir: file", `c.yaml:1:11: data_dir: cannot be used: ` + dir + `/file is not a directory (value "file"): write the path`},
		{"data_dir below a file", "data_dir: file/data", `data_dir: cannot be used: ` + dir + `/file`},
		{"data_dir where nothing can be made", "data_dir: /proc/hutong", `data_dir: cannot be used: /proc: `},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			write(t, "c.yaml", []byte(test.text))
			got := Check("c.yaml")
			switch {
			case test.want == "" && len(got) == 0:
			case test.want != "" && len(got) == 1 && strings.Contains(got[0].String(), test.want):
			default:
				t.Errorf("got %v\nwant %q", got, test.want)
			}
		})
	}
	if _, err := os.Stat("some"); err == nil {
		t.Error("checking made the data directory")
	}
}
