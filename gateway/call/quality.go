package call

import (
	"fmt"
	"math"
	"time"
)

// Light is how good a leg is, at a glance.
type Light string

const (
	Grey   Light = "grey" // nothing is known
	Green  Light = "green"
	Yellow Light = "yellow"
	Red    Light = "red"
)

// worse orders lights.
var worse = map[Light]int{Grey: 0, Green: 1, Yellow: 2, Red: 3}

// Worst is the worst of some lights.
func Worst(lights ...Light) Light {
	w := Grey
	for _, l := range lights {
		if worse[l] > worse[w] {
			w = l
		}
	}
	return w
}

// Cause is why a light is not green: a code for programs, the figure, and words.
type Cause struct {
	Code  string  `json:"code"`
	Value float64 `json:"value"`
	Text  string  `json:"text"`
}

// Sample is one measurement of one leg. What is nil is not known. Losses are
// shares from 0 to 1; bitrates are bits per second; levels are dBov. Up is from
// the participant to the gateway.
type Sample struct {
	At           time.Time `json:"at"`
	Light        Light     `json:"light"`
	Cause        *Cause    `json:"cause,omitempty"`
	LossUp       *float64  `json:"lossUp,omitempty"`
	LossDown     *float64  `json:"lossDown,omitempty"`
	Jitter       *float64  `json:"jitterMs,omitempty"`
	RTT          *float64  `json:"rttMs,omitempty"`
	FPS          *float64  `json:"fps,omitempty"`
	Freezes      int       `json:"freezes,omitempty"`
	Frozen       float64   `json:"freezeMs,omitempty"`
	BitrateUp    *float64  `json:"bitrateUp,omitempty"`
	BitrateDown  *float64  `json:"bitrateDown,omitempty"`
	AudioLevel   *float64  `json:"audioLevel,omitempty"`
	MouthToEar   *float64  `json:"mouthToEarMs,omitempty"`
	GlassToGlass *float64  `json:"glassToGlassMs,omitempty"`
}

// Leg is what a light is judged by, beside the sample.
type Leg struct {
	Name string
	// Sends says that the participant is to send, and Video that there is to be a
	// picture; Muted that nothing is to be heard.
	Sends, Video, Muted bool
}

// limits of one figure: what is beyond them is yellow, and red. code and text are
// of the cause; text gets the name and the figure.
type limits struct {
	code        string
	value       func(Sample) *float64
	scale       float64
	yellow, red float64
	below       bool // what is under the limits is bad
	video       bool // only where there is to be a picture
	text        string
}

var judgements = []limits{
	{"uplink_loss", func(s Sample) *float64 { return s.LossUp }, 1, 0.03, 0.08, false, false, "the uplink of %s loses %.0f %%"},
	{"downlink_loss", func(s Sample) *float64 { return s.LossDown }, 1, 0.03, 0.08, false, false, "the downlink of %s loses %.0f %%"},
	{"freezes", func(s Sample) *float64 { return &s.Frozen }, 1, 400, 1500, false, true, "the picture of %s stood still for %.0f ms"},
	{"low_fps", func(s Sample) *float64 { return s.FPS }, 1, 10, 5, true, true, "%s sends %.0f pictures a second"},
	{"round_trip", func(s Sample) *float64 { return s.RTT }, 1, 250, 500, false, false, "%s is %.0f ms away"},
	{"uplink_jitter", func(s Sample) *float64 { return s.Jitter }, 1, 60, 150, false, false, "the uplink of %s is uneven by %.0f ms"},
	{"delay", func(s Sample) *float64 { return s.MouthToEar }, 1, 600, 1200, false, false, "%s is heard %.0f ms late"},
	{"low_bitrate", func(s Sample) *float64 { return s.BitrateUp }, 1, 120_000, 60_000, true, true, "%s sends only %.0f bit/s"},
}

// Judge gives a sample its light, and the worst cause in words.
func Judge(s Sample, l Leg) Sample {
	s.Light, s.Cause = Green, nil
	known := s.BitrateUp != nil || s.LossUp != nil || s.LossDown != nil || s.RTT != nil || s.FPS != nil
	if !known {
		s.Light = Grey
		return s
	}
	if l.Sends && s.BitrateUp != nil && *s.BitrateUp < 1000 {
		s.Light, s.Cause = Red, &Cause{Code: "no_media", Value: *s.BitrateUp, Text: "nothing comes from " + l.Name}
		return s
	}
	badness := 0.0
	for _, j := range judgements {
		v := j.value(s)
		if v == nil || j.video && !l.Video || j.below && !l.Sends {
			continue
		}
		light, share := j.light(*v)
		// Of causes equally bad, the first: losses explain freezes.
		if worse[light] > worse[s.Light] || light == s.Light && light != Green && share > 2*badness {
			shown := *v
			if j.code == "uplink_loss" || j.code == "downlink_loss" {
				shown *= 100
			}
			s.Light, badness = light, share
			s.Cause = &Cause{Code: j.code, Value: math.Round(*v*1000) / 1000, Text: fmt.Sprintf(j.text, l.Name, shown)}
		}
	}
	return s
}

// light is how bad a figure is, and by how many times its limit.
func (j limits) light(v float64) (Light, float64) {
	share := v / j.red
	over := func(limit float64) bool { return v >= limit }
	if j.below {
		share = j.red / max(v, 0.001)
		over = func(limit float64) bool { return v <= limit }
	}
	switch {
	case over(j.red):
		return Red, share
	case over(j.yellow):
		return Yellow, share
	}
	return Green, 0
}

// MaxSamples bounds a leg's timeline.
const MaxSamples = 240

// Thin keeps a timeline short: when it is full, of each two neighbours the worse
// one stays.
func Thin(all []Sample) []Sample {
	if len(all) < MaxSamples {
		return all
	}
	out := make([]Sample, 0, MaxSamples)
	for i := 0; i < len(all); i += 2 {
		s := all[i]
		if i+1 < len(all) && worse[all[i+1].Light] > worse[s.Light] {
			s = all[i+1]
		}
		out = append(out, s)
	}
	return out
}
