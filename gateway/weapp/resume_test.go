package weapp_test

import (
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"

	"hutong/gateway/weapp/usersig"
)

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
		a.events("message", "c2c") // which go different ways
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
