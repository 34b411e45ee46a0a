package e2e

import (
	"sync"
	"testing"
	"time"

	"github.com/fasthttp/websocket"

	"hutong/bridge/testmedia"
)

// ear is a member that listens to who speaks, and to nothing else.
type ear struct {
	mu   sync.Mutex
	last map[string]float64 // by userID: the newest level
}

func (gw *gateway) listens(t *testing.T, roomID string) *ear {
	t.Helper()
	var joined struct{ WS string }
	gw.post(t, "/api/v1/rooms/"+roomID+"/members", `{"userID":"ear","client":"webrtc","role":"audience"}`, &joined)
	c, _, err := websocket.DefaultDialer.Dial(joined.WS, nil)
	if err != nil {
		t.Fatal(err)
	}
	e, done := &ear{last: map[string]float64{}}, make(chan struct{})
	t.Cleanup(func() { c.Close(); <-done })
	go func() {
		defer close(done)
		for {
			var m struct {
				Type  string
				Users []struct {
					UserID   string
					Level    float64
					Speaking bool
				}
			}
			if c.ReadJSON(&m) != nil {
				return
			}
			if m.Type != "speaking" {
				continue
			}
			e.mu.Lock()
			clear(e.last)
			for _, u := range m.Users {
				if u.Speaking {
					e.last[u.UserID] = u.Level
				}
			}
			e.mu.Unlock()
		}
	}()
	return e
}

// hears waits until somebody is heard, and has been for a while.
func (e *ear) hears(t *testing.T, userID string, while time.Duration) (level float64) {
	t.Helper()
	e.waits(t, userID+" to be heard", while, func() (is bool) { level, is = e.last[userID]; return is })
	return level
}

// misses waits until somebody has not been heard for longer than a pause is.
func (e *ear) misses(t *testing.T, userID string) {
	t.Helper()
	e.waits(t, userID+" not to be heard", 3*time.Second, func() bool { _, is := e.last[userID]; return !is })
}

func (e *ear) waits(t *testing.T, what string, while time.Duration, holds func() bool) {
	t.Helper()
	since := time.Now()
	testmedia.Eventually(t, waitLong, what, func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		if !holds() {
			since = time.Now()
			return false
		}
		return time.Since(since) >= while
	})
}

// rawMicrophone keeps Chromium from taking a lasting tone for noise.
const rawMicrophone = `if (navigator.mediaDevices) {
	const get = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
	navigator.mediaDevices.getUserMedia = want => get(want?.audio ? { ...want,
		audio: { ...(want.audio === true ? {} : want.audio), echoCancellation: false, noiseSuppression: false, autoGainControl: false } } : want);
}
`

// Who speaks is told of phones by what they sound like, and of browsers by what
// they say themselves.
func TestRoomSpeaking(t *testing.T) {
	gw := start(t, "")
	gw.post(t, "/api/v1/rooms", `{"roomID":"speak"}`, &struct{}{})
	ear := gw.listens(t, "speak")
	phone := gw.phoneJoins(t, "speak", "p1", faceOf(3))
	if level := ear.hears(t, "p1", 3*time.Second); level < -30 || level > 0 {
		t.Errorf("a steady tone is told to have %v dBov", level)
	}
	phone.Stop()
	ear.misses(t, "p1")

	ann := join(t, faceOf(0).browser(t, testmedia.BrowserOptions{Init: rawMicrophone}), faceOf(0), gw.roomPage("speak", "Ann"), "Ann")
	ear.hears(t, ann.userID, 0)
	ann.press(t, "mic-toggle")
	ear.misses(t, ann.userID)
	ann.press(t, "mic-toggle")
	ear.hears(t, ann.userID, 0)
}
