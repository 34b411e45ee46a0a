package e2e

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"

	"hutong/bridge/testmedia"
)

// Somebody without a mouse enters a room, mutes, hides, writes, and leaves; what
// has the focus can be seen at each step.
func (m *meeting) keyboard(t *testing.T) {
	m.gw.post(t, "/api/v1/rooms", `{"roomID":"keyboard"}`, &struct{}{})
	ben := m.join(t, 1, "keyboard", "Ben")
	ann := &guest{name: "Ann", face: m.faces[0], page: m.browsers[0].Open(t, m.gw.roomPage("keyboard", "Ann"))}
	present(t, ann.page, "room-join")
	ann.tabTo(t, "room-join")
	ann.keys("\r")
	ann.arrive(t)
	ben.attends(ann)
	ben.perceives(t, ann)

	shown := func(g *guest, attribute, want string) {
		t.Helper()
		testmedia.Eventually(t, waitLong, fmt.Sprintf("%s to have Ann's tile with %s=%s", g.name, attribute, want), func() (ok bool) {
			g.page.Eval(fmt.Sprintf(`document.querySelector('[data-testid="tile"][data-user="%s"]')?.getAttribute(%q) === %q`, ann.userID, attribute, want), &ok)
			return ok
		})
	}
	ann.keys("m")
	shown(ben, "data-muted", "true")
	ann.keys("m")
	shown(ben, "data-muted", "false")
	ann.keys("v")
	shown(ben, "data-pictured", "false")
	ann.keys("v")
	shown(ben, "data-pictured", "true")
	ben.attends(ann)
	ben.perceives(t, ann)

	ann.keys("c")
	present(t, ann.page, "chat-panel")
	ann.keys("mvs are letters here\r")
	testmedia.Eventually(t, waitLong, "Ben to be told of the message", func() (there bool) {
		ben.page.Eval(`document.querySelector('[data-testid="chat-unread"]')?.innerText === '1'`, &there)
		return there
	})
	ann.keys("\x1b")
	testmedia.Eventually(t, waitLong, "Escape to close the chat", func() (gone bool) {
		ann.page.Eval(`!document.querySelector('[data-testid="chat-panel"]')`, &gone)
		return gone
	})
	ann.tabTo(t, "more-toggle")
	ann.keys(" ")
	present(t, ann.page, "more-menu")
	ann.keys("\x1b")
	ann.tabTo(t, "room-leave")
	ann.keys(" ")
	present(t, ann.page, "room-end")
	ben.shows(t, nil)
}

func (g *guest) keys(keys string) { g.page.Run(chromedp.KeyEvent(keys)) }

// tabTo presses Tab until something has the focus, which must show wherever it is
// on the way.
func (g *guest) tabTo(t *testing.T, id string) {
	t.Helper()
	const focus = `(() => {
		const e = document.activeElement, s = getComputedStyle(e), r = e.getBoundingClientRect();
		const ring = s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2
			|| [...(function* () { for (let p = e.parentElement; p; p = p.parentElement) yield p })()].some(p => getComputedStyle(p).outlineStyle !== 'none');
		const reached = r.width > 0 && r.bottom > 0 && r.top < innerHeight;
		return { id: e.dataset.testid ?? '', name: e.tagName + ' ' + (e.getAttribute('aria-label') ?? e.innerText ?? '').slice(0, 30), ring, reached, own: e === document.body };
	})()`
	for range 60 {
		g.keys("\t")
		var at struct {
			ID, Name           string
			Ring, Reached, Own bool
		}
		g.page.Eval(focus, &at)
		if !at.Own && (!at.Ring || !at.Reached) {
			t.Errorf("the focus on %s cannot be seen (ring %v, on the screen %v)", at.Name, at.Ring, at.Reached)
		}
		if at.ID == id {
			return
		}
	}
	t.Fatalf("Tab does not lead to %s", id)
}
