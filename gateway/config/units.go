package config

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// Duration is a span of time, written in YAML as a number with a unit: 10s, 350ms, 1m30s. A bare number is refused,
// because nobody remembers whether it means seconds; only 0 needs no unit.
type Duration time.Duration

// Std is the duration as the standard library knows it.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String writes d the way it is read, without the zero parts of time.Duration's form: 10m, not 10m0s.
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// Size is a number of bytes, written in YAML as a whole number with a unit: 512B, 64KiB, 16MiB, 1GiB, or the decimal
// kB, MB and GB. Only 0 needs no unit.
type Size int64

// The binary units of a Size.
const (
	KiB Size = 1 << 10
	MiB Size = 1 << 20
	GiB Size = 1 << 30
)

// Bytes is the size as a plain number.
func (s Size) Bytes() int64 { return int64(s) }

// String writes s in the largest binary unit that divides it: 16MiB, 1500B.
func (s Size) String() string {
	switch {
	case s == 0:
		return "0"
	case s%GiB == 0:
		return strconv.FormatInt(int64(s/GiB), 10) + "GiB"
	case s%MiB == 0:
		return strconv.FormatInt(int64(s/MiB), 10) + "MiB"
	case s%KiB == 0:
		return strconv.FormatInt(int64(s/KiB), 10) + "KiB"
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}

// What can be wrong with a duration or a size.
var (
	ErrNoUnit   = errors.New("has no unit")
	ErrDuration = errors.New("is not a duration")
	ErrSize     = errors.New("is not a size")
	ErrTooLarge = errors.New("is too large")
	ErrNegative = errors.New("is negative")
)

// ParseDuration reads a Duration.
func ParseDuration(text string) (Duration, error) {
	if _, err := strconv.ParseFloat(text, 64); err == nil && strings.Trim(text, "+-0.") != "" {
		return 0, ErrNoUnit
	}
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return 0, ErrDuration
	case d < 0:
		return 0, ErrNegative
	}
	return Duration(d), nil
}

var sizeUnits = map[string]Size{
	"B": 1, "KiB": KiB, "MiB": MiB, "GiB": GiB, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9,
}

// ParseSize reads a Size.
func ParseSize(text string) (Size, error) {
	if strings.HasPrefix(text, "-") {
		return 0, ErrNegative
	}
	digits := strings.TrimLeft(text, "0123456789")
	number, unit := text[:len(text)-len(digits)], strings.TrimSpace(digits)
	if number == "" {
		return 0, ErrSize
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return 0, ErrTooLarge
	}
	if unit == "" {
		if n == 0 {
			return 0, nil
		}
		return 0, ErrNoUnit
	}
	factor, ok := sizeUnits[unit]
	if !ok {
		return 0, ErrSize
	}
	if n > math.MaxInt64/int64(factor) {
		return 0, ErrTooLarge
	}
	return Size(n) * factor, nil
}
