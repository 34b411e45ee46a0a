package config

import (
	"errors"
	"testing"
	"time"
)

func TestDuration(t *testing.T) {
	tests := []struct {
		text string
		want time.Duration
		err  error
		back string
	}{
		{"10s", 10 * time.Second, nil, "10s"}, {"350ms", 350 * time.Millisecond, nil, "350ms"}, {"90s", 90 * time.Second, nil, "1m30s"},
		{"10m", 10 * time.Minute, nil, "10m"}, {"24h", 24 * time.Hour, nil, "24h"}, {"1h30m", 90 * time.Minute, nil, "1h30m"},
		{"0", 0, nil, "0s"}, {"0s", 0, nil, "0s"},
		{"10", 0, ErrNoUnit, ""}, {"1.5", 0, ErrNoUnit, ""}, {"-1s", 0, ErrNegative, ""}, {"", 0, ErrDuration, ""},
		{"1d", 0, ErrDuration, ""}, {"ten", 0, ErrDuration, ""}, {"10 s", 0, ErrDuration, ""}, {"99999999999h", 0, ErrDuration, ""},
	}
	for _, test := range tests {
		d, err := ParseDuration(test.text)
		if d.Std() != test.want || !errors.Is(err, test.err) {
			t.Errorf("%q gives %v, %v, want %v, %v", test.text, d, err, test.want, test.err)
		}
		if err == nil && d.String() != test.back {
			t.Errorf("%q is written back as %q, want %q", test.text, d.String(), test.back)
		}
	}
}

func TestSize(t *testing.T) {
	tests := []struct {
		text string
		want int64
		err  error
		back string
	}{
		{"0", 0, nil, "0"}, {"1500B", 1500, nil, "1500B"}, {"64KiB", 65536, nil, "64KiB"}, {"16MiB", 16 << 20, nil, "16MiB"},
		{"16 MiB", 16 << 20, nil, "16MiB"}, {"1024MiB", 1 << 30, nil, "1GiB"}, {"1kB", 1000, nil, "1000B"}, {"2MB", 2e6, nil, "2000000B"},
		{"65536", 0, ErrNoUnit, ""}, {"-1B", 0, ErrNegative, ""}, {"", 0, ErrSize, ""}, {"KiB", 0, ErrSize, ""}, {"64k", 0, ErrSize, ""},
		{"1.5MiB", 0, ErrSize, ""}, {"99999999999GiB", 0, ErrTooLarge, ""}, {"99999999999999999999B", 0, ErrTooLarge, ""},
	}
	for _, test := range tests {
		s, err := ParseSize(test.text)
		if s.Bytes() != test.want || !errors.Is(err, test.err) {
			t.Errorf("%q gives %d, %v, want %d, %v", test.text, s, err, test.want, test.err)
		}
		if err == nil && s.String() != test.back {
			t.Errorf("%q is written back as %q, want %q", test.text, s.String(), test.back)
		}
	}
}
