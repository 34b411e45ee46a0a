package main

import (
	"errors"
	"fmt"
	"slices"
)

var errGrew = errors.New("it grows")

// flat judges evenly spaced samples of something that should not grow. The first quarter is warm-up; the median of the
// last quarter may exceed that of the second by a tenth, or by slack where that is more. Medians forgive the saw-tooth
// of a garbage collector.
func flat(what string, samples []float64, slack float64) error {
	if len(samples) < 8 {
		return fmt.Errorf("%s: %d samples are too few to judge, want 8", what, len(samples))
	}
	q := len(samples) / 4
	early, late := median(samples[q:2*q]), median(samples[len(samples)-q:])
	if allowed := max(early/10, slack); late > early+allowed {
		return fmt.Errorf("%w: %s went from %.1f to %.1f, at most %.1f more is flat", errGrew, what, early, late, allowed)
	}
	return nil
}

// thin keeps about n of the samples, for a line that can still be read.
func thin(samples []float64, n int) []float64 {
	if len(samples) <= n {
		return slices.Clone(samples)
	}
	out := make([]float64, 0, n)
	for i := range n {
		out = append(out, round(samples[i*(len(samples)-1)/(n-1)], 1))
	}
	return out
}
