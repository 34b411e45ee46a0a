package weapp_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"hutong/gateway/config"
	"hutong/gateway/room"
)

// TestChatReachesEverybody in the form that each shows.
func TestChatReachesEverybody(t *testing.T) {
	g := open(t, nil)
	roomID := g.webrtcRoom("webby", "").text("roomID")
	u := g.login("rtc", "multi_room")
	u.enter("multi_room", roomID)
	g.browser(roomID, "chrome")
	web, rtc := g.talker("webby", roomID), g.talker("rtc", roomID)
	head := func(nick, avatar string) string {
		return `{"cmd":"CustomTextMsg","data":{"headPic":"` + avatar + `","nickName":"` + nick + `"}}`
	}
	own := `{"cmd":"CustomTextMsg","data":{"nickName":"own","headPic":"pic"}}`
	for _, tc := range []struct {
		say      func()
		web, rtc string
		page     string
	}{
		{func() {
			rtc.do(object{"cmd": "send", "group": roomID, "elems": []object{customElem(own, "", ""), textElem("one")}})
		},
			`custom:one|{"nickName":"Nrtc"}|TEXT`, "custom:" + own + "|| text:one", "one"},
		{func() {
			web.do(object{"cmd": "send", "group": roomID, "elems": []object{customElem("two", `{"nickName":"W"}`, "TEXT")}})
		},
			`custom:two|{"nickName":"W"}|TEXT`, "custom:" + head("Nwebby", "") + "|| text:two", "two"},
		{func() {
			_, err := g.rooms.Say(t.Context(), roomID, room.Saying{From: "chrome", Kind: room.Text, Text: "three"})
			check(t, err)
		}, `custom:three|{"nickName":"chrome"}|TEXT`, "custom:" + head("chrome", "") + "|| text:three", "three"},
	} {
		tc.say()
		w, r := web.message("message"), rtc.message("message")
		if elems(w) != tc.web || elems(r) != tc.rtc {
			t.Errorf("webrtc-room shows %s, rtc-room %s; want %s and %s", elems(w), elems(r), tc.web, tc.rtc)
		}
		said, err := g.rooms.History(t.Context(), roomID, "chrome", 0)
		check(t, err)
		if m := said[len(said)-1]; m.Kind != room.Text || m.Text != tc.page {
			t.Errorf("the page shows %+v, want %s", m, tc.page)
		}
	}
	// Custom messages arrive as they were sent, whichever way.
	web.do(object{"cmd": "send", "group": roomID, "elems": []object{customElem(`{"x":1}`, "d", "TXWhiteBoardExt")}})
	if m := rtc.message("message"); elems(m) != `custom:{"x":1}|d|TXWhiteBoardExt` {
		t.Errorf("%v", m)
	}
	said, err := g.rooms.History(t.Context(), roomID, "chrome", 0)
	check(t, err)
	if m := said[len(said)-1]; m.Kind != room.Custom || string(m.Data) != `{"data":"{\"x\":1}","desc":"d","ext":"TXWhiteBoardExt"}` {
		t.Errorf("the page gets %+v", m)
	}
	for data, want := range map[string]string{`{"data":"D","ext":"E"}`: "custom:D||E", `{"cmd":"open","n":1}`: `custom:{"cmd":"open","n":1}||`, `[1]`: "custom:[1]||"} {
		_, err := g.rooms.Say(t.Context(), roomID, room.Saying{From: "chrome", Kind: room.Custom, Data: []byte(data)})
		check(t, err)
		m := rtc.message("message")
		if elems(m) != want {
			t.Errorf("%s arrives as %s", data, elems(m))
		}
	}
}

// TestANickCannotBreakReceivers: they split at the first }}.
func TestANickCannotBreakReceivers(t *testing.T) {
	g := open(t, nil)
	g.login("rtc", "multi_room").enter("multi_room", "7")
	_, _, err := g.rooms.Join(t.Context(), "7", room.Joining{UserID: "chrome", NickName: `a"}}b`, Client: room.WebRTC})
	check(t, err)
	w := g.talker("rtc", "7")
	_, err = g.rooms.Say(t.Context(), "7", room.Saying{From: "chrome", Kind: room.Text, Text: "hello"})
	check(t, err)
	all := ""
	for _, e := range w.message("message").list("elems") {
		all += e.text("data") + e.text("text")
	}
	head, rest, _ := strings.Cut(all, "}}")
	var parsed struct {
		Cmd  string
		Data struct{ NickName string }
	}
	if err := json.Unmarshal([]byte(head+"}}"), &parsed); err != nil || rest != "hello" || parsed.Data.NickName != `a"} }b` {
		t.Errorf("%s: %v", all, err)
	}
}

func TestDirectMessages(t *testing.T) {
	g := open(t, nil)
	a, b := g.talker("alice", ""), g.talker("bob", "")
	for n := range 5 {
		r := a.do(object{"cmd": "send", "user": "bob", "random": fmt.Sprint("r", n), "elems": []object{customElem(fmt.Sprint(n), "", "")}})
		m := b.message("c2c")
		if m["seq"] != float64(n+1) || r["seq"] != m["seq"] || m.text("from") != "alice" || m.text("nick") != "Nalice" || m["group"] != nil || elems(m) != fmt.Sprintf("custom:%d||", n) {
			t.Errorf("%v", m)
		}
	}
	// A reply was lost: the message is sent again, and not delivered twice.
	if r := a.do(object{"cmd": "send", "user": "bob", "random": "r4", "elems": []object{customElem("4", "", "")}}); r["seq"] != float64(5) {
		t.Errorf("%v", r)
	}
	a.do(object{"cmd": "send", "user": "bob", "random": "r5", "elems": []object{customElem("5", "", "")}})
	if m := b.message("c2c"); elems(m) != "custom:5||" {
		t.Errorf("%v", m)
	}
	for request, want := range map[string]int{"nobody": 20003, "a.b": 20003} {
		if r := a.ask(object{"cmd": "send", "user": request, "elems": []object{textElem("x")}}); r["code"] != float64(want) {
			t.Errorf("to %s: %v", request, r)
		}
	}
	b.do(object{"cmd": "logout"})
	if r := a.ask(object{"cmd": "send", "user": "bob", "elems": []object{textElem("x")}}); r["code"] != float64(20003) {
		t.Errorf("to one who has logged out: %v", r)
	}
}

// TestGroupMessagesAreSaidOnce: the same random is the same message.
func TestGroupMessagesAreSaidOnce(t *testing.T) {
	g := open(t, nil)
	g.login("alice", "multi_room").enter("multi_room", "r")
	a, b := g.talker("alice", "r"), g.talker("bob", "r")
	first := a.do(object{"cmd": "send", "group": "r", "random": "same", "elems": []object{textElem("x")}})
	again := a.do(object{"cmd": "send", "group": "r", "random": "same", "elems": []object{textElem("x")}})
	other := b.do(object{"cmd": "send", "group": "r", "random": "same", "elems": []object{textElem("y")}})
	if first["seq"] != again["seq"] || other["seq"] == first["seq"] {
		t.Errorf("%v %v %v", first, again, other)
	}
	for _, want := range []string{"text:x", "text:y"} {
		m := b.said()
		if !strings.HasSuffix(elems(m), want) {
			t.Errorf("%v, want %s", m, want)
		}
	}
}

func TestLimitsOfMessages(t *testing.T) {
	g := open(t, func(c *config.Config) { c.Weapp.Messages = config.Rate{PerSecond: 1, Burst: 10} })
	g.login("alice", "multi_room").enter("multi_room", "r")
	a := g.talker("alice", "r")
	g.talker("bob", "")
	try := func(request object, want int) {
		t.Helper()
		request["cmd"] = "send"
		if o := a.ask(request); o["code"] != float64(want) {
			t.Errorf("%.60v: %v, want %d", request, o, want)
		}
	}
	try(object{"group": "r", "elems": []object{textElem(strings.Repeat("界", 2966))}}, 0) // 8898 bytes
	try(object{"group": "r", "elems": []object{textElem(strings.Repeat("界", 2966) + "x")}}, 10017)
	try(object{"user": "bob", "elems": []object{customElem(strings.Repeat("x", 6000), strings.Repeat("y", 6000), "")}}, 0)
	try(object{"user": "bob", "elems": []object{customElem(strings.Repeat("x", 6000), strings.Repeat("y", 6000), "z")}}, 10017)
	try(object{"group": "r", "elems": []object{}}, 10016)
	try(object{"group": "r", "elems": []object{textElem("")}}, 10016)
	try(object{"group": "r", "elems": []object{{"type": "TIMFileElem"}}}, 10016)
	try(object{"group": "r", "elems": []object{textElem("x")}, "random": strings.Repeat("x", 33)}, 10004)
	try(object{"elems": []object{textElem("x")}}, 10004)
	try(object{"group": "r", "elems": "x"}, 10004)
	try(object{"group": "r", "elems": []object{textElem("x")}}, 0) // the tenth that counts
	try(object{"group": "r", "elems": []object{textElem("x")}}, 20012)
	g.clock.pass(2 * time.Second)
	try(object{"group": "r", "elems": []object{textElem("x")}}, 0)
}
