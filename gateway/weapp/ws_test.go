package weapp_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"

	"hutong/gateway/config"
	"hutong/gateway/room"
	"hutong/gateway/weapp/usersig"
)

// talk is a client of the message socket. One goroutine reads; tests take what
// came in order.
type talk struct {
	t      testing.TB
	c      *websocket.Conn
	frames chan object // closed with the connection
	next   int
	kept   []object // events that came while a reply was waited for
}

func (g *gate) dial() *talk {
	g.t.Helper()
	c, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(g.base, "http")+"/ws", nil)
	check(g.t, err)
	w := &talk{t: g.t, c: c, frames: make(chan object, 4096)}
	go func() {
		defer close(w.frames)
		for {
			_, data, err := c.ReadMessage()
			if err != nil {
				return
			}
			var o object
			if json.Unmarshal(data, &o) == nil {
				w.frames <- o
			}
		}
	}()
	g.t.Cleanup(w.cut)
	return w
}

// cut ends the connection without a word.
func (w *talk) cut() {
	w.c.Close()
	for range w.frames {
	}
}

// frame waits for the next frame; nil is the end.
func (w *talk) frame() object {
	w.t.Helper()
	select {
	case o := <-w.frames:
		return o
	case <-time.After(patience):
		w.t.Fatal("nothing came")
	}
	return nil
}

// ask sends a request and waits for its reply.
func (w *talk) ask(request object) object {
	w.t.Helper()
	w.next++
	request["id"] = w.next
	check(w.t, w.c.WriteJSON(request))
	for {
		o := w.frame()
		if o == nil {
			w.t.Fatalf("the connection ended in place of an answer to %v", request)
		}
		if o["id"] == float64(w.next) {
			return o
		}
		w.kept = append(w.kept, o)
	}
}

// do is ask where it must succeed.
func (w *talk) do(request object) object {
	w.t.Helper()
	o := w.ask(request)
	if o["code"] != float64(0) {
		w.t.Fatalf("%v: %v", request, o)
	}
	return o
}

// event waits for an event of a name; others before it are passed over.
func (w *talk) event(name string) object {
	w.t.Helper()
	for {
		var o object
		if len(w.kept) > 0 {
			o, w.kept = w.kept[0], w.kept[1:]
		} else if o = w.frame(); o == nil {
			w.t.Fatalf("the connection ended in place of %s", name)
		}
		if o["event"] == name {
			return o
		}
	}
}

// message waits for one of the group or, with c2c, for this user.
func (w *talk) message(event string) object {
	w.t.Helper()
	m, _ := w.event(event)["message"].(map[string]any)
	return m
}

// elems are a message's elements, in a line.
func elems(m object) string {
	out := []string{}
	for _, e := range m.list("elems") {
		switch e.text("type") {
		case "TIMTextElem":
			out = append(out, "text:"+e.text("text"))
		case "TIMCustomElem":
			out = append(out, "custom:"+e.text("data")+"|"+e.text("desc")+"|"+e.text("ext"))
		default:
			out = append(out, e.text("type"))
		}
	}
	return strings.Join(out, " ")
}

func textElem(s string) object { return object{"type": "TIMTextElem", "text": s} }
func customElem(data, desc, ext string) object {
	return object{"type": "TIMCustomElem", "data": data, "desc": desc, "ext": ext}
}

func (g *gate) sig(userID string) string {
	g.t.Helper()
	sig, err := g.api.UserSig(userID, time.Hour)
	check(g.t, err)
	return sig
}

func (g *gate) loginRequest(userID string) object {
	return object{"cmd": "login", "sdkAppID": appID, "userID": userID, "userSig": g.sig(userID), "nick": "N" + userID}
}

// talker is somebody logged in, and in a group if one is given.
func (g *gate) talker(userID, group string) *talk {
	g.t.Helper()
	w := g.dial()
	w.do(g.loginRequest(userID))
	if group != "" {
		w.do(object{"cmd": "join", "group": group})
	}
	return w
}

func TestMessagesOfAGroup(t *testing.T) {
	g := open(t, nil)
	g.login("alice", "multi_room").enter("multi_room", "r")
	a, b := g.talker("alice", "r"), g.talker("bob", "r")
	head := `{"cmd":"CustomTextMsg","data":{"nickName":"Nalice","headPic":"http://a/alice"}}`
	sent := a.do(object{"cmd": "send", "group": "r", "random": "x1", "elems": []object{customElem(head, "", ""), textElem("<b>你好 & \"all\"")}})
	for name, w := range map[string]*talk{"alice": a, "bob": b} {
		m := w.message("message")
		for m["subType"] != float64(0) {
			m = w.message("message")
		}
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
			m := w.message("message")
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
		m := b.message("message")
		for m["subType"] == float64(2) {
			m = b.message("message")
		}
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

func TestSocketLogins(t *testing.T) {
	g := open(t, nil)
	ec, err := usersig.SignECDSA(usersig.Derived(key), usersig.Claims{UserID: "alice", SDKAppID: appID, Issued: g.clock.now(), TTL: time.Hour})
	check(t, err)
	for name, tc := range map[string]struct {
		change object
		code   int
	}{
		"good":             {object{}, 0},
		"the form of 2018": {object{"userSig": ec}, 0},
		"an app in text":   {object{"sdkAppID": "1400000001"}, 0},
		"another app":      {object{"sdkAppID": 1}, 70001},
		"another user":     {object{"userID": "bob"}, 70001},
		"no userSig":       {object{"userSig": ""}, 70001},
		"a number":         {object{"userSig": 1}, 10004},
	} {
		w := g.dial()
		r := g.loginRequest("alice")
		for k, v := range tc.change {
			r[k] = v
		}
		if tc.code == 10004 {
			check(t, w.c.WriteJSON(r))
			if o := w.frame(); o["code"] != float64(10004) {
				t.Errorf("%s: %v", name, o)
			}
			continue
		}
		if o := w.ask(r); o["code"] != float64(tc.code) {
			t.Errorf("%s: %v, want %d", name, o, tc.code)
		}
	}
	w := g.dial()
	for _, cmd := range []string{"join", "send", "nick", "quit", "create", "destroy"} {
		if o := w.ask(object{"cmd": cmd, "group": "r"}); o["code"] != float64(6014) {
			t.Errorf("%s without a login: %v", cmd, o)
		}
	}
	for _, text := range []string{"", "x", "[]", `{"id":{}}`, `{"cmd":1}`, strings.Repeat("[", 1000)} {
		check(t, w.c.WriteMessage(websocket.TextMessage, []byte(text)))
		if o := w.frame(); o["code"] != float64(10004) && text != "[]" && text != "" {
			t.Errorf("%q: %v", text, o)
		}
	}
	w.do(object{"cmd": "ping"})
	check(t, w.c.WriteMessage(websocket.TextMessage, make([]byte, 65<<10)))
	for w.frame() != nil {
	}
}

func TestTheSecondLoginReplacesTheFirst(t *testing.T) {
	g := open(t, nil)
	g.login("alice", "multi_room").enter("multi_room", "r")
	first := g.dial()
	session := first.do(g.loginRequest("alice"))["session"]
	first.do(object{"cmd": "join", "group": "r"})
	second := g.talker("alice", "r")
	first.event("kicked")
	for first.frame() != nil { // and nothing more but the end
	}
	// It does not come back by itself, and would be told why.
	back := g.dial()
	r := g.loginRequest("alice")
	r["resume"] = object{"session": session, "c2c": 0}
	if o := back.ask(r); o["code"] != float64(91101) {
		t.Errorf("%v", o)
	}
	second.do(object{"cmd": "send", "group": "r", "elems": []object{textElem("still here")}})
}

// TestResume loses sockets, and no message.
func TestResume(t *testing.T) {
	dir := t.TempDir()
	var session any
	resume := func(g *gate, c2c int) (*talk, object) {
		w := g.dial()
		r := g.loginRequest("alice")
		r["resume"] = object{"session": session, "c2c": c2c}
		return w, w.do(r)
	}
	t.Run("a lost socket", func(t *testing.T) {
		g := openAt(t, dir, nil)
		g.login("bob", "multi_room").enter("multi_room", "r")
		a, b := g.dial(), g.talker("bob", "r")
		session = a.do(g.loginRequest("alice"))["session"]
		a.do(object{"cmd": "join", "group": "r"})
		b.do(object{"cmd": "send", "group": "r", "elems": []object{textElem("one")}})
		b.do(object{"cmd": "send", "user": "alice", "elems": []object{textElem("c1")}})
		a.message("message")
		a.message("c2c")
		a.cut()
		b.do(object{"cmd": "send", "group": "r", "elems": []object{textElem("two")}})
		b.do(object{"cmd": "send", "user": "alice", "elems": []object{textElem("c2")}})
		b.do(object{"cmd": "send", "user": "alice", "elems": []object{textElem("c3")}})
		again, o := resume(g, 1)
		if o["resumed"] != true || o["session"] != session || o["c2c"] != float64(3) {
			t.Errorf("%v", o)
		}
		for _, want := range []string{"text:c2", "text:c3"} {
			if m := again.message("c2c"); elems(m) != want {
				t.Errorf("%v, want %s", m, want)
			}
		}
		j := again.do(object{"cmd": "join", "group": "r", "after": 1})
		if m := j.list("messages"); len(m) != 1 || !strings.HasSuffix(elems(m[0]), "text:two") {
			t.Errorf("%v", j)
		}
		// The old socket was not noticed yet, and yields without a kick.
		third, o := resume(g, 3)
		if o["resumed"] != true {
			t.Errorf("%v", o)
		}
		for o := again.frame(); o != nil; o = again.frame() {
			if o["event"] == "kicked" {
				t.Error("the same login was kicked by itself")
			}
		}
		third.do(object{"cmd": "join", "group": "r", "after": 2})
		b.do(object{"cmd": "send", "user": "alice", "elems": []object{textElem("c4")}})
		if m := third.message("c2c"); elems(m) != "text:c4" {
			t.Errorf("%v", m)
		}
	})
	t.Run("a gateway that was killed", func(t *testing.T) {
		g := openAt(t, dir, nil)
		w, o := resume(g, 2)
		if o["resumed"] != true || o["c2c"] != float64(4) {
			t.Errorf("%v", o)
		}
		for _, want := range []string{"text:c3", "text:c4"} {
			if m := w.message("c2c"); elems(m) != want {
				t.Errorf("%v, want %s", m, want)
			}
		}
		if m := w.do(object{"cmd": "join", "group": "r", "after": 0}).list("messages"); len(m) != 2 {
			t.Errorf("%v", m)
		}
	})
}

// TestRemoteControl is a back office in a browser and a phone, each steering a
// device that answers.
func TestRemoteControl(t *testing.T) {
	g := open(t, nil)
	g.login("camera1", "multi_room").enter("multi_room", "yard")
	g.login("phone", "multi_room").enter("multi_room", "yard")
	g.browser("yard", "chrome")
	device, phone, bystander := g.talker("camera1", "yard"), g.talker("phone", "yard"), g.talker("other", "yard")
	// From a phone, by the group, to one member: kept for a device that is away.
	phone.do(object{"cmd": "send", "group": "yard", "user": "camera1", "random": "c1", "elems": []object{customElem(`{"cmd":"pan","id":1}`, "", "control")}})
	m := device.message("c2c")
	if elems(m) != `custom:{"cmd":"pan","id":1}||control` || m.text("from") != "phone" || m.text("to") != "camera1" || m.text("group") != "yard" {
		t.Errorf("the device got %v", m)
	}
	device.do(object{"cmd": "send", "group": "yard", "user": "phone", "elems": []object{customElem(`{"ack":1}`, "", "control")}})
	if m := phone.message("c2c"); elems(m) != `custom:{"ack":1}||control` {
		t.Errorf("the phone got %v", m)
	}
	// From a browser, and back to it: a direct message finds it in the room.
	_, err := g.rooms.Say(t.Context(), "yard", room.Saying{From: "chrome", To: "camera1", Kind: room.Custom, Data: []byte(`{"cmd":"tilt","id":2}`)})
	check(t, err)
	if m := device.message("c2c"); elems(m) != `custom:{"cmd":"tilt","id":2}||` || m.text("from") != "chrome" {
		t.Errorf("the device got %v", m)
	}
	device.do(object{"cmd": "send", "user": "chrome", "elems": []object{customElem(`{"ack":2}`, "", "control")}})
	said, err := g.rooms.History(t.Context(), "yard", "chrome", 0)
	check(t, err)
	if m := said[len(said)-1]; m.To != "chrome" || m.Kind != room.Custom || string(m.Data) != `{"data":"{\"ack\":2}","desc":"","ext":"control"}` {
		t.Errorf("the browser got %+v", m)
	}
	// Whoever is neither has heard of nothing.
	phone.do(object{"cmd": "send", "group": "yard", "elems": []object{textElem("mark")}})
	if m := bystander.message("message"); !strings.HasSuffix(elems(m), "text:mark") {
		t.Errorf("a bystander got %v", m)
	}
	if r := phone.ask(object{"cmd": "send", "group": "yard", "user": "nobody", "elems": []object{textElem("x")}}); r["code"] != float64(20003) {
		t.Errorf("to no member: %v", r)
	}
	// A device that was away gets what it missed when it joins again.
	device.cut()
	phone.do(object{"cmd": "send", "group": "yard", "user": "camera1", "elems": []object{customElem(`{"cmd":"stop","id":3}`, "", "control")}})
	again := g.talker("camera1", "")
	j := again.do(object{"cmd": "join", "group": "yard", "after": m["seq"]})
	list := j.list("messages")
	if last := list[len(list)-1]; elems(last) != `custom:{"cmd":"stop","id":3}||control` {
		t.Errorf("%v", j)
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

func TestWatch(t *testing.T) {
	g := open(t, nil)
	made := g.webrtcRoom("alice", "")
	roomID := made.text("roomID")
	w := g.dial()
	request := func() object {
		return object{"cmd": "watch", "sdkAppID": appID, "userID": "alice", "userSig": g.sig("alice"), "roomID": roomID, "privateMapKey": made.text("privateMapKey")}
	}
	talk := g.talker("alice", roomID) // a login of the same user is not disturbed
	o := w.do(request())
	if !strings.Contains(o.text("pushURL"), g.streamOf(roomID, "alice")+"?") || len(o.list("userlist")) != 0 || o["userlist"] == nil {
		t.Errorf("%v", o)
	}
	users := func(want ...string) {
		t.Helper()
		got := []string{}
		for _, u := range w.event("members").list("userlist") {
			got = append(got, u.text("userid"))
			if !strings.HasPrefix(u.text("playurl"), "rtmp://") {
				t.Errorf("%v", u)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("told of %v, want %v", got, want)
		}
	}
	g.post("webrtc_room/enter_room", object{"userID": "bobby", "roomID": roomID})
	users("bobby")
	g.browser(roomID, "chrome")
	users("bobby", "chrome")
	g.post("webrtc_room/quit_room", object{"userID": "bobby", "roomID": roomID})
	users("chrome")
	talk.do(object{"cmd": "ping"})
	check(t, g.rooms.Remove(t.Context(), roomID, "alice"))
	for o := w.frame(); ; o = w.frame() {
		if o == nil {
			t.Fatal("the end was not told")
		}
		if o["event"] == "left" {
			if o.text("reason") != "removed" {
				t.Errorf("%v", o)
			}
			break
		}
	}
	for w.frame() != nil {
	}
	for name, change := range map[string]object{"gone": {}, "no room": {"roomID": "7"}, "a bad room": {"roomID": "a.b"},
		"no map key": {"privateMapKey": ""}, "no userSig": {"userSig": "x"}} {
		again := g.dial()
		r := request()
		for k, v := range change {
			r[k] = v
		}
		want := map[string]float64{"gone": 10007, "no room": 10010, "a bad room": 10010, "no map key": 10007, "no userSig": 70001}[name]
		if o := again.ask(r); o["code"] != want {
			t.Errorf("%s: %v, want %v", name, o, want)
		}
	}
}
