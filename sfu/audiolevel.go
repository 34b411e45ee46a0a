package sfu

import (
	"math"
	"sync"
	"time"
)

// audioLevelURI is the header extension with which a publisher states the level
// of each audio packet (RFC 6464).
const audioLevelURI = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"

const (
	silence = -127 // dBov, the least RFC 6464 can say

	// levelAttack and levelRelease are how fast the level follows a rise and a
	// fall: quick enough for the first word, slow enough for pauses in speech.
	levelAttack  = 40 * time.Millisecond
	levelRelease = 250 * time.Millisecond

	// levelFresh is how long a level stands without another. Opus with DTX
	// sends a packet every 400 ms.
	levelFresh = time.Second
)

// levelMeter smooths the levels of a Source's audio.
type levelMeter struct {
	mu    sync.Mutex
	known bool
	at    int64
	level float64 // dBov
}

func (m *levelMeter) set(dBov float64, now int64) {
	if math.IsNaN(dBov) {
		return
	}
	dBov = min(max(dBov, silence), 0)
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.known || now-m.at > int64(levelFresh) {
		m.known, m.at, m.level = true, now, dBov

		return
	}
	follow := levelAttack
	if dBov < m.level {
		follow = levelRelease
	}
	m.level += (dBov - m.level) * (1 - math.Exp(-float64(now-m.at)/float64(follow)))
	m.at = now
}

func (m *levelMeter) get(now int64) (dBov float64, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.known || now-m.at > int64(levelFresh) {
		return silence, false
	}

	return m.level, true
}

func (m *levelMeter) reset() {
	m.mu.Lock()
	m.known = false
	m.mu.Unlock()
}

// AudioLevel gives the level of the Source's audio over about the last quarter
// of a second, in dBov: 0 is the loudest, -127 is silence. It is not ok if no
// level is known, as when no audio has come for a second or the publisher
// states none.
func (src *Source) AudioLevel() (dBov float64, ok bool) { return src.level.get(mono()) }

// SetAudioLevel states the level of a stretch of audio just written, in dBov.
// Callers do so every 10 to 100 ms.
func (f *Feed) SetAudioLevel(dBov float64) {
	if f.Current() {
		f.src.level.set(dBov, mono())
	}
}
