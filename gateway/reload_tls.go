package gateway

import (
	"crypto/tls"
	"fmt"

	"hutong/gateway/tlsfile"
)

// certificate is the pair of files of one listener.
type certificate struct {
	option string // http.tls or rtmp.tls
	pair   *tlsfile.Pair
}

// openTLS reads a pair that is followed from then on. Without files the result is
// nil: no TLS.
func (g *Gateway) openTLS(option, cert, key string) (*tls.Config, error) {
	if cert == "" {
		return nil, nil
	}
	pair, err := tlsfile.Load(cert, key)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", option, err)
	}
	g.certificates = append(g.certificates, certificate{option, pair})
	g.operation.Certificate(option, pair.NotAfter())
	g.operation.Reloaded(option, nil, false)
	return pair.Config(), nil
}

// refreshCertificates uses certificates that have changed on disk. now tells at
// once what is wrong with them.
func (g *Gateway) refreshCertificates(now bool) {
	for _, c := range g.certificates {
		changed, err := c.pair.Refresh(now)
		switch {
		case err != nil:
			g.operation.Reloaded(c.option, err, false)
			g.log.Error("the new certificate is not used, the old one stays", "option", c.option,
				"until", c.pair.NotAfter(), "error", err)
		case changed:
			g.operation.Reloaded(c.option, nil, true)
			g.operation.Certificate(c.option, c.pair.NotAfter())
			g.log.Info("a new certificate is in use", "option", c.option, "until", c.pair.NotAfter())
		}
	}
}
