package sfu

import (
	"sync"
	"time"
)

// keyframeInterval is the least time between two requests to a publisher: every
// keyframe costs all players bandwidth.
const keyframeInterval = 500 * time.Millisecond

// keyframeGate rations keyframe requests for one track.
type keyframeGate struct {
	ask func() // sends one

	mu      sync.Mutex
	last    int64 // last request passed on; 0 for none
	pending bool  // a request waits for its time
	asked   int64 // when the waiting request was made
	timer   *time.Timer
	stopped bool
}

func (g *keyframeGate) request() {
	now := mono()
	g.mu.Lock()
	if g.stopped || g.pending {
		g.mu.Unlock()

		return
	}
	if wait := int64(keyframeInterval) - (now - g.last); g.last != 0 && wait > 0 {
		g.pending, g.asked = true, now
		g.timer = time.AfterFunc(time.Duration(wait), g.due)
		g.mu.Unlock()

		return
	}
	g.last = now
	g.mu.Unlock()
	g.ask()
}

// due sends the request that had to wait.
func (g *keyframeGate) due() {
	g.mu.Lock()
	if g.stopped || !g.pending {
		g.mu.Unlock()

		return
	}
	g.pending = false
	g.last = mono()
	g.mu.Unlock()
	g.ask()
}

// seen says that a keyframe has begun to arrive, which answers a waiting request.
func (g *keyframeGate) seen(int64) {
	g.mu.Lock()
	g.cancel()
	g.mu.Unlock()
}

// reset forgets the last request: a new publisher may be asked at once.
func (g *keyframeGate) reset() {
	g.mu.Lock()
	g.cancel()
	g.last = 0
	g.mu.Unlock()
}

func (g *keyframeGate) stop() {
	g.mu.Lock()
	g.cancel()
	g.stopped = true
	g.mu.Unlock()
}

func (g *keyframeGate) cancel() {
	if g.timer != nil {
		g.timer.Stop()
		g.timer = nil
	}
	g.pending = false
}
