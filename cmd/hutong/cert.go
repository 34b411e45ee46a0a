package main

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hutong/gateway"
	"hutong/gateway/tlsfile"
)

var certCommand = command{
	name:     "cert",
	synopsis: "[--host LIST] [--out DIR]",
	summary:  "make a certificate for trying it out in a local network",
	help: `Writes a self-signed certificate and its key, cert.pem and key.pem, valid for a year. Nobody vouches for it, so a
browser warns once. A pair that is there and still good is kept, so that it does not warn again; one that something else
has made is never overwritten. For a gateway that strangers use, get a certificate from a public authority.`,
	run: makeCert,
}

const (
	certLifetime = 365 * 24 * time.Hour
	certRenew    = 30 * 24 * time.Hour // what must be left for a pair to be kept
)

func makeCert(flags *flag.FlagSet, args []string, out, errs io.Writer) int {
	hosts := flags.String("host", "", "names and IP addresses, separated by commas; without it localhost, this machine's name and all its addresses")
	dir := flags.String("out", filepath.Join("data", "lan"), "the directory to write to")
	if code, done := parse(flags, args, 0, 0); done {
		return code
	}
	list, err := certHosts(*hosts)
	if err == nil {
		err = certify(*dir, list, time.Now(), out)
	}
	if err != nil {
		fail(errs, err)
		return exitFailure
	}
	return exitOK
}

func certHosts(given string) (hosts []string, err error) {
	if given == "" {
		hosts = []string{"localhost", "127.0.0.1", "::1"}
		if name, err := os.Hostname(); err == nil && isHost(name) {
			hosts = append(hosts, strings.ToLower(name))
		}
		for _, a := range gateway.MachineAddresses() {
			hosts = append(hosts, a.String())
		}
		return hosts, nil
	}
	for h := range strings.SplitSeq(given, ",") {
		h = strings.ToLower(strings.TrimSpace(h))
		if !isHost(h) {
			return nil, fmt.Errorf("--host %q is neither a name nor an IP address; write them like call.example.com,192.168.1.5", h)
		}
		if !slices.Contains(hosts, h) {
			hosts = append(hosts, h)
		}
	}
	return hosts, nil
}

// isHost lets through what a certificate can be for; an IPv6 address has colons.
func isHost(h string) bool {
	return h != "" && len(h) <= 253 && !strings.ContainsFunc(h, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '.' && r != ':'
	})
}

// certify makes sure that dir holds a pair for hosts.
func certify(dir string, hosts []string, now time.Time, out io.Writer) error {
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	old, err := ourCert(certFile)
	if err != nil {
		return err
	}
	until := now.Add(certLifetime)
	if old != nil && covers(old, hosts, now) && fits(certFile, keyFile) {
		until = old.NotAfter
	} else if err := writePair(dir, certFile, keyFile, hosts, now); err != nil {
		return err
	}
	fmt.Fprintf(out, "certificate %s\nkey         %s\nfor         %s\nuntil       %s\n",
		certFile, keyFile, strings.Join(hosts, ", "), until.Format(time.DateOnly))
	return nil
}

// ourCert reads the certificate that is there already: nil for none, an error for one that this command has not made.
func ourCert(file string) (*x509.Certificate, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var cert *x509.Certificate
	if block, _ := pem.Decode(text); block != nil {
		cert, _ = x509.ParseCertificate(block.Bytes)
	}
	if cert == nil || !slices.Contains(cert.Subject.Organization, tlsfile.SelfSignedBy) {
		return nil, fmt.Errorf("%s is something that this command has not made; choose another --out, or move it away", file)
	}
	return cert, nil
}

func covers(cert *x509.Certificate, hosts []string, now time.Time) bool {
	for _, h := range hosts {
		if cert.VerifyHostname(h) != nil {
			return false
		}
	}
	return cert.NotAfter.Sub(now) > certRenew
}

func fits(certFile, keyFile string) bool {
	_, err := tlsfile.Load(certFile, keyFile)
	return err == nil
}

func writePair(dir, certFile, keyFile string, hosts []string, now time.Time) error {
	cert, key, err := tlsfile.SelfSigned(hosts, now, certLifetime)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(keyFile, key, 0o600); err != nil {
		return err
	}
	return os.WriteFile(certFile, cert, 0o644)
}
