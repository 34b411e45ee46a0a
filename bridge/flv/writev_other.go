//go:build !linux

package flv

import (
	"errors"
	"syscall"
)

const canTry = false

func tryWritev(syscall.RawConn, [][]byte) (int, error) { return 0, errors.ErrUnsupported }
