package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"hutong/bridge/testmedia"
	"hutong/gateway/auth"
)

// archive is a console that shows recordings.
type archive struct {
	t    *testing.T
	page *testmedia.Page
	dir  string // for pictures of it, "" for none
}

func (a *archive) see(selector string) {
	a.t.Helper()
	testmedia.Eventually(a.t, waitLong, selector+" in the console", func() (there bool) {
		_ = a.page.Try(fmt.Sprintf(`!!document.querySelector(%q)`, selector), &there)
		return there
	})
}

func (a *archive) press(id string) {
	a.t.Helper()
	selector := fmt.Sprintf(`[data-testid="%s"]:not(:disabled)`, id)
	a.see(selector)
	a.page.Eval(fmt.Sprintf(`document.querySelector('%s').click()`, selector), nil)
}

func (a *archive) write(id, text string) {
	a.t.Helper()
	a.see(`[data-testid="` + id + `"]`)
	a.page.Eval(fmt.Sprintf(`document.querySelector('[data-testid="%s"]').focus()`, id), nil)
	a.page.Run(chromedp.KeyEvent(text))
}

// picture keeps what the console looks like, where somebody wants to look at it.
func (a *archive) picture(name string) {
	a.t.Helper()
	if a.dir == "" {
		return
	}
	for _, language := range []string{"en", "zh"} {
		a.page.Eval(fmt.Sprintf(`document.documentElement.lang.startsWith(%q) || document.querySelector('[data-testid="lang-switch"]').click()`, language), nil)
		a.see(fmt.Sprintf(`html[lang^="%s"]`, language))
		if err := os.WriteFile(filepath.Join(a.dir, name+"-"+language+".png"), a.page.Screenshot(), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
}

// openArchive logs a supervisor in and goes to the recordings.
func openArchive(t *testing.T, b *testmedia.Browser, gw *gateway, name string) *archive {
	t.Helper()
	a := &archive{t: t, page: b.Open(t, "http://"+gw.http+"/agent"), dir: os.Getenv("SCREENSHOTS")}
	a.page.Run(chromedp.EmulateViewport(1440, 900))
	a.page.Eval(testmedia.StripScript, nil)
	a.write("login-name", name)
	a.write("login-password", name)
	a.press("login-send")
	a.press("nav-recordings")
	return a
}

// goTo moves the player to a time of the timeline.
func (a *archive) goTo(at time.Duration) {
	a.t.Helper()
	var p struct{ X, Y, W, Max float64 }
	a.page.Eval(`(e => { const b = e.getBoundingClientRect(); return { X: b.left, Y: b.top + 8, W: b.width, Max: +e.ariaValueMax } })(document.querySelector('[data-testid="recording-lanes"]'))`, &p)
	a.page.Run(chromedp.MouseClickXY(p.X+p.W*at.Seconds()/p.Max, p.Y))
}

// shows watches every side's picture from now on until each has shown n.
func (a *archive) shows(n int) map[string][]testmedia.Sample {
	a.t.Helper()
	a.page.Eval(`window.e2eSides = {}; null`, nil)
	got := map[string][]testmedia.Sample{}
	testmedia.Eventually(a.t, waitLong, "pictures of both sides in the player", func() bool {
		a.page.Eval(`(() => {
			for (const tile of document.querySelectorAll('[data-testid="recording-tile"]')) {
				const video = [...tile.querySelectorAll('video')].find(v => v.offsetParent);
				const was = e2eSides[tile.dataset.side];
				if (video && was?.video !== video) e2eSides[tile.dataset.side] = { video, watch: hutongStrip.watch(video) };
			}
			return Object.fromEntries(Object.entries(e2eSides).map(([side, s]) => [side, s.watch.samples]));
		})()`, &got)
		return len(got) == 2 && !slices.ContainsFunc([]string{"li", "agent-anna"}, func(side string) bool { return len(got[side]) < n })
	})
	return got
}

// instants are when each picture of a side was, by the manifest's clock.
func (c *deskCall) instants(user string) map[int]time.Duration {
	at := map[int]time.Duration{}
	for _, f := range c.files {
		for _, p := range c.decoded[f.Name].Pictures {
			if f.UserID == user && p.OK {
				at[p.Counter] = f.StartedAt.Add(p.PTS).Sub(c.startedAt)
			}
		}
	}
	return at
}

// inStep compares which instants both sides show at the same time.
func (c *deskCall) inStep(t *testing.T, shown map[string][]testmedia.Sample) {
	t.Helper()
	type moment struct {
		shown float64 // ms of the page
		at    time.Duration
	}
	moments := map[string][]moment{}
	for user, samples := range shown {
		requireWhole(t, sampleStrips(samples[1:]))
		instants := c.instants(user)
		for _, s := range samples[1:] {
			if at, ok := instants[s.Counter]; ok {
				moments[user] = append(moments[user], moment{s.Shown, at})
			}
		}
		if len(moments[user]) < len(samples)*9/10 {
			t.Fatalf("of %d pictures of %s only %d are in its files", len(samples), user, len(moments[user]))
		}
	}
	var apart []time.Duration
	others := moments["agent-anna"]
	for _, m := range moments["li"] {
		i, _ := slices.BinarySearchFunc(others, m.shown, func(o moment, at float64) int { return int((o.shown - at) * 1000) })
		if i == 0 || i == len(others) {
			continue
		}
		// What the other side shows then is the newest picture before.
		before := others[i-1]
		if gap := m.shown - before.shown; gap < 100 {
			apart = append(apart, m.at-before.at-time.Duration(gap*float64(time.Millisecond)))
		}
	}
	if len(apart) < 40 {
		t.Fatalf("at %d times only both sides were seen", len(apart))
	}
	slices.Sort(apart)
	median, low, high := apart[len(apart)/2], apart[len(apart)/20], apart[len(apart)*19/20]
	t.Logf("in the player the sides are %v apart in the median, 90%% of the time between %v and %v", median, low, high)
	if median.Abs() > 50*time.Millisecond || low < -150*time.Millisecond || high > 150*time.Millisecond {
		t.Errorf("the player's sides are %v apart, from %v to %v", median, low, high)
	}
}

// console finds the recording, plays both sides in step, and looks after it.
func (c *deskCall) console(t *testing.T) {
	a := openArchive(t, c.browser, c.gw, "sam")
	a.write("recordings-user", "nobody")
	a.press("recordings-search")
	testmedia.Eventually(t, waitLong, "an empty list", func() (empty bool) {
		a.page.Eval(`document.querySelectorAll('[data-testid="recordings-row"]').length === 0`, &empty)
		return empty
	})
	a.page.Eval(`(e => { e.focus(); e.select() })(document.querySelector('[data-testid="recordings-user"]'))`, nil)
	a.page.Run(chromedp.KeyEvent("li"))
	a.press("recordings-search")
	row := fmt.Sprintf(`[data-testid="recordings-row"][data-recording="%s"]`, c.id)
	a.see(row)
	a.picture("recordings-list")
	a.page.Eval(fmt.Sprintf(`document.querySelector('%s').click()`, row), nil)
	a.see(`[data-testid="recording-verdict"][data-verified="true"]`)
	a.see(`[data-testid="recording-pause"]`)
	a.see(`[data-testid="recording-gap"][data-reason="paused"]`)
	for side := range c.sides {
		a.see(`[data-testid="recording-lane"][data-side="` + side + `"] [data-testid="recording-clip"]`)
	}
	var log string
	a.page.Eval(`document.querySelector('[data-testid="recording-log"]').textContent`, &log)
	if !strings.Contains(log, "我的卡号是？") {
		t.Errorf("the course of the call is %q", log)
	}

	both := c.startedAt
	for _, f := range c.files {
		if f.StartedAt.Before(c.paused[0]) && f.StartedAt.After(both) {
			both = f.StartedAt
		}
	}
	a.goTo(both.Sub(c.startedAt) + 300*time.Millisecond)
	a.press("recording-play")
	c.inStep(t, a.shows(80))
	a.picture("recording-player")
	var paused map[string]string
	a.goTo(c.paused[0].Add(c.paused[1].Sub(c.paused[0]) / 2).Sub(c.startedAt))
	testmedia.Eventually(t, waitLong, "nothing to be shown amid the pause", func() bool {
		a.page.Eval(`Object.fromEntries([...document.querySelectorAll('[data-testid="recording-tile"]')].map(e => [e.dataset.side, e.dataset.playing]))`, &paused)
		return paused["li"] == "false" && paused["agent-anna"] == "false"
	})
	// It plays on behind the pause by itself, with the files that come then, here at
	// twice the speed.
	a.press("speed-2")
	testmedia.Eventually(t, waitLong, "the player to come to the other files", func() (there bool) {
		a.page.Eval(`[...document.querySelectorAll('[data-testid="recording-tile"]')].every(e => e.dataset.playing === 'true')`, &there)
		return there
	})
	for side, samples := range a.shows(20) {
		requireWhole(t, sampleStrips(samples[1:]))
		t.Logf("%s goes on with picture %d", side, samples[0].Counter)
	}
	c.lookAfter(t, a)
}

// lookAfter makes one file of it, holds, shares and deletes it.
func (c *deskCall) lookAfter(t *testing.T, a *archive) {
	a.press("recording-tab-files")
	a.see(`[data-testid="recording-download"]`)
	a.picture("recording-files")
	a.press("recording-tab-whole")
	a.press("recording-compose")
	a.see(`[data-testid="recording-composite"][data-state="done"]`)
	a.picture("recording-whole")
	a.press("recording-share")
	a.press("recording-links")
	a.see(`[data-testid="recording-link"]`)
	a.picture("recording-share")
	var link string
	a.page.Eval(`document.querySelector('[data-testid="recording-link"]').value`, &link)
	status, header, _ := c.gw.get(strings.TrimPrefix(link, "http://"+c.gw.http))
	if status != 200 || header.Get("Content-Type") != "video/mp4" {
		t.Errorf("%s: %d %v", link, status, header)
	}
	a.page.Eval(`document.querySelector('[data-testid="recording-share-dialog"]').close()`, nil)
	a.press("recording-hold")
	a.write("recording-why", "case 7")
	a.press("recording-sure")
	a.see(`[data-testid="recording-held"]`)
	a.see(`[data-testid="recording-delete"]:disabled`)
	a.press("recording-hold")
	a.press("recording-sure")
	a.press("recording-delete")
	a.write("recording-why", "asked for by Li")
	a.picture("recording-delete")
	a.press("recording-sure")
	a.see(`[data-testid="recordings"]`)
	testmedia.Eventually(t, waitLong, "it to be gone", func() bool {
		status, _, _ := c.gw.get("/api/v1/recordings/" + c.id)
		return status == 404
	})
	var audit struct {
		Entries []struct{ By, Action, Detail string }
	}
	_, _, body := c.gw.get("/api/v1/recordings/" + c.id + "/audit")
	if err := json.Unmarshal(body, &audit); err != nil {
		t.Fatal(err)
	}
	var did []string
	for _, e := range audit.Entries {
		if e.Action != "read" {
			did = append(did, e.Action+" "+e.By)
		}
	}
	if got := strings.Join(did, ", "); !strings.HasSuffix(got, "delete agent:sam") || !strings.Contains(got, "pause agent:anna") || !strings.Contains(got, "hold agent:sam") {
		t.Errorf("the audit has %s", got)
	}
}

// Somebody at the desk records a call from the console, pauses that, and ends it;
// those in the call are told each time.
func TestRecordingByAgent(t *testing.T) {
	gw := &gateway{}
	gw.run(t, writeConfigAt(t, gw, "127.0.0.1", "publisher_grace: 1s", fmt.Sprintf(`queues: [{id: support}]
desk: {agents: [{name: anna, nick_name: Anna, role: supervisor, password: %q, queues: [support]}]}
recording: {linger: 2s, composite: {ffmpeg: no-such-ffmpeg}, disk: {min_free: 1MiB, alarm_free: 1MiB}}
`, auth.HashPassword("anna"))))
	b := testmedia.NewBrowser(t, testmedia.BrowserOptions{Flags: []string{"window-size=1500,1000"}})
	a := &archive{t: t, page: b.Open(t, "http://"+gw.http+"/agent"), dir: os.Getenv("SCREENSHOTS")}
	a.page.Run(chromedp.EmulateViewport(1440, 900))
	a.write("login-name", "anna")
	a.write("login-password", "anna")
	a.press("login-send")
	a.press("set-ready")
	placed := (&clerk{t: t, gw: gw}).ask("POST", "/queues/support/calls", `{"userID":"li","nickName":"李娜","client":"rtmp"}`)
	callID := placed["call"].(map[string]any)["callID"].(string)
	testmedia.Push(t, testmedia.Clip(t, phone, testmedia.FLV), placed["room"].(map[string]any)["push"].(map[string]any)["rtmp"].(string))
	a.press("answer")
	a.see(`[data-testid="record-call"][data-recording="off"]`)
	told := func(state string) {
		t.Helper()
		a.see(`[data-testid="record-call"][data-recording="` + state + `"]`)
		if _, _, body := gw.get("/api/v1/rooms/" + callID); strings.Contains(string(body), `"recording":"`+state+`"`) != (state != "off") {
			t.Errorf("the call is told of %q: %s", state, body)
		}
	}
	a.press("record-call")
	told("on")
	testmedia.Eventually(t, waitLong, "both to be recorded", func() bool {
		_, _, metrics := gw.get("/metrics")
		return strings.Contains(string(metrics), "hutong_recording_streams 2\n")
	})
	a.press("record-call")
	a.see(`[data-testid="record-pause"]`)
	a.picture("recording-call")
	a.press("record-pause")
	told("paused")
	a.press("record-call")
	a.press("record-resume")
	told("on")
	a.press("record-call")
	a.press("record-stop")
	told("off")
	var list struct{ Recordings []struct{ By, State string } }
	_, _, body := gw.get("/api/v1/recordings?agentID=anna&callID=" + callID)
	if err := json.Unmarshal(body, &list); err != nil || len(list.Recordings) != 1 || list.Recordings[0].State != "finished" || list.Recordings[0].By != "agent:anna" {
		t.Errorf("%s, %v", body, err)
	}

	// Where one file of it cannot be made, the page says what to install.
	a.press("nav-recordings")
	a.press("recordings-row")
	a.press("recording-tab-whole")
	a.see(`[data-testid="recording-no-ffmpeg"]`)
	var says string
	a.page.Eval(`document.querySelector('[data-testid="recording-no-ffmpeg"]').textContent`, &says)
	if !strings.Contains(says, "apt install ffmpeg") {
		t.Errorf("without ffmpeg the page says %q", says)
	}
	a.picture("recording-no-ffmpeg")
}
