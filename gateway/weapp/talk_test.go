package weapp_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
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

// events waits for one event of each name, in whatever order they come.
func (w *talk) events(names ...string) {
	w.t.Helper()
	for len(names) > 0 {
		var o object
		if len(w.kept) > 0 {
			o, w.kept = w.kept[0], w.kept[1:]
		} else if o = w.frame(); o == nil {
			w.t.Fatalf("the connection ended in place of %v", names)
		}
		names = slices.DeleteFunc(names, func(n string) bool { return o["event"] == n })
	}
}

// message waits for one of the group or, with c2c, for this user.
func (w *talk) message(event string) object {
	w.t.Helper()
	m, _ := w.event(event)["message"].(map[string]any)
	return m
}

// said waits for what somebody says in the group: who comes and goes is told aside.
func (w *talk) said() object {
	w.t.Helper()
	for {
		if m := w.message("message"); m["subType"] == float64(0) {
			return m
		}
	}
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
