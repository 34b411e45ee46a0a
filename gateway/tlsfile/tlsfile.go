// Package tlsfile keeps a TLS certificate that lives in files up to date: a new
// pair of files is in use from the next handshake on, without a restart, and a
// pair that does not fit is not used at all.
package tlsfile

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

var (
	// ErrTooLarge refuses what is no certificate file.
	ErrTooLarge = errors.New("is larger than 1 MiB; name a PEM file")
	// ErrExpired refuses a new pair whose time has passed, while the one in use
	// has time left.
	ErrExpired = errors.New("has expired; issue a new certificate")
)

const maxFile = 1 << 20

// Pair is a certificate chain and its key in two PEM files. Config may be used by
// many goroutines while one calls Refresh.
type Pair struct {
	certFile, keyFile string
	now               func() time.Time
	current           atomic.Pointer[tls.Certificate]

	mu        sync.Mutex
	used      content // what current was made of
	seen      content // what the last Refresh saw
	complaint error   // about seen; nil when it has been told, or there is none
}

// content is what the two files hold.
type content struct{ cert, key []byte }

func (c content) equal(d content) bool {
	return bytes.Equal(c.cert, d.cert) && bytes.Equal(c.key, d.key)
}

// Load reads the pair. The error names the file and what is wrong with it.
func Load(certFile, keyFile string) (*Pair, error) {
	p := &Pair{certFile: certFile, keyFile: keyFile, now: time.Now}
	c, err := p.read()
	if err != nil {
		return nil, err
	}
	cert, err := p.parse(c)
	if err != nil {
		return nil, err
	}
	p.current.Store(cert)
	p.used, p.seen = c, c
	return p, nil
}

// Config is for a server with the pair's certificate: TLS 1.2 (RFC 5246) or
// later, as RFC 9325 §3.1.1 wants.
func (p *Pair) Config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return p.current.Load(), nil },
	}
}

// NotAfter is when the certificate in use ends.
func (p *Pair) NotAfter() time.Time { return p.current.Load().Leaf.NotAfter }

// Refresh looks whether the files have changed, and uses them if they fit
// together. What does not fit leaves the pair in use and is told once: at the
// second look that finds it so, because the two files are not written at one
// instant, or at the first when now is set.
func (p *Pair) Refresh(now bool) (changed bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, err := p.read()
	same := c.equal(p.seen)
	p.seen = c
	switch {
	case err == nil && c.equal(p.used):
		p.complaint = nil
		return false, nil
	case same && !now:
		err, p.complaint = p.complaint, nil
		return false, err
	}
	if err == nil {
		var cert *tls.Certificate
		if cert, err = p.parse(c); err == nil {
			err = p.timely(cert)
		}
		if err == nil {
			p.current.Store(cert)
			p.used, p.complaint = c, nil
			return true, nil
		}
	}
	if now {
		p.complaint = nil
		return false, err
	}
	p.complaint = err
	return false, nil
}

// timely refuses to give up a certificate for one that nobody would accept.
func (p *Pair) timely(cert *tls.Certificate) error {
	now := p.now()
	if end := cert.Leaf.NotAfter; now.After(end) && now.Before(p.NotAfter()) {
		return fmt.Errorf("%s (until %s): %w", p.certFile, end.UTC().Format(time.DateOnly), ErrExpired)
	}
	return nil
}

// read returns what could be read even when it fails.
func (p *Pair) read() (c content, err error) {
	var certErr, keyErr error
	c.cert, certErr = readFile(p.certFile)
	c.key, keyErr = readFile(p.keyFile)
	return c, errors.Join(certErr, keyErr)
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxFile {
		return nil, fmt.Errorf("%s: %w", name, ErrTooLarge)
	}
	return b, nil
}

func (p *Pair) parse(c content) (*tls.Certificate, error) {
	cert, err := tls.X509KeyPair(c.cert, c.key)
	if err != nil {
		return nil, fmt.Errorf("%s and %s: %w; name a PEM certificate chain and its key", p.certFile, p.keyFile, err)
	}
	return &cert, nil
}
