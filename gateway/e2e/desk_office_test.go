package e2e

import (
	"context"
	"fmt"
	"math"
	"net/url"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"hutong/bridge/testmedia"
)

// deskConfig is one queue that is open and one that is not, and their people,
// whose passwords are their names.
const deskConfig = `rooms: {grace: 5s}
queues:
  - {id: support, name: 客户服务, callback: true, wait_message: One moment please., hold_message: Back in a moment.}
  - {id: claims, name: Claims, callback: true, hours: ["Mon-Sun 00:00-00:01"], closed_message: Come back later.}
desk:
  timezone: %s
  ring_timeout: 2m
  wrap_up: 5m
  transfer_timeout: 2m
  agent_grace: 5m
  caller_grace: 5m
  quality_every: 1s
  outcomes: [已解决, call again]
  quick_replies: ["Please hold your card into the picture.", 请稍等。]
  agents:
    - {name: anna, nick_name: Anna, queues: [support], password: "$argon2id$v=19$m=19456,t=2,p=1$iZqajCUEfj32ySX5YGcJqQ$OebYUOe4VwcKYkT5qMl3hk0U5sGRnfEJsqYXpmgcYXA"}
    - {name: ben, nick_name: 王本, queues: [support], skills: [cards], password: "$argon2id$v=19$m=19456,t=2,p=1$OEGt5zbCevJ1ySrl9r11hg$q1+6nQW6dEQw3VkURHtvLb23832KWPu9x6OzxcKjTOY"}
    - {name: sam, nick_name: Sam, role: admin, queues: [support], password: "$argon2id$v=19$m=19456,t=2,p=1$vu16qPTjntEz1TmR0VPINg$CmJHOoldMM+g6UuBrh9y2QZ3ZQQvXToIcylpnbJHqZA"}
`

// midday is a time zone where it is about noon: statistics are of a day.
func midday() string {
	// The signs are those of POSIX: east of Greenwich is negative.
	return fmt.Sprintf("Etc/GMT%+d", time.Now().UTC().Hour()-12)
}

// office is a desk in use: a caller in a network of her own, two agents, of whom
// Anna reaches the gateway through a gate, and a supervisor.
type office struct {
	gw                 *gateway
	config             string
	net                *network
	way                *gate
	browsers           [4]*testmedia.Browser
	li, anna, ben, sam *guest
	dir                string // for pictures, "" for none
}

func openOffice(t *testing.T) *office {
	t.Helper()
	o := &office{gw: &gateway{}, net: newNetwork(t), dir: os.Getenv("SCREENSHOTS")}
	o.config = writeConfigAt(t, o.gw, o.net.host, "", fmt.Sprintf(deskConfig, midday()))
	o.open(t)
	o.way = newGate(t, o.gw.http)
	for i := range o.browsers {
		options := testmedia.BrowserOptions{Init: auditScript, Flags: []string{"unsafely-treat-insecure-origin-as-secure=http://" + o.gw.http, "window-size=1500,1000"}}
		if i == 0 {
			options.Namespace = o.net.name
		}
		o.browsers[i] = faceOf(i).browser(t, options)
	}
	o.li = &guest{face: faceOf(0), name: "Li", userID: "li"}
	o.anna = o.logIn(t, 1, o.way.address, "anna")
	o.ben = o.logIn(t, 2, o.gw.http, "ben")
	o.sam = o.logIn(t, 3, o.gw.http, "sam")
	return o
}

// openBooth is a desk on loopback where Ben alone works, and is ready.
func openBooth(t *testing.T) (*office, *guest) {
	t.Helper()
	o := &office{gw: &gateway{}}
	o.config = writeConfigAt(t, o.gw, "127.0.0.1", "", fmt.Sprintf(deskConfig, midday()))
	o.open(t)
	o.browsers[2] = faceOf(2).browser(t, testmedia.BrowserOptions{Init: auditScript})
	ben := o.logIn(t, 2, o.gw.http, "ben")
	ben.choose(t, "ready")
	return o, ben
}

// open starts the gateway, which has to end well unless it is killed.
func (o *office) open(t *testing.T) {
	t.Helper()
	o.gw.serve(t, o.config)
	process := o.gw.process
	t.Cleanup(func() {
		if o.gw.process == process {
			o.gw.stop(t)
		}
	})
}

// logIn opens a console.
func (o *office) logIn(t *testing.T, n int, address, name string) *guest {
	t.Helper()
	g := &guest{face: faceOf(n), name: name, userID: "agent-" + name, page: o.browsers[n].Open(t, "http://"+address+"/agent")}
	g.page.Run(chromedp.EmulateViewport(1440, 900))
	g.page.Eval(`localStorage.setItem('hutong.language', 'en')`, nil)
	present(t, g.page, "login-name")
	g.fill(t, "login-name", name)
	if n == 1 {
		o.show(t, g, "01-login", looks[:1])
	}
	g.fill(t, "login-password", name)
	g.press(t, "login-send")
	present(t, g.page, "console")
	return g
}

// state chooses an agent's state.
func (g *guest) choose(t *testing.T, state string) {
	t.Helper()
	g.press(t, "set-"+state)
	g.becomes(t, "my-state", "state", state)
}

// calls opens the caller's page and has Li call a queue.
func (o *office) calls(t *testing.T, queue, data string) {
	t.Helper()
	q := url.Values{"queue": {queue}, "user": {"li"}, "name": {"李娜"}, "lang": {"en"}, "data": {data}}
	o.li.page = o.browsers[0].Open(t, "http://"+o.gw.http+"/caller?"+q.Encode())
	o.li.page.Run(chromedp.EmulateViewport(390, 844))
	present(t, o.li.page, "caller-call")
	testmedia.Eventually(t, waitLong, "Li to see the own camera", func() (there bool) {
		o.li.page.Eval(`(document.querySelector('[data-testid="preview"]')?.videoWidth ?? 0) > 0`, &there)
		return there
	})
}

func (g *guest) fill(t *testing.T, id, text string) {
	t.Helper()
	present(t, g.page, id)
	g.page.Eval(fmt.Sprintf(`(e => { e.focus(); e.select() })(document.querySelector('[data-testid="%s"]'))`, id), nil)
	g.page.Run(chromedp.KeyEvent(text))
}

// clicks presses the first that a selector finds, once it is there, wherever it is.
func (g *guest) clicks(t *testing.T, selector string) {
	t.Helper()
	has(t, g.page, selector)
	g.page.Eval(fmt.Sprintf(`document.querySelector(%q).click()`, selector), nil)
}

// becomes waits until what has a test id has a value in its dataset.
func (g *guest) becomes(t *testing.T, id, attribute, want string) {
	t.Helper()
	testmedia.Eventually(t, waitLong, fmt.Sprintf("%s to have %s with %s=%s", g.name, id, attribute, want), func() bool {
		var got string
		_ = g.page.Try(fmt.Sprintf(`document.querySelector('[data-testid="%s"]')?.dataset[%q] ?? ''`, id, attribute), &got)
		return got == want
	})
}

// reading waits until something that has a test id shows a text.
func (g *guest) reading(t *testing.T, id, want string) {
	t.Helper()
	testmedia.Eventually(t, waitLong, fmt.Sprintf("%s to read %q in %s", g.name, want, id), func() (ok bool) {
		g.page.Eval(fmt.Sprintf(`[...document.querySelectorAll('[data-testid="%s"]')].some(e => e.textContent.includes(%q))`, id, want), &ok)
		return ok
	})
}

// without waits until nothing has a test id.
func (g *guest) without(t *testing.T, id string) {
	t.Helper()
	testmedia.Eventually(t, waitLong, g.name+" to be without "+id, func() (gone bool) {
		g.page.Eval(fmt.Sprintf(`!document.querySelector('[data-testid="%s"]')`, id), &gone)
		return gone
	})
}

// getNothing requires that no packet of media comes to them for a while.
func getNothing(t *testing.T, guests ...*guest) {
	t.Helper()
	counted := func() (sum float64) {
		for _, g := range guests {
			var n float64
			g.page.Eval(`(async () => {
				let sum = 0;
				for (const pc of e2eRoom.peers) for (const s of (await pc.getStats()).values()) if (s.type === 'inbound-rtp') sum += s.packetsReceived;
				return sum;
			})()`, &n)
			sum += n
		}
		return sum
	}
	// What was under way when the call was held still arrives.
	before, since := counted(), time.Now()
	testmedia.Eventually(t, waitLong, fmt.Sprintf("nothing to come to %s for two seconds", guests[0].name), func() bool {
		if now := counted(); now != before {
			before, since = now, time.Now()
		}
		return time.Since(since) > 2*time.Second
	})
}

// converse requires that two see and hear each other.
func converse(t *testing.T, a, b *guest) {
	t.Helper()
	a.attends(b)
	b.attends(a)
	a.perceives(t, b)
	b.perceives(t, a)
}

// attends begins to watch and listen anew.
func (g *guest) attends(others ...*guest) {
	for _, other := range others {
		g.page.Eval(fmt.Sprintf(`e2eRoom.forget(%q)`, other.userID), nil)
	}
}

// perceives requires that one sees and hears another since attends. The camera may
// open just now: until then black is sent.
func (g *guest) perceives(t *testing.T, other *guest) {
	t.Helper()
	const enough = 10 // pictures, all of them whole
	var strips []testmedia.Strip
	testmedia.Eventually(t, waitLong, g.name+" to see "+other.name, func() bool {
		var got []testmedia.Sample
		g.page.Eval(fmt.Sprintf(`e2eRoom.samples(%q)`, other.userID), &got)
		strips = sampleStrips(got)
		return len(strips) >= enough && !slices.ContainsFunc(strips[len(strips)-enough:], testmedia.Strip.Damaged)
	})
	requireAdvance(t, strips[len(strips)-enough:], other.face.spec, other.face.spec.Frames()-1)
	g.hears(t, other.userID, other.face)
}

// finds requires that these are in the call, and nobody else, and perceives them.
func (g *guest) finds(t *testing.T, others ...*guest) {
	t.Helper()
	tiles := map[string]face{}
	for _, other := range others {
		tiles[other.userID] = other.face
	}
	g.shows(t, tiles)
	g.attends(others...)
	for _, other := range others {
		g.perceives(t, other)
	}
	g.withVoices(t, others...)
}

// withVoices waits until exactly these can be heard.
func (g *guest) withVoices(t *testing.T, others ...*guest) {
	t.Helper()
	var want []string
	for _, o := range others {
		want = append(want, o.userID)
	}
	slices.Sort(want)
	var got []string
	testmedia.Eventually(t, waitLong, fmt.Sprintf("%s to have the voices of %v", g.name, want), func() bool {
		g.page.Eval(`e2eRoom.voices()`, &got)
		return slices.Equal(got, want)
	})
}

// reload loads the page again, which asks first, as somebody talks.
func (g *guest) reload(t *testing.T) {
	t.Helper()
	g.page.Run(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		asked, stop := target.Subscribe("Page.javascriptDialogOpening")
		defer stop()
		if _, err := chromedp.Evaluate[any](`window.e2eBefore = true; setTimeout(() => location.reload(), 0); null`)(ctx, target); err != nil {
			return err
		}
		select {
		case <-asked:
		case <-ctx.Done():
			return fmt.Errorf("the page is not asked whether to go: %w", ctx.Err())
		}
		_, err := cdp.Call(ctx, target, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: true})
		return err
	}))
	testmedia.Eventually(t, waitLong, g.name+"'s page to be loaded again", func() (anew bool) {
		return g.page.Try(`window.e2eBefore === undefined && document.readyState === 'complete'`, &anew) == nil && anew
	})
}

// phoneGets requires that an RTMP player with a caller's token plays an agent.
func (o *office) phoneGets(t *testing.T, agent *guest, callID, token string) {
	t.Helper()
	media := testmedia.Decode(t, testmedia.Record(t, testmedia.FFmpeg, o.gw.rtmpURL(callID+"_"+agent.userID)+"?token="+token, 4*time.Second))
	requireAdvance(t, pictureStrips(media.Pictures), agent.spec, agent.spec.Frames()-1)
	pcm, rate := body(t, media), media.Sound.Rate
	for from := 0; from+rate/2 <= len(pcm); from += rate / 4 {
		if tone := testmedia.MeasureTone(pcm[from:from+rate/2], rate); math.Abs(tone.Hz-float64(agent.hz)) < 2 && tone.Level > 0.002 {
			return
		}
	}
	t.Errorf("the phone does not hear %s at %d Hz", agent.name, agent.hz)
}

// show audits what a page shows and takes pictures of it.
func (o *office) show(t *testing.T, g *guest, name string, at []look) {
	t.Helper()
	in := dresses
	if o.dir == "" {
		in = dresses[1:] // both languages, both themes
	}
	(&gallery{dir: o.dir}).showAt(t, g.page, "desk-"+name, at, in)
	g.page.Eval(`for (const [key, newValue] of Object.entries({ 'hutong.language': 'en', 'hutong.theme': 'auto' })) {
		localStorage.setItem(key, newValue);
		dispatchEvent(new StorageEvent('storage', { key, newValue }));
	}`, nil)
}
