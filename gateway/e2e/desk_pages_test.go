package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"hutong/bridge/testmedia"
)

var (
	wide   = looks[:1]
	mobile = looks[1:]
	both   = []look{looks[0], looks[1]}
)

// TestDeskPages goes through a day at the desk as people see it: callers in a
// browser and on a phone, two agents and a supervisor at their consoles. What each
// of them sees and hears is what the others show and say. With SCREENSHOTS it
// leaves pictures in that folder.
func TestDeskPages(t *testing.T) {
	o := openOffice(t)
	for _, step := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"closed", o.closed},
		{"ringing", o.ringing},
		{"answered", o.answered},
		{"held", o.held},
		{"reloaded", o.reloaded},
		{"supervised", o.supervised},
		{"consulted", o.consulted},
		{"third party", o.thirdParty},
		{"handed over", o.handedOver},
		{"cut off", o.cutOff},
		{"killed", o.killed},
		{"ended", o.ended},
		{"phone", o.phone},
		{"looked up", o.lookedUp},
	} {
		since := time.Now()
		step.run(t)
		t.Logf("%s: %v", step.name, time.Since(since).Round(100*time.Millisecond))
	}
}

// Whoever calls a queue that is closed is told so, and asks to be called back.
func (o *office) closed(t *testing.T) {
	o.calls(t, "claims", "")
	o.show(t, o.li, "20-caller-start", both)
	o.li.press(t, "caller-call")
	o.li.becomes(t, "call-refused", "code", "queue_closed")
	o.li.reading(t, "call-refused", "Come back later.")
	o.show(t, o.li, "28-caller-closed", mobile)
	o.li.fill(t, "callback-contact", "+86 138 0000 0000")
	o.li.press(t, "callback-send")
	present(t, o.li.page, "callback-noted")
	o.show(t, o.li, "29-caller-noted", mobile)
	o.li.page.Close()
	o.sam.press(t, "nav-callbacks")
	o.sam.reading(t, "callback-row", "+86 138")
	o.show(t, o.sam, "12-callbacks", wide)
	o.sam.press(t, "callback-settle")
	testmedia.Eventually(t, waitLong, "the request to be settled", func() bool {
		_, _, body := o.gw.get("/api/v1/callbacks?state=done")
		return strings.Contains(string(body), "+86 138") && strings.Contains(string(body), "agent:sam")
	})
}

// Li waits until agents are there. The call rings at Anna, who rejects it, and then
// at Ben, who answers with a key.
func (o *office) ringing(t *testing.T) {
	anna, ben, li := o.anna, o.ben, o.li
	o.show(t, anna, "02-offline", wide)
	o.calls(t, "support", `{"order":4711,"card":{"level":"gold","类型":"信用卡"}}`)
	li.press(t, "caller-call")
	present(t, li.page, "queue-screen")
	o.show(t, li, "21-caller-queue", mobile)
	anna.choose(t, "ready")
	present(t, anna.page, "answer")
	ben.choose(t, "ready")
	li.becomes(t, "caller", "state", "ringing")
	o.show(t, anna, "03-ringing", wide)
	anna.keys("x")
	present(t, ben.page, "answer")
	anna.without(t, "ringing")
	anna.becomes(t, "my-state", "state", "ready")
	o.show(t, anna, "04-idle", wide)
	ben.keys("\r")
	ben.becomes(t, "call", "part", "talks")
}

// Both see and hear each other. They write, and Ben takes a snapshot.
func (o *office) answered(t *testing.T) {
	ben, li := o.ben, o.li
	converse(t, ben, li)
	ben.reading(t, "user-data", "4711")
	ben.becomes(t, "my-state", "state", "busy")
	o.anna.reading(t, "idle", "Ready")
	ben.keys("s")
	present(t, ben.page, "shot")
	testmedia.Eventually(t, waitLong, "both legs to be measured", func() (ok bool) {
		ben.page.Eval(`['li', 'agent-ben'].every(id => ['green', 'yellow', 'red'].includes(document.querySelector('[data-testid="leg"][data-user="' + id + '"] [data-light]')?.dataset.light))`, &ok)
		return ok
	})
	o.show(t, ben, "05-call", wide)
	o.show(t, li, "22-caller-call", both)
	ben.press(t, "tab-chat")
	ben.press(t, "quick-reply")
	li.press(t, "caller-chat")
	li.reading(t, "chat-message", "hold your card")
	li.fill(t, "chat-input", "好的，请稍等\r")
	ben.reading(t, "chat-message", "请稍等")
	o.show(t, ben, "06-chat", wide)
	o.show(t, li, "23-caller-chat", both)
	li.press(t, "caller-chat")
	ben.press(t, "tab-data")
}

// On hold nothing flows, either way; afterwards everything does.
func (o *office) held(t *testing.T) {
	ben, li := o.ben, o.li
	ben.keys("h")
	present(t, li.page, "hold-screen")
	li.reading(t, "hold-screen", "Back in a moment.")
	present(t, ben.page, "held")
	getNothing(t, ben, li)
	o.show(t, ben, "07-held", wide)
	o.show(t, li, "24-caller-held", mobile)
	ben.keys("h")
	li.without(t, "hold-screen")
	ben.without(t, "held")
	converse(t, ben, li)
}

// Who loads the page again is in the call again, agent and caller alike.
func (o *office) reloaded(t *testing.T) {
	ben, li := o.ben, o.li
	ben.reload(t)
	ben.becomes(t, "call", "part", "talks")
	converse(t, ben, li)
	li.page.Run(chromedp.Reload())
	present(t, li.page, "call-screen")
	converse(t, ben, li)
}

// Sam listens, whispers to Ben alone, and then talks with both.
func (o *office) supervised(t *testing.T) {
	ben, li, sam := o.ben, o.li, o.sam
	sam.press(t, "nav-live")
	present(t, sam.page, "supervise-listen")
	o.show(t, sam, "10-live", wide)
	sam.press(t, "supervise-listen")
	sam.becomes(t, "call", "part", "listen")
	sam.attends(ben, li)
	sam.perceives(t, ben)
	sam.perceives(t, li)
	o.show(t, sam, "08-listen", wide)
	unnoticed := func() {
		t.Helper()
		li.shows(t, map[string]face{ben.userID: ben.face})
		li.withVoices(t, ben)
	}
	unnoticed()
	ben.withVoices(t, li)
	sam.press(t, "mode-whisper")
	sam.becomes(t, "call", "part", "whisper")
	ben.attends(sam)
	ben.perceives(t, sam)
	unnoticed()
	sam.press(t, "mode-join")
	sam.becomes(t, "call", "part", "join")
	sam.attends(li)
	li.finds(t, ben, sam)
	sam.perceives(t, li)
	o.show(t, ben, "09-joined", wide)
	sam.press(t, "hangup")
	sam.without(t, "call")
	unnoticed()
	converse(t, ben, li)
}

// Ben hands the call over to Anna after a word with her, of which Li gets nothing.
func (o *office) consulted(t *testing.T) {
	anna, ben, li := o.anna, o.ben, o.li
	ben.press(t, "transfer")
	present(t, ben.page, "transfer-dialog")
	o.show(t, ben, "11-transfer", wide)
	ben.clicks(t, `[data-testid="party-agent"][data-agent="anna"]`)
	present(t, anna.page, "answer")
	o.show(t, anna, "13-ringing-transfer", wide)
	anna.keys(" ")
	anna.becomes(t, "call", "part", "consults")
	converse(t, anna, ben)
	present(t, li.page, "hold-screen")
	getNothing(t, li)
	o.show(t, ben, "14-consulting", wide)
	ben.press(t, "transfer-complete")
	anna.becomes(t, "call", "part", "talks")
	converse(t, anna, li)
	li.withVoices(t, anna)

	present(t, ben.page, "wrap-up")
	ben.fill(t, "notes", "wants a new card; handed to Anna")
	ben.clicks(t, `[data-testid="outcome"]:nth-child(2)`)
	ben.becomes(t, "notes-saved", "saved", "saved")
	o.show(t, ben, "15-wrap-up", wide)
	ben.press(t, "wrap-ready")
	ben.becomes(t, "my-state", "state", "ready")
}

// Anna invites Ben, and somebody from outside by a link; Li meets them all.
func (o *office) thirdParty(t *testing.T) {
	anna, ben, li := o.anna, o.ben, o.li
	anna.press(t, "invite")
	present(t, anna.page, "invite-dialog")
	anna.clicks(t, `[data-testid="party-agent"][data-agent="ben"]`)
	present(t, ben.page, "answer")
	ben.keys("\r")
	ben.becomes(t, "call", "part", "guest")
	li.finds(t, anna, ben)
	ben.finds(t, anna, li)
	o.show(t, li, "25-caller-three", mobile)
	ben.press(t, "hangup")
	ben.without(t, "call")
	ben.choose(t, "ready")

	anna.press(t, "invite")
	anna.fill(t, "guest-name", "陈专家")
	anna.press(t, "guest-link")
	var link string
	testmedia.Eventually(t, waitLong, "the link", func() bool {
		anna.page.Eval(`document.querySelector('[data-testid="invite-dialog"] .copy-text')?.textContent ?? ''`, &link)
		return link != ""
	})
	o.show(t, anna, "16-invite", wide)
	anna.keys("\x1b")
	link = strings.Replace(link, o.way.address, o.gw.http, 1)
	expert := &guest{face: o.sam.face, name: "the expert", page: o.browsers[3].Open(t, link)}
	expert.press(t, "room-join")
	expert.arrive(t)
	li.finds(t, anna, expert)
	expert.finds(t, anna, li)
	anna.clicks(t, `[data-testid="remove"]`)
	present(t, expert.page, "room-end")
	expert.page.Close()
	li.shows(t, map[string]face{anna.userID: anna.face})
}

// A call that is handed over at once: to Ben, and from him to the line, from which
// it rings at Anna.
func (o *office) handedOver(t *testing.T) {
	anna, ben, li := o.anna, o.ben, o.li
	anna.press(t, "transfer")
	anna.press(t, "cold")
	anna.clicks(t, `[data-testid="party-agent"][data-agent="ben"]`)
	present(t, li.page, "hold-screen")
	present(t, anna.page, "wrap-up")
	anna.press(t, "wrap-ready")
	ben.press(t, "answer")
	ben.becomes(t, "call", "part", "talks")
	converse(t, ben, li)

	anna.becomes(t, "my-state", "state", "ready")
	ben.press(t, "transfer")
	ben.press(t, "cold")
	ben.clicks(t, `[data-testid="party-queue"][data-queue="support"]`)
	present(t, ben.page, "wrap-up")
	anna.press(t, "answer")
	anna.becomes(t, "call", "part", "talks")
	converse(t, anna, li)
	ben.press(t, "wrap-ready")
	ben.becomes(t, "my-state", "state", "ready")
}

// Li's network goes, and comes back; then her page is gone until the call waits for
// her. Anna's WebSockets are cut. Each time both are in the call again.
func (o *office) cutOff(t *testing.T) {
	anna, li := o.anna, o.li
	o.net.pull()
	has(t, li.page, ".call-lost")
	o.show(t, li, "26-caller-lost", mobile)
	anna.stalls(t, li.userID)
	o.net.plug()
	testmedia.Eventually(t, waitLong, "Li to be back", func() (back bool) {
		li.page.Eval(`!document.querySelector('.call-lost')`, &back)
		return back
	})
	converse(t, anna, li)

	var address string
	li.page.Eval(`location.href`, &address)
	li.page.Run(chromedp.Navigate("about:blank"))
	has(t, anna.page, ".stage-strip.warn")
	anna.reading(t, "quality", "The caller lost the network")
	o.show(t, anna, "17-away", wide)
	li.page.Run(chromedp.Navigate(address))
	present(t, li.page, "call-screen")
	converse(t, anna, li)

	o.way.cut()
	present(t, anna.page, "offline")
	li.sees(t, anna.userID, anna.face) // media does not go that way
	o.show(t, anna, "18-offline", wide)
	o.way.open()
	anna.without(t, "offline")
	anna.becomes(t, "call", "room", "live")
	converse(t, anna, li)
}

// The gateway is killed, and started again.
func (o *office) killed(t *testing.T) {
	o.gw.process.Kill()
	present(t, o.anna.page, "offline")
	o.open(t)
	for _, g := range []*guest{o.anna, o.ben, o.sam} {
		g.without(t, "offline")
	}
	o.anna.becomes(t, "call", "part", "talks")
	o.anna.becomes(t, "call", "room", "live")
	o.li.becomes(t, "caller", "state", "answered")
	converse(t, o.anna, o.li)
	o.ben.becomes(t, "my-state", "state", "ready")
}
