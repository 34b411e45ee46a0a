package stream

import (
	"errors"
	"strings"
	"testing"
)

func TestParseName(t *testing.T) {
	for in, want := range map[string]string{
		"live/alice":         "live/alice",
		"/live//alice/":      "live/alice",
		"a/b/c/d":            "a/b/c/d",
		"live/r42_al-ice":    "live/r42_al-ice",
		"alice":              "",
		"":                   "",
		"live/../etc":        "",
		"live/a.flv":         "",
		"live/a b":           "",
		"live/é":             "",
		"live/a%2fb":         "",
		"a/b/c/d/e/f/g":      "",
		"live/" + longName(): "",
	} {
		got, err := ParseName(in)
		if got != want || (err == nil) != (want != "") || err != nil && !errors.Is(err, ErrBadName) {
			t.Errorf("ParseName(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
}

func longName() string { return strings.Repeat("x", 300) }

func FuzzParseName(f *testing.F) {
	f.Add("live/alice")
	f.Add("//a/b?c=d")
	f.Fuzz(func(t *testing.T, in string) {
		name, err := ParseName(in)
		if err != nil {
			return
		}
		if again, err := ParseName(name); err != nil || again != name {
			t.Errorf("ParseName(%q) = %q, which parses to %q, %v", in, name, again, err)
		}
	})
}
