package store

import (
	"fmt"
	"strconv"
	"strings"
)

const maxKeyLength = 256 // bytes

// escape turns a key such as rooms/r42 into the tokens that NATS knows,
// rooms.r42. Bytes other than letters, digits, _ and - become =XX.
func escape(key string) (string, error) {
	if key == "" || len(key) > maxKeyLength {
		return "", fmt.Errorf("%w %.40q: %d bytes long; use 1 to %d", ErrBadKey, key, len(key), maxKeyLength)
	}
	if key[0] == '/' || key[len(key)-1] == '/' || strings.Contains(key, "//") {
		return "", fmt.Errorf("%w %q: it has an empty segment; use the form rooms/r42", ErrBadKey, key)
	}
	return tokens(key), nil
}

func tokens(path string) string {
	var b strings.Builder
	b.Grow(len(path))
	for i := range len(path) {
		switch c := path[i]; {
		case c == '/':
			b.WriteByte('.')
		case plain(c):
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "=%02X", c)
		}
	}
	return b.String()
}

func plain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}

// unescape is the inverse of escape. What others wrote comes out as it is.
func unescape(tokens string) string {
	var b strings.Builder
	b.Grow(len(tokens))
	for i := 0; i < len(tokens); i++ {
		switch c := tokens[i]; {
		case c == '.':
			b.WriteByte('/')
		case c == '=' && i+2 < len(tokens):
			if n, err := strconv.ParseUint(tokens[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(n))
				i += 2
				continue
			}
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// filter is the NATS filter for the whole segments of a prefix: all keys that
// have the prefix match it, and some that have not may.
func filter(prefix string) (string, error) {
	if len(prefix) > maxKeyLength {
		return "", fmt.Errorf("%w prefix %.40q: %d bytes long; use at most %d", ErrBadKey, prefix, len(prefix), maxKeyLength)
	}
	whole := prefix[:strings.LastIndexByte(prefix, '/')+1]
	if whole == "" {
		return ">", nil
	}
	token, err := escape(strings.TrimSuffix(whole, "/"))
	if err != nil {
		return "", err
	}
	return token + ".>", nil
}
