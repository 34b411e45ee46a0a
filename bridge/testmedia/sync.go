package testmedia

import (
	"slices"
	"time"
)

// Offsets pairs each flash with the nearest beep and gives how much later the
// beep is, for flashes that have a beep within 400 ms.
func Offsets(flashes, beeps []time.Duration) (offsets []time.Duration) {
	for _, flash := range flashes {
		best, found := time.Duration(0), false
		for _, beep := range beeps {
			if d := beep - flash; d.Abs() < 400*time.Millisecond && (!found || d.Abs() < best.Abs()) {
				best, found = d, true
			}
		}
		if found {
			offsets = append(offsets, best)
		}
	}
	return offsets
}

// Median of a set of durations, 0 for an empty one.
func Median(d []time.Duration) time.Duration {
	if len(d) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(d))
	return sorted[len(sorted)/2]
}

// Flashes lists when the flash lights up.
func (m *Media) Flashes() (at []time.Duration) {
	for i := 1; i < len(m.Pictures); i++ {
		if m.Pictures[i].Flash && !m.Pictures[i-1].Flash && m.Pictures[i-1].OK {
			at = append(at, m.Pictures[i].PTS)
		}
	}
	return at
}

// Beeps lists when beeps begin in the first channel.
func (m *Media) Beeps() (at []time.Duration) {
	if m.Sound.Len() == 0 {
		return nil
	}
	for _, n := range Onsets(m.Sound.Channels[0], m.Sound.Rate) {
		at = append(at, m.Sound.Time(n))
	}
	return at
}

// LipSync is how much later than the flashes the beeps are, one for each flash.
func (m *Media) LipSync() []time.Duration { return Offsets(m.Flashes(), m.Beeps()) }
