//go:build !linux

package rawtcp

import (
	"errors"
	"io"
	"net"
)

// Writer is a connection that can be written to without waiting.
type Writer struct{}

// NewWriter returns nil: there is no such thing here.
func NewWriter(*net.TCPConn) *Writer { return nil }

// TryWritev is never called.
func (*Writer) TryWritev([][]byte) (int, error) { return 0, errors.ErrUnsupported }

// Touch does nothing.
func (*Writer) Touch() int { return 0 }

// NewReader returns a reader of c.
func NewReader(c *net.TCPConn) io.Reader { return c }
