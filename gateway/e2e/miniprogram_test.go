package e2e

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"

	"hutong/bridge/testmedia"
)

// miniprogram starts a gateway with the mini-program API.
func miniprogram(t *testing.T) *gateway {
	gw := &gateway{}
	gw.run(t, writeConfigAt(t, gw, "127.0.0.1", "publisher_grace: 20s",
		`weapp: {enabled: true, sdk_app_id: 1400000001, key: "0123456789abcdef0123456789abcdef"}`))
	return gw
}

// TestMiniprogram lets two phones with the mini-program and Chromium share a room:
// one phone with webrtc-room made it, the other comes with rtc-room. All see and
// hear all, read what each writes, and one phone loses its network for a while.
func TestMiniprogram(t *testing.T) {
	gw := miniprogram(t)
	li := newHandset(t, gw, faceOf(3), "Li")
	wang := newHandset(t, gw, faceOf(4), "Wang")
	browser := faceOf(0).browser(t, testmedia.BrowserOptions{})

	li.mount(t, "index", "demo/pages/index/index", nil)
	li.call(t, "index", "onName", map[string]any{"detail": map[string]any{"value": "Li"}})
	li.tap(t, "index", ".create")
	li.follow(t)
	roomID := li.screen(t).RoomID
	if kind := li.screen(t).Kind; kind != "webrtc" {
		t.Fatalf("room %s gets the component of %q", roomID, kind)
	}
	ann := join(t, browser, faceOf(0), gw.roomPage(roomID, "Ann"), "Ann")

	// The demo takes rtc-room for rooms with names: its page with this room's.
	wang.mount(t, "page", "demo/pages/call/call", nil)
	wang.do(t, "patch", map[string]any{"name": "page", "data": map[string]any{"roomID": roomID, "nickName": "Wang", "kind": "rtc"}}, nil)
	wang.call(t, "page", "enterRtc")

	people := map[string]person{}
	testmedia.Eventually(t, waitLong, "three members", func() bool {
		people = gw.people(roomID)
		return len(people) == 3
	})
	for id, p := range people {
		switch p.NickName {
		case "Li":
			li.userID = id
		case "Wang":
			wang.userID = id
		}
	}
	if li.userID == "" || wang.userID == "" || people[ann.userID].Client != "webrtc" || people[li.userID].Client != "rtmp" {
		t.Fatalf("the members are %+v", people)
	}
	meet := func() {
		t.Helper()
		ann.meets(t, map[string]face{li.userID: li.face, wang.userID: wang.face})
		li.meets(t, map[string]face{ann.userID: ann.face, wang.userID: wang.face})
		wang.meets(t, map[string]face{ann.userID: ann.face, li.userID: li.face})
	}
	meet()

	ann.press(t, "chat-toggle")
	ann.says(t, "hello from a browser")
	li.reads(t, "Ann", "hello from a browser")
	wang.reads(t, "Ann", "hello from a browser")
	li.says(t, "hello from webrtc-room")
	wang.reads(t, "Li", "hello from webrtc-room")
	ann.reads(t, li.userID, "hello from webrtc-room")
	wang.says(t, "hello from rtc-room")
	li.reads(t, "Wang", "hello from rtc-room")
	ann.reads(t, wang.userID, "hello from rtc-room")

	li.do(t, "offline", nil, nil)
	ann.says(t, "are you there?")
	wang.reads(t, "Ann", "are you there?")
	li.do(t, "online", map[string]any{"networkType": "4g"}, nil)
	li.reads(t, "Ann", "are you there?")
	meet()

	li.do(t, "unmount", map[string]any{"name": "page"}, nil)
	ann.shows(t, map[string]face{wang.userID: wang.face})
	wang.meets(t, map[string]face{ann.userID: ann.face})
}

// TestMiniprogramScans lets a phone scan what the call page shows to invite
// somebody, into a room with a name.
func TestMiniprogramScans(t *testing.T) {
	gw := miniprogram(t)
	li := newHandset(t, gw, faceOf(3), "Li")
	ann := join(t, faceOf(0).browser(t, testmedia.BrowserOptions{}), faceOf(0), gw.roomPage("court-7", "Ann"), "Ann")
	ann.press(t, "more-toggle")
	ann.press(t, "more-invite")
	present(t, ann.page, "invite-link")
	var link string
	ann.page.Eval(`document.querySelector('[data-testid="invite-link"]').textContent.match(/http\S+/)?.[0] ?? document.querySelector('[data-testid="invite-link"] input')?.value ?? ''`, &link)
	if link == "" {
		t.Fatal("the page shows no link")
	}
	li.do(t, "setState", map[string]any{"state": map[string]any{"scanned": link}}, nil)
	li.mount(t, "index", "demo/pages/index/index", nil)
	li.tap(t, "index", ".scan-button")
	li.follow(t)
	if kind := li.screen(t).Kind; kind != "rtc" {
		t.Errorf("a room with a name gets the component of %q", kind)
	}
	li.meets(t, map[string]face{ann.userID: ann.face})
	for id, p := range gw.people("court-7") {
		if p.Client == "rtmp" {
			ann.meets(t, map[string]face{id: li.face})
		}
	}
}

// says writes in the page's chat.
func (g *guest) says(t *testing.T, text string) {
	t.Helper()
	g.page.Run(chromedp.SendKeys(chromedp.CSS(`[data-testid="chat-input"]`), text))
	g.press(t, "chat-send")
}

// reads waits for a line of a member in the page's chat.
func (g *guest) reads(t *testing.T, userID, text string) {
	t.Helper()
	testmedia.Eventually(t, waitLong, fmt.Sprintf("%s to read %q", g.name, text), func() (there bool) {
		g.page.Eval(fmt.Sprintf(`[...document.querySelectorAll('[data-testid="chat-message"][data-from="%s"]')].some(m => m.textContent.includes(%q))`, userID, text), &there)
		return there
	})
}
