package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// parseScalar stores the value that s stands for, or says what is wrong with it and stores nothing. It reads the same
// text from a file and from the environment.
func parseScalar(s string, into reflect.Value, tag reflect.StructTag) (wrong string) {
	switch into.Interface().(type) {
	case string:
		if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' }) {
			return "has a line break or control character in it"
		}
		if choices := choicesOf(tag); choices != nil && !slices.Contains(choices, s) {
			return "is not one of the possible values"
		}
		into.SetString(s)
	case bool:
		if s != "true" && s != "false" {
			return "is not true or false"
		}
		into.SetBool(s == "true")
	case int:
		n, err := strconv.Atoi(s)
		if err != nil {
			return "is not a whole number"
		}
		return bounded(int64(n), into, tag, func(bound string) (int64, error) { return strconv.ParseInt(bound, 10, 64) })
	case Duration:
		d, err := ParseDuration(s)
		if err != nil {
			return err.Error()
		}
		return bounded(int64(d), into, tag, func(bound string) (int64, error) {
			d, err := ParseDuration(bound)
			return int64(d), err
		})
	case Size:
		n, err := ParseSize(s)
		if err != nil {
			return err.Error()
		}
		return bounded(int64(n), into, tag, func(bound string) (int64, error) {
			n, err := ParseSize(bound)
			return int64(n), err
		})
	}
	return ""
}

func bounded(n int64, into reflect.Value, tag reflect.StructTag, parse func(string) (int64, error)) (wrong string) {
	if low, err := parse(tag.Get("min")); err == nil && n < low {
		return "is too small"
	}
	if high, err := parse(tag.Get("max")); err == nil && n > high {
		return ErrTooLarge.Error()
	}
	into.SetInt(n)
	return ""
}

func choicesOf(tag reflect.StructTag) []string {
	if c := tag.Get("choice"); c != "" {
		return strings.Split(c, ",")
	}
	return nil
}

// want describes a value that would be right, to end the sentence "write ...".
func want(into reflect.Value, tag reflect.StructTag) string {
	low, high := tag.Get("min"), tag.Get("max")
	within := ""
	switch {
	case low != "" && high != "":
		within = fmt.Sprintf(" from %s to %s", low, high)
	case high != "":
		within = fmt.Sprintf(" from 0 to %s", high)
	}
	switch into.Interface().(type) {
	case bool:
		return "true or false"
	case int:
		return "a whole number" + within
	case Duration:
		return "a number and a unit (ms, s, m, h), such as 10s" + comma(within)
	case Size:
		return "a number and a unit (B, KiB, MiB, GiB), such as 4MiB" + comma(within)
	}
	if choices := choicesOf(tag); choices != nil {
		return strings.Join(choices[:len(choices)-1], ", ") + " or " + choices[len(choices)-1]
	}
	return "text"
}

func comma(within string) string {
	if within == "" {
		return ""
	}
	return "," + within
}
