package stream

import (
	"errors"
	"fmt"
	"strings"
)

// ErrBadName is wrapped by the errors of [ParseName].
var ErrBadName = errors.New("bad stream name")

const (
	maxNameLength = 255
	maxSegments   = 6
)

// ParseName checks and normalises a stream's address: at least two segments of
// [A-Za-z0-9_-] joined by slashes, 255 bytes at most. Leading, trailing and
// doubled slashes, which RTMP clients add when they split a URL, are dropped.
func ParseName(path string) (string, error) {
	if len(path) > 2*maxNameLength {
		return "", fmt.Errorf("%w: %d bytes long; use at most %d", ErrBadName, len(path), maxNameLength)
	}
	segments := strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
	if len(segments) < 2 {
		return "", fmt.Errorf("%w %q: use the form app/name, for example live/alice", ErrBadName, path)
	}
	if len(segments) > maxSegments {
		return "", fmt.Errorf("%w %q: %d segments; use at most %d", ErrBadName, path, len(segments), maxSegments)
	}
	for _, s := range segments {
		for _, c := range s {
			if !nameRune(c) {
				return "", fmt.Errorf("%w %q: character %q in %q; use letters, digits, _ and - only", ErrBadName, path, c, s)
			}
		}
	}
	name := strings.Join(segments, "/")
	if len(name) > maxNameLength {
		return "", fmt.Errorf("%w: %d bytes long; use at most %d", ErrBadName, len(name), maxNameLength)
	}
	return name, nil
}

func nameRune(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}
