package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"hutong/bridge/testmedia"
)

// screen is what the shared tab shows.
var screen = face{hz: 0, spec: testmedia.Spec{FirstCounter: 40000, Duration: 10 * time.Minute, FPS: 10}}

const screenTitle = "hutong e2e screen"

// showScreen fills a tab with the screen's pictures.
const showScreen = `(() => {
  document.title = %q;
  document.body.innerHTML = '<canvas width="960" height="720" style="position:fixed;inset:0;width:100vw;height:100vh"></canvas>';
  const g = document.querySelector('canvas').getContext('2d');
  let n = %d;
  setInterval(() => hutongStrip.draw(g, 960, 720, n++, false), 100);
})()`

// One shares a screen in place of the camera, and the other sees it, whole and
// marked as such; then the camera again.
func (m *meeting) screenShare(t *testing.T) {
	m.gw.post(t, "/api/v1/rooms", `{"roomID":"screen"}`, &struct{}{})
	tab := m.browsers[0].Open(t, m.gw.page())
	tab.Eval(fmt.Sprintf(showScreen, screenTitle, screen.spec.FirstCounter), nil)

	ann, ben := m.join(t, 0, "screen", "Ann"), m.join(t, 1, "screen", "Ben")
	ben.meets(t, map[string]face{ann.userID: ann.face})
	ann.press(t, "screen-toggle")
	ben.sharing(t, ann, true)
	ben.seesSoon(t, ann.userID, screen)
	ben.hears(t, ann.userID, ann.face)
	present(t, ben.page, "tile-sharing")

	ann.page.Run(chromedp.KeyEvent("s")) // the same by its shortcut
	ben.sharing(t, ann, false)
	ben.seesSoon(t, ann.userID, ann.face)
}

// sharing waits until the other's tile is marked as a screen, or no longer.
func (g *guest) sharing(t *testing.T, other *guest, want bool) {
	t.Helper()
	testmedia.Eventually(t, waitLong, fmt.Sprintf("%s to be told of %s: sharing %v", g.name, other.name, want), func() (ok bool) {
		g.page.Eval(fmt.Sprintf(`document.querySelector('[data-testid="tile"][data-user="%s"]')?.dataset.sharing === '%v'`, other.userID, want), &ok)
		return ok
	})
}

// seesSoon waits until a tile has gone over to another face.
func (g *guest) seesSoon(t *testing.T, userID string, f face) {
	t.Helper()
	testmedia.Eventually(t, waitLong, fmt.Sprintf("%s to see %s change", g.name, userID), func() bool {
		got := g.shown(t, userID, 1)
		last := got[len(got)-1]
		return last.OK && last.Counter >= f.spec.FirstCounter && last.Counter < f.spec.FirstCounter+f.spec.Frames()
	})
	g.sees(t, userID, f)
}
