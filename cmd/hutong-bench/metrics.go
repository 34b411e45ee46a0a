package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

var errNoMetric = errors.New("the gateway has no such metric")

// sumMetric adds the samples of one metric in the Prometheus text format, whatever their labels.
func sumMetric(text, name string) (sum float64, err error) {
	found := false
	for l := range strings.Lines(text) {
		l = strings.TrimSpace(l)
		rest, ok := strings.CutPrefix(l, name)
		if !ok || rest == "" || (rest[0] != '{' && rest[0] != ' ') {
			continue
		}
		if rest[0] == '{' {
			end := strings.LastIndexByte(rest, '}')
			if end < 0 {
				continue
			}
			rest = rest[end+1:]
		}
		f := strings.Fields(rest)
		if len(f) == 0 {
			continue
		}
		v, err := strconv.ParseFloat(f[0], 64)
		if err != nil {
			return 0, fmt.Errorf("metric %s: %w", name, err)
		}
		sum, found = sum+v, true
	}
	if !found {
		return 0, fmt.Errorf("%w: %s", errNoMetric, name)
	}
	return sum, nil
}
