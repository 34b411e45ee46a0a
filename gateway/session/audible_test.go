package session

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

func users(heard map[string]bool) string {
	return strings.Join(slices.Sorted(maps.Keys(heard)), " ")
}

// crowd is n silent members u00, u01 and so on.
func crowd(n int) []voice {
	voices := make([]voice, n)
	for i := range voices {
		voices[i] = voice{userID: fmt.Sprintf("u%02d", i), level: -127}
	}
	return voices
}

func TestAudible(t *testing.T) {
	now := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
	if got := audible(crowd(maxHeard), nil, now); got != nil {
		t.Errorf("of twelve only %s are heard", users(got))
	}
	voices := crowd(16)
	heard := audible(voices, nil, now)
	if got := users(heard); got != "u00 u01 u02 u03 u04 u05 u06 u07 u08 u09 u10 u11" {
		t.Errorf("in silence %s are heard", got)
	}
	// Who speaks is let in; one who never spoke goes.
	voices[15].loud = now
	heard = audible(voices, heard, now)
	if len(heard) != maxHeard || !heard["u15"] {
		t.Errorf("of %s u15 speaks", users(heard))
	}
	// The one who spoke stays when silent.
	now = now.Add(time.Minute)
	if got := audible(voices, heard, now); !maps.Equal(got, heard) {
		t.Errorf("silence changes %s to %s", users(heard), users(got))
	}
	// All who are heard speak: nobody has to go.
	for i := range voices {
		if heard[voices[i].userID] {
			voices[i].loud = now.Add(-time.Duration(i) * 100 * time.Millisecond)
		}
	}
	voices[13].loud = now
	if heard["u13"] {
		t.Fatal("u13 is heard")
	}
	if got := audible(voices, heard, now); !maps.Equal(got, heard) {
		t.Errorf("%s gave way to %s amid their words", users(heard), users(got))
	}
	// One of them goes: the place is taken at once.
	gone := slices.Sorted(maps.Keys(heard))[3]
	voices = slices.DeleteFunc(voices, func(v voice) bool { return v.userID == gone })
	if got := audible(voices, heard, now); len(got) != maxHeard || !got["u13"] || got[gone] {
		t.Errorf("after the leaving of %s %s are heard", gone, users(got))
	}
}

// TestAudibleIsSteady has members speak in turns: who speaks is heard, always
// twelve are, and nobody comes or goes but for a speaker.
func TestAudibleIsSteady(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	now := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
	voices := crowd(30)
	heard := audible(voices, nil, now)
	speaker := 0
	for step := range 4000 {
		now = now.Add(speakEvery)
		if step%20 == 0 {
			speaker = random.IntN(len(voices))
		}
		voices[speaker].loud = now
		next := audible(voices, heard, now)
		changes := 0
		for user := range next {
			if !heard[user] {
				changes++
			}
		}
		if len(next) != maxHeard || !next[voices[speaker].userID] || changes > 1 || changes == 1 && heard[voices[speaker].userID] {
			t.Fatalf("step %d: %s speaks, %s are heard after %s", step, voices[speaker].userID, users(next), users(heard))
		}
		heard = next
	}
}
