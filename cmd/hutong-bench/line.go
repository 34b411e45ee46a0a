package main

import (
	"encoding/json"
	"io"
	"math"
	"os"
	"slices"
	"time"
)

// line is one result: what was run, what came out. Keys carry their unit (_ms, _us, _kb, _pct).
type line map[string]any

// write puts the line on w as one line of JSON, keys sorted.
func (l line) write(w io.Writer) error {
	b, err := json.Marshal(l)
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

func (l line) print() error { return l.write(os.Stdout) }

// spread adds the 50th, 95th and 100th percentile of samples as name_p50, name_p95 and name_max; nothing if there are none.
func (l line) spread(name string, samples []float64) {
	if len(samples) == 0 {
		return
	}
	l[name+"_p50"] = round(percentile(samples, 50), 3)
	l[name+"_p95"] = round(percentile(samples, 95), 3)
	l[name+"_max"] = round(percentile(samples, 100), 3)
}

// number returns a numeric value of the line; ok is false when it is missing or something else.
func (l line) number(key string) (v float64, ok bool) {
	switch n := l[key].(type) {
	case float64:
		return n, true
	case int:
		return float64(n), true
	case int64:
		return float64(n), true
	}
	return 0, false
}

// percentile returns the p-th percentile of samples by nearest rank, NaN for none. It leaves samples as they are.
func percentile(samples []float64, p float64) float64 {
	if len(samples) == 0 {
		return math.NaN()
	}
	s := slices.Clone(samples)
	slices.Sort(s)
	rank := int(math.Ceil(p/100*float64(len(s)))) - 1
	return s[min(max(rank, 0), len(s)-1)]
}

func median(samples []float64) float64 { return percentile(samples, 50) }

// round keeps the given number of decimals; what JSON cannot say (NaN, infinities) becomes 0.
func round(v float64, decimals int) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	k := math.Pow(10, float64(decimals))
	return math.Round(v*k) / k
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
