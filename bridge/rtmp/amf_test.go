package rtmp

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestDecodeAMF(t *testing.T) {
	for name, tc := range map[string]struct {
		in   []byte
		want []any
	}{
		"number":                {[]byte{0, 0x40, 0x24, 0, 0, 0, 0, 0, 0}, []any{10.0}},
		"booleans":              {[]byte{1, 1, 1, 0}, []any{true, false}},
		"string":                {[]byte{2, 0, 2, 'h', 'i'}, []any{"hi"}},
		"long string":           {[]byte{0xc, 0, 0, 0, 2, 'h', 'i'}, []any{"hi"}},
		"null and undefined":    {[]byte{5, 6, 0xd}, []any{nil, nil, nil}},
		"reference":             {[]byte{7, 0, 1, 1, 1}, []any{nil, true}},
		"date":                  {[]byte{0xb, 0x40, 0x24, 0, 0, 0, 0, 0, 0, 0, 0}, []any{10.0}},
		"object":                {[]byte{3, 0, 1, 'a', 1, 1, 0, 0, 9}, []any{map[string]any{"a": true}}},
		"object without an end": {[]byte{3, 0, 1, 'a', 1, 1}, []any{map[string]any{"a": true}}},
		"ECMA array":            {[]byte{8, 0, 0, 0, 1, 0, 1, 'a', 1, 1, 0, 0, 9}, []any{map[string]any{"a": true}}},
		"typed object":          {[]byte{0x10, 0, 1, 'T', 0, 1, 'a', 5, 0, 0, 9}, []any{map[string]any{"a": nil}}},
		"empty key":             {[]byte{3, 0, 0, 1, 1, 0, 1, 'a', 5, 0, 0, 9}, []any{map[string]any{"a": nil}}},
		"objects in an ECMA array": {[]byte{8, 0, 0, 0, 2, 0, 1, 'a', 3, 0, 1, 'x', 1, 1, 0, 0, 9, 0, 1, 'b', 3, 0, 1, 'y', 1, 0, 0, 0, 9, 0, 0, 9},
			[]any{map[string]any{"a": map[string]any{"x": true}, "b": map[string]any{"y": false}}}},
		"array":     {[]byte{0xa, 0, 0, 0, 2, 5, 1, 1}, []any{[]any{nil, true}}},
		"not UTF-8": {[]byte{2, 0, 2, 'a', 0xff}, []any{"a?"}},
	} {
		if got, err := decodeAMF(tc.in); err != nil || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: %v, %v; want %v", name, got, err, tc.want)
		}
	}
}

func TestDecodeAMFRefuses(t *testing.T) {
	for name, in := range map[string][]byte{
		"array that is longer than its bytes": {0xa, 0x7f, 0xff, 0xff, 0xff, 5},
		"string that is longer":               {2, 0, 9, 'a'},
		"long string that is longer":          {0xc, 0xff, 0xff, 0xff, 0xff},
		"half a number":                       {0, 1, 2},
		"half a property":                     {3, 0, 4, 'a'},
		"deep nesting":                        bytes.Repeat([]byte{3, 0, 1, 'a'}, 100),
		"deep arrays":                         bytes.Repeat([]byte{0xa, 0, 0, 0, 1}, 100),
		"many values":                         bytes.Repeat([]byte{5}, maxAMFValues+1),
		"many bytes":                          append([]byte{0xc, 0, 2, 0, 0}, make([]byte, 0x20000)...),
		"movie clip":                          {4},
		"record set":                          {0xe},
		"no marker":                           {0x99},
	} {
		if v, err := decodeAMF(in); !errors.Is(err, ErrBadInput) {
			t.Errorf("%s: %v, %v", name, v, err)
		}
	}
	if _, err := decodeAMF([]byte{0x11, 1}); !errors.Is(err, errAMF3) {
		t.Errorf("AMF3: %v", err)
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"Lavf58": "Lavf58", "a\nb\x00c": "abc", strings.Repeat("互", 50): strings.Repeat("互", 42),
	} {
		if got := printable(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}
