package e2e

import (
	"testing"

	"hutong/bridge/testmedia"
)

// service is what video-service shows on a phone's screen.
type service struct {
	Screen, Over, Headline, Who, Notice, Ended string
	Lines                                      []struct{ From, Text string }
}

// shown waits until the phone's video-service is as wanted.
func (h *handset) shown(t *testing.T, what string, wanted func(service) bool) {
	t.Helper()
	var s service
	defer func() {
		if t.Failed() {
			t.Logf("%s's phone shows %+v", h.name, s)
		}
	}()
	testmedia.Eventually(t, waitLong, h.name+"'s phone to show "+what, func() bool {
		s = service{}
		h.do(t, "data", map[string]any{"name": "service"}, &s)
		return wanted(s)
	})
}

// TestDeskForAMiniprogram has a customer with the mini-program call, and an agent
// in Chromium answer: each sees and hears the other, before and after a hold and a
// lost network.
func TestDeskForAMiniprogram(t *testing.T) {
	o, ben := openBooth(t)

	wang := newHandset(t, o.gw, faceOf(5), "Wang")
	wang.mount(t, "service", "pages/components/video-service/video-service", map[string]any{"server": "http://" + o.gw.http, "queue": "support",
		"userID": "wang", "nickName": "Wang", "userData": map[string]any{"order": 4711}, "lang": "en"}, "ServiceEvent")
	wang.shown(t, "the start", func(s service) bool { return s.Screen == "start" })
	wang.tap(t, "service", ".vs-dial")
	wang.shown(t, "the line", func(s service) bool { return s.Over == "queue" && s.Notice == "One moment please." })
	ben.press(t, "answer")
	meet := func() {
		t.Helper()
		wang.shown(t, "the call", func(s service) bool { return s.Over == "" && s.Who == "In a call with 王本" })
		customer := &guest{face: wang.face, name: wang.name, userID: "wang"}
		ben.attends(customer)
		ben.perceives(t, customer)
		wang.meets(t, map[string]face{ben.userID: ben.face})
	}
	meet()
	ben.reading(t, "user-data", "4711")
	ben.press(t, "tab-chat")
	ben.press(t, "quick-reply")
	wang.shown(t, "what the agent writes", func(s service) bool { return len(s.Lines) == 1 && s.Lines[0].From == "王本" })
	wang.tap(t, "service", ".vs-talk")
	wang.call(t, "service", "onDraft", map[string]any{"detail": map[string]any{"value": "here it is"}})
	wang.call(t, "service", "onSend")
	ben.reading(t, "chat-message", "here it is")
	ben.press(t, "tab-data")

	ben.press(t, "hold")
	wang.shown(t, "the hold", func(s service) bool { return s.Over == "hold" && s.Notice == "Back in a moment." })
	ben.press(t, "hold")
	meet()
	wang.do(t, "offline", nil, nil)
	wang.do(t, "online", map[string]any{"networkType": "4g"}, nil)
	meet()

	ben.press(t, "hangup")
	wang.shown(t, "the end", func(s service) bool { return s.Screen == "ended" && s.Ended == "Thank you for your call" })
	wang.tap(t, "service", ".star-5")
	wang.call(t, "service", "onRate")
	wang.shown(t, "thanks", func(service) bool {
		var d struct{ RatingDone bool }
		wang.do(t, "data", map[string]any{"name": "service"}, &d)
		return d.RatingDone
	})
}
