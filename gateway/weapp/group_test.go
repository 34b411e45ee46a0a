package weapp_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"hutong/gateway/room"
)

func TestMessagesOfAGroup(t *testing.T) {
	g := open(t, nil)
	g.login("alice", "multi_room").enter("multi_room", "r")
	a, b := g.talker("alice", "r"), g.talker("bob", "r")
	head := `{"cmd":"CustomTextMsg","data":{"nickName":"Nalice","headPic":"http://a/alice"}}`
	sent := a.do(object{"cmd": "send", "group": "r", "random": "x1", "elems": []object{customElem(head, "", ""), textElem("<b>你好 & \"all\"")}})
	for name, w := range map[string]*talk{"alice": a, "bob": b} {
		m := w.said()
		if elems(m) != "custom:"+head+"|| text:<b>你好 & \"all\"" || m.text("from") != "alice" || m.text("nick") != "Nalice" || m.text("group") != "r" ||
			m["seq"] != sent["seq"] || m.text("random") != "x1" || m["time"] != float64(g.clock.now().Unix()) {
			t.Errorf("%s got %v", name, m)
		}
	}
	// Who listens without a place may speak too; in order, whoever speaks.
	for n := range 30 {
		w := []*talk{a, b}[n%2]
		w.do(object{"cmd": "send", "group": "r", "elems": []object{textElem(fmt.Sprint(n))}})
	}
	for name, w := range map[string]*talk{"alice": a, "bob": b} {
		last := sent["seq"].(float64)
		for n := range 30 {
			m := w.said()
			if !strings.HasSuffix(elems(m), "text:"+fmt.Sprint(n)) || m["seq"].(float64) != last+1 || m.text("nick") != []string{"Nalice", "Nbob"}[n%2] {
				t.Errorf("%s got %v as number %d", name, m, n)
			}
			last = m["seq"].(float64)
		}
	}
}

func TestHistoryForTheLate(t *testing.T) {
	g := open(t, nil)
	g.login("alice", "multi_room").enter("multi_room", "r")
	a := g.talker("alice", "r")
	for n := range 70 {
		a.do(object{"cmd": "send", "group": "r", "elems": []object{textElem(fmt.Sprint(n))}})
	}
	b := g.dial()
	b.do(g.loginRequest("bob"))
	j := b.do(object{"cmd": "join", "group": "r"})
	said := j.list("messages")
	if j.text("joined") != "JoinedSuccess" || j["seq"] != float64(70) || len(said) != 20 || said[0]["seq"] != float64(51) || !strings.HasSuffix(elems(said[19]), "text:69") {
		t.Errorf("joined with %v", j)
	}
	if n := b.event("system"); n["type"] != float64(255) || n.text("text") != `{"cmd":"notifyPusherChange","data":""}` || n.text("group") != "r" {
		t.Errorf("%v", n)
	}
	back := b.do(object{"cmd": "join", "group": "r", "after": 60})
	if said := back.list("messages"); len(said) != 10 || said[0]["seq"] != float64(61) || back["missed"] != nil {
		t.Errorf("came back with %v", back)
	}
	if late := b.do(object{"cmd": "join", "group": "r", "after": 3}); len(late.list("messages")) != 50 || late["missed"] != true {
		t.Errorf("came back late with %v", late)
	}
}

func TestGroups(t *testing.T) {
	g := open(t, nil)
	w := g.talker("alice", "")
	code := func(request object, want int) {
		t.Helper()
		if o := w.ask(request); o["code"] != float64(want) || want != 0 && o.text("info") == "" {
			t.Errorf("%v: %v, want %d", request, o, want)
		}
	}
	code(object{"cmd": "join", "group": "none"}, 10010)
	code(object{"cmd": "join", "group": "a.b"}, 10010)
	code(object{"cmd": "quit", "group": 0}, 0)
	code(object{"cmd": "quit", "group": "unknown"}, 0)
	code(object{"cmd": "quit"}, 0)
	code(object{"cmd": "send", "group": "none", "elems": []object{textElem("x")}}, 10007)
	code(object{"cmd": "create", "group": 1234, "type": "AVChatRoom"}, 0)
	code(object{"cmd": "create", "group": "1234"}, 10021)
	code(object{"cmd": "create", "group": "a.b"}, 10004)
	code(object{"cmd": "join", "group": 1234}, 0)
	code(object{"cmd": "join", "group": "1234"}, 0)
	code(object{"cmd": "send", "group": 1234, "elems": []object{textElem("x")}}, 0)
	code(object{"cmd": "destroy", "group": "1234"}, 10007) // nobody has entered: it has no creator
	u := g.login("alice", "multi_room")
	u.enter("multi_room", "mine")
	code(object{"cmd": "create", "group": "mine"}, 10021)
	code(object{"cmd": "join", "group": "mine"}, 0) // leaves 1234
	code(object{"cmd": "send", "group": "1234", "elems": []object{textElem("x")}}, 10007)
	code(object{"cmd": "destroy", "group": "mine"}, 0)
	n := w.event("system")
	for n["type"] != float64(5) {
		n = w.event("system")
	}
	if n.text("group") != "mine" {
		t.Errorf("%v", n)
	}
	code(object{"cmd": "send", "group": "mine", "elems": []object{textElem("x")}}, 10007)
	code(object{"cmd": "nothing"}, 10018)
	code(object{"cmd": "login", "userID": "alice"}, 10004)
}

// TestNotices reads what a group is told of its members.
func TestNotices(t *testing.T) {
	g := open(t, nil)
	g.clock.pass(time.Minute)
	a := g.login("alice", "multi_room")
	a.do("multi_room/create_room", object{"roomID": "r", "roomInfo": ""})
	w := g.talker("alice", "r")
	changed := func(what string) {
		t.Helper()
		if n := w.event("system"); n["type"] != float64(255) {
			t.Errorf("%s: %v", what, n)
		}
	}
	a.enter("multi_room", "r")
	changed("the first has entered")
	// State before notice: whoever reads at once sees it.
	b := g.login("bob", "multi_room")
	b.enter("multi_room", "r")
	changed("the second has entered")
	if got := a.users("multi_room", "r"); !slices.Equal(got, []string{"alice", "bob"}) {
		t.Errorf("after the notice there are %v", got)
	}
	push := b.do("multi_room/get_push_url", "{}").text("pushURL")
	for range 2 { // the second changes nothing, and is told
		b.do("multi_room/add_pusher", object{"roomID": "r", "userName": "B", "pushURL": push})
		changed("somebody has come again")
	}
	b.do("multi_room/delete_pusher", object{"roomID": "r"})
	changed("the second has left")
	g.browser("r", "chrome")
	changed("a browser has come")
	check(t, g.rooms.Leave(t.Context(), "r", "chrome"))
	changed("a browser has left")
	b.enter("multi_room", "r")
	changed("the second is back")
	for range 6 {
		g.clock.pass(7 * time.Second)
		a.do("multi_room/pusher_heartbeat", object{"roomID": "r"})
	}
	changed("the second has expired")
	a.do("multi_room/delete_pusher", object{"roomID": "r"})
	// Its leaving may be told, the end has to be.
	n := w.event("system")
	for n["type"] == float64(255) {
		n = w.event("system")
	}
	if n["type"] != float64(5) || n.text("group") != "r" {
		t.Errorf("%v", n)
	}
}

// TestWebRTCRoomsHaveNoNotices: its components take any for an error.
func TestWebRTCRoomsHaveNoNotices(t *testing.T) {
	g := open(t, nil)
	roomID := g.webrtcRoom("alice", "").text("roomID")
	w := g.talker("alice", "")
	if o := w.ask(object{"cmd": "create", "group": roomID}); o["code"] != float64(10021) {
		t.Errorf("%v", o)
	}
	w.do(object{"cmd": "join", "group": roomID})
	g.post("webrtc_room/enter_room", object{"userID": "bobby", "roomID": roomID})
	_, err := g.rooms.Say(t.Context(), roomID, room.Saying{Kind: room.Text, Text: "mark"})
	check(t, err)
	if m := w.message("message"); elems(m) != `custom:mark|{"nickName":"administrator"}|TEXT` {
		t.Errorf("%v", m)
	}
	if len(w.kept) != 0 {
		t.Errorf("before it came %v", w.kept)
	}
}

func TestTips(t *testing.T) {
	g := open(t, nil)
	g.login("alice", "multi_room").enter("multi_room", "r")
	a := g.talker("alice", "r")
	b := g.talker("bob", "r")
	read := func(op int) {
		t.Helper()
		m := a.message("message")
		e := m.list("elems")
		if m["subType"] != float64(2) || m.text("from") != "@TIM#SYSTEM" || len(e) != 1 || e[0]["opType"] != float64(op) || e[0].text("opUserID") != "bob" || e[0].text("nick") != "Nbob" {
			t.Errorf("%v", m)
		}
	}
	read(1)
	b.do(object{"cmd": "quit", "group": "r"})
	read(2)
}

func TestAViewerWhoQuitsIsNotListed(t *testing.T) {
	g := open(t, nil)
	g.login("anchor", "live_room").enter("live_room", "r")
	v := g.login("viewer", "live_room")
	w := g.talker("viewer", "r")
	v.do("live_room/add_audience", object{"roomID": "r", "userInfo": "{}"})
	eventually(t, "the viewer to be listed", func() bool { r, _ := g.rooms.Known("r"); return len(r.Weapp.Audience) == 1 })
	w.do(object{"cmd": "quit", "group": "r"})
	eventually(t, "the viewer to be off the list", func() bool {
		return v.do("live_room/get_audiences", object{"roomID": "r"})["audienceCount"] == float64(0)
	})
}
