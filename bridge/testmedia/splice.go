package testmedia

import (
	"os"
	"path/filepath"
	"testing"
)

// Splice joins FLV clips one after another into one file whose codec headers
// change on the way, as a phone's do when it changes the size of its picture.
func Splice(tb testing.TB, paths ...string) string {
	tb.Helper()
	var out []byte
	offset := 0
	for i, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			tb.Fatalf("testmedia: splicing: %v", err)
		}
		if i == 0 {
			out = append(out, raw[:13]...)
		}
		last := 0
		for at := 13; at+15 <= len(raw); {
			size := int(raw[at+1])<<16 | int(raw[at+2])<<8 | int(raw[at+3])
			if at+15+size > len(raw) {
				break
			}
			tag := append([]byte(nil), raw[at:at+15+size]...)
			at += len(tag)
			ms := int(tag[4])<<16 | int(tag[5])<<8 | int(tag[6]) | int(tag[7])<<24
			if tag[0] == 18 && i > 0 {
				continue // one onMetaData is enough
			}
			last = max(last, ms)
			ms += offset
			tag[4], tag[5], tag[6], tag[7] = byte(ms>>16), byte(ms>>8), byte(ms), byte(ms>>24)
			out = append(out, tag...)
		}
		offset += last + 33
	}
	path := filepath.Join(tb.TempDir(), "spliced.flv")
	if err := os.WriteFile(path, out, 0o600); err != nil {
		tb.Fatalf("testmedia: splicing: %v", err)
	}
	return path
}
