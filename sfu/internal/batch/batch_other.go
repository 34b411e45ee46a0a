//go:build !linux || !(amd64 || arm64)

package batch

const supported = false

type (
	sysConn   struct{}
	sysBuffer struct{}
)

func (c *Conn) setup() error { return nil }

func (c *Conn) send(b *buffer) {
	for _, r := range b.runs {
		c.sendSingly(b, r)
	}
}
