package e2e

import (
	_ "embed"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"hutong/bridge/testmedia"
)

//go:embed audit.js
var auditScript string

// gallery shows the call page in each of its states, looks for what is wrong with
// it, and takes pictures if SCREENSHOTS names a folder for them.
type gallery struct {
	gw      *gateway
	way     *gate
	browser *testmedia.Browser
	dir     string
	shots   int
}

// TestPageStates goes through the states of the call page in English and Chinese,
// on a desk and on a phone, and has each audited: contrast, words cut off, controls
// out of reach.
func TestPageStates(t *testing.T) {
	g := &gallery{gw: &gateway{}, dir: os.Getenv("SCREENSHOTS")}
	g.gw.run(t, writeConfigAt(t, g.gw, "127.0.0.1", "", "rooms: {grace: 10m}\n")) // phones that never push stay
	g.way = newGate(t, g.gw.http)
	g.browser = testmedia.NewBrowser(t, testmedia.BrowserOptions{Prompts: true, Video: portrait(t, 0, "y4m"),
		Audio: testmedia.Clip(t, testmedia.Spec{Duration: time.Minute, ToneHz: 300}, testmedia.WAV),
		Init:  testmedia.StripScript + pageScript + roomScript + auditScript})
	if g.dir != "" {
		if err := os.MkdirAll(g.dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("Door", g.door)
	t.Run("Call", g.call)
	t.Run("End", g.end)
	t.Logf("%d states, each in two languages and two sizes", g.shots)
}

// portrait is a moving picture that looks a little like a person's, for judging the
// page by eye: a path of an FLV file, or a Y4M one for a camera.
func portrait(t *testing.T, n int, kind string) string {
	t.Helper()
	colours := [][2]string{{"0x6b7f92", "0x2e3d4d"}, {"0xb08968", "0x5b4636"}, {"0x7c9885", "0x33524a"}, {"0x9a7fa0", "0x443355"},
		{"0xc2a878", "0x6d5a3a"}, {"0x7a9cb8", "0x27455f"}}[n%6]
	size := []string{"640x360", "640x480", "360x640", "640x360", "480x480", "640x360"}[n%6]
	path := filepath.Join(t.TempDir(), fmt.Sprintf("portrait%d.%s", n, kind))
	args := []string{"-hide_banner", "-loglevel", "error", "-f", "lavfi", "-i",
		fmt.Sprintf("gradients=s=%s:r=15:d=8:c0=%s:c1=%s:nb_colors=2:speed=0.02", size, colours[0], colours[1])}
	if kind == "flv" {
		args = append(args, "-f", "lavfi", "-i", fmt.Sprintf("sine=f=%d:r=48000:d=8,volume=%s", 220+40*n, map[bool]string{true: "1", false: "0"}[n%3 == 1]),
			"-c:v", "libx264", "-pix_fmt", "yuv420p", "-profile:v", "baseline", "-preset", "veryfast", "-g", "30", "-c:a", "aac")
	} else {
		args = append(args, "-pix_fmt", "yuv420p")
	}
	if err := testmedia.Start(t, "ffmpeg", append(args, path)...).Wait(time.Minute); err != nil {
		t.Fatal(err)
	}
	return path
}

// names of those who come, of every length.
var names = []string{"李伟", "Ana Torres", "王芳", "Jonas", "Maximiliane von Hohenstein-Breitenbach", "欧阳娜娜", "Priya Raman", "Tom",
	"Екатерина", "张建国", "Sofía", "O’Brien", "Chen Xiaoyu 陈晓宇", "Kim", "Lena"}

// come lets people in by phone up to the n-th; who is below pushing sends a picture.
func (g *gallery) come(t *testing.T, roomID string, from, to, pushing int) {
	t.Helper()
	for i := from; i < to; i++ {
		var joined struct {
			Push struct{ RTMP string }
		}
		g.gw.post(t, "/api/v1/rooms/"+roomID+"/members", fmt.Sprintf(`{"userID":"u%d","nickName":%q,"client":%q}`, i, names[i], "rtmp"), &joined)
		if i < pushing {
			testmedia.Push(t, portrait(t, i+1, "flv"), joined.Push.RTMP)
		}
	}
}

type look struct {
	name          string
	width, height int64
	options       []chromedp.EmulateViewportOption
}

var looks = []look{
	{"desk", 1440, 900, nil},
	{"phone", 390, 844, []chromedp.EmulateViewportOption{chromedp.EmulateTouch, chromedp.EmulateMobile, chromedp.EmulatePortrait}},
}

// settle waits until nothing moves any more that moves only for a while, and the
// page has been drawn.
const settle = `(async () => {
	await document.fonts.ready;
	for (let i = 0; i < 3; i++) {
		const moving = document.getAnimations().filter(a => a.effect?.getComputedTiming().endTime !== Infinity);
		await Promise.race([Promise.allSettled(moving.map(a => a.finished)), new Promise(r => setTimeout(r, 2000))]);
		await new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)));
	}
})()`

// show audits what a page shows, in both languages, sizes and themes, and takes
// pictures of it.
func (g *gallery) show(t *testing.T, page *testmedia.Page, state string) {
	t.Helper()
	g.shots++
	in := dresses
	if g.dir == "" { // without pictures to look at, each language, theme and size once is enough
		in = []dress{{"en", "dark"}, {"zh", "light"}}
	}
	g.showAt(t, page, state, looks, in)
	page.Run(chromedp.EmulateViewport(1440, 900))
}

// dress is how a page is shown: in the dark only colours differ, one language will
// do.
type dress struct{ language, theme string }

var dresses = []dress{{"en", "light"}, {"en", "dark"}, {"zh", "light"}}

// showAt is show in some sizes and dresses, in the last of which the page stays.
func (g *gallery) showAt(t *testing.T, page *testmedia.Page, state string, sizes []look, in []dress) {
	t.Helper()
	for _, l := range sizes {
		page.Run(chromedp.EmulateViewport(l.width, l.height, l.options...))
		for _, d := range in {
			page.Eval(fmt.Sprintf(`for (const [key, newValue] of Object.entries({ 'hutong.language': %q, 'hutong.theme': %q })) {
				localStorage.setItem(key, newValue);
				dispatchEvent(new StorageEvent('storage', { key, newValue }));
			}`, d.language, d.theme), nil)
			page.Eval(settle, nil)
			var wrong []string
			page.Eval(`e2eAudit()`, &wrong)
			for _, w := range wrong {
				t.Errorf("%s, %s, %s, %s: %s", state, l.name, d.language, d.theme, w)
			}
			if g.dir != "" {
				name := fmt.Sprintf("%s-%s-%s-%s.png", state, l.name, d.language, d.theme)
				if err := os.WriteFile(filepath.Join(g.dir, name), page.Screenshot(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

func (g *gallery) open(t *testing.T, address string) *testmedia.Page {
	t.Helper()
	return g.browser.Open(t, "http://"+g.way.address+address)
}

func has(t *testing.T, page *testmedia.Page, selector string) {
	t.Helper()
	testmedia.Eventually(t, waitLong, selector+" on the page", func() (there bool) {
		_ = page.Try(fmt.Sprintf(`!!document.querySelector(%q)`, selector), &there)
		return there
	})
}

func press(t *testing.T, page *testmedia.Page, id string) {
	t.Helper()
	(&guest{page: page}).press(t, id)
}

// tile presses a button of somebody's tile, which may be on its way to another place.
func (g *gallery) tile(t *testing.T, page *testmedia.Page, userID, id string) {
	t.Helper()
	button := fmt.Sprintf(`[data-user="%s"] [data-testid="%s"]`, userID, id)
	has(t, page, button)
	page.Eval(fmt.Sprintf(`document.querySelector(%q).click()`, button), nil)
}

// door is everything before the call.
func (g *gallery) door(t *testing.T) {
	page := g.open(t, "/")
	present(t, page, "room-entry")
	g.show(t, page, "01-entry")
	page.Close()

	g.browser.Permit("prompt")
	page = g.open(t, "/#/room/482-117-905")
	present(t, page, "room-allow")
	g.show(t, page, "02-lobby-asking")
	page.Close()

	g.browser.Permit("denied")
	page = g.open(t, "/#/room/482-117-905?name=Mei")
	press(t, page, "room-allow")
	has(t, page, ".note")
	g.show(t, page, "03-lobby-denied")
	page.Close()

	g.browser.Permit("granted")
	g.gw.post(t, "/api/v1/rooms", `{"roomID":"lobby","name":"周会 Weekly review"}`, &struct{}{})
	g.come(t, "lobby", 0, 5, 0)
	page = g.open(t, "/#/room/lobby?name=Mei%20Lin")
	has(t, page, ".faces")
	g.camera(t, page)
	g.show(t, page, "04-lobby")
	press(t, page, "camera-toggle")
	press(t, page, "mic-toggle")
	has(t, page, ".lobby-blank .avatar")
	g.show(t, page, "05-lobby-off")
	press(t, page, "camera-toggle")
	press(t, page, "mic-toggle")
	g.camera(t, page)
	page.Close()

	page = g.open(t, "/?without=h264#/room/lobby?name=Finn")
	present(t, page, "room-fallback")
	g.show(t, page, "06-lobby-noh264")
}

func (g *gallery) camera(t *testing.T, page *testmedia.Page) {
	t.Helper()
	testmedia.Eventually(t, waitLong, "the own camera", func() (there bool) {
		page.Eval(`(document.querySelector('[data-testid="room-preview"]')?.videoWidth ?? 0) > 0`, &there)
		return there
	})
}

// pictured waits for so many tiles, of which so many have a picture.
func (g *gallery) pictured(t *testing.T, page *testmedia.Page, tiles, pictures int) {
	t.Helper()
	var now [2]int
	testmedia.Eventually(t, waitLong, fmt.Sprintf("%d tiles, %d with a picture", tiles, pictures), func() bool {
		page.Eval(`[document.querySelectorAll('[data-testid="tile"]').length, document.querySelectorAll('[data-pictured="true"]').length]`, &now)
		return now == [2]int{tiles, pictures}
	})
	// The news of who came has been read by then.
	testmedia.Eventually(t, waitLong, "the news to go", func() (gone bool) {
		page.Eval(`!document.querySelector('[data-testid="toast"]')`, &gone)
		return gone
	})
}

// call is everything during it.
func (g *gallery) call(t *testing.T) {
	g.browser.Permit("granted")
	g.gw.post(t, "/api/v1/rooms", `{"roomID":"482-117-905"}`, &struct{}{})
	page := g.open(t, "/#/room/482-117-905?name=Mei%20Lin")
	g.camera(t, page)
	press(t, page, "room-join")
	g.pictured(t, page, 1, 1)
	g.show(t, page, "10-alone")

	press(t, page, "invite-open")
	present(t, page, "invite-dialog")
	g.show(t, page, "11-invite")
	press(t, page, "invite-phone")
	present(t, page, "invite-phone-push")
	g.show(t, page, "12-invite-phone")
	page.Run(chromedp.KeyEvent("\x1b"))
	_, _, body := g.gw.get("/api/v1/rooms/482-117-905")
	if at := strings.Index(string(body), `"phone-`); at >= 0 {
		id, _, _ := strings.Cut(string(body)[at+1:], `"`)
		g.remove(t, "/api/v1/rooms/482-117-905/members/"+id)
	}

	g.come(t, "482-117-905", 0, 1, 1)
	g.pictured(t, page, 2, 2)
	g.show(t, page, "20-two")
	g.tile(t, page, "u0", "tile-stats")
	testmedia.Eventually(t, waitLong, "figures", func() (there bool) {
		page.Eval(`(document.querySelector('[data-stat="resolution"]')?.innerText ?? '–') !== '–' && !!document.querySelector('.graph')`, &there)
		return there
	})
	g.show(t, page, "21-statistics")
	g.tile(t, page, "u0", "tile-stats")

	g.come(t, "482-117-905", 1, 4, 3)
	g.pictured(t, page, 5, 4)
	g.show(t, page, "22-five")
	g.tile(t, page, "u1", "tile-pin")
	g.show(t, page, "23-five-large")
	g.tile(t, page, "u1", "tile-pin")

	press(t, page, "chat-toggle")
	present(t, page, "chat-panel")
	g.show(t, page, "30-chat-empty")
	for _, m := range []string{`{"from":"u0","type":"text","text":"大家好，请看第三页的图表，我们稍后讨论预算。"}`,
		`{"from":"u1","type":"text","text":"The minutes of last week: https://example.com/minutes/2026-07-14?page=3"}`, `{"from":"u1","type":"text","text":"Thanks!"}`,
		`{"type":"text","text":"This call is recorded."}`} {
		g.gw.post(t, "/api/v1/rooms/482-117-905/messages", m, &struct{}{})
	}
	page.Run(chromedp.SendKeys(chromedp.CSS(`[data-testid="chat-input"]`), "我五分钟后开始共享屏幕 👍\r"))
	has(t, page, ".mine [data-testid=chat-message]")
	g.show(t, page, "31-chat")
	press(t, page, "chat-close")
	page.Run(chromedp.KeyEvent("p"))
	present(t, page, "people-panel")
	g.show(t, page, "32-people")
	page.Run(chromedp.KeyEvent("p"))
	press(t, page, "more-toggle")
	present(t, page, "more-menu")
	g.show(t, page, "33-more")
	press(t, page, "more-devices")
	present(t, page, "devices-dialog")
	g.show(t, page, "34-devices")
	page.Run(chromedp.KeyEvent("\x1b"), chromedp.KeyEvent("?"))
	present(t, page, "shortcuts-dialog")
	g.show(t, page, "35-shortcuts")
	page.Run(chromedp.KeyEvent("\x1b"))

	g.come(t, "482-117-905", 4, 8, 6)
	g.pictured(t, page, 9, 6)
	g.show(t, page, "24-nine")
	g.come(t, "482-117-905", 8, 15, 11)
	g.pictured(t, page, 16, 9)
	g.show(t, page, "25-sixteen")

	press(t, page, "mic-toggle")
	g.way.cut()
	present(t, page, "room-reconnecting")
	g.show(t, page, "40-reconnecting")
	g.way.open()
	has(t, page, `[data-testid="room-state"][data-state="live"]`)

	g.remove(t, "/api/v1/rooms/482-117-905")
	present(t, page, "room-end")
	g.show(t, page, "41-closed")
}

func (g *gallery) remove(t *testing.T, path string) {
	t.Helper()
	req, err := http.NewRequest("DELETE", "http://"+g.gw.http+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		t.Fatalf("DELETE %s: %s", path, resp.Status)
	}
}

// end is what comes instead of a call, or after it.
func (g *gallery) end(t *testing.T) {
	g.browser.Permit("granted")
	g.gw.post(t, "/api/v1/rooms", `{"roomID":"full","capacity":1}`, &struct{}{})
	g.come(t, "full", 0, 1, 0)
	page := g.open(t, "/#/room/full?name=Mei%20Lin")
	g.camera(t, page)
	press(t, page, "room-join")
	present(t, page, "room-end")
	g.show(t, page, "50-full")
	page.Close()

	g.gw.post(t, "/api/v1/rooms", `{"roomID":"noh264"}`, &struct{}{})
	g.come(t, "noh264", 0, 1, 1)
	page = g.open(t, "/?without=h264#/room/noh264?name=Finn")
	press(t, page, "room-join")
	g.pictured(t, page, 2, 1)
	g.show(t, page, "51-noh264")
	press(t, page, "room-leave")
	present(t, page, "room-end")
	g.show(t, page, "52-left")
}
