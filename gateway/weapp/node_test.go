package weapp_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"hutong/bridge/stream"
	"hutong/gateway/config"
)

// TestTwoNodes: whichever node a phone reaches, it is the same room and the same
// messages.
func TestTwoNodes(t *testing.T) {
	one := open(t, nil)
	two := one.beside("n2")
	a, b := one.login("alice", "multi_room"), two.login("bob", "multi_room")
	a.enter("multi_room", "r")
	b.enter("multi_room", "r")
	here := &user{g: two, id: "alice", token: a.token}
	if got := here.users("multi_room", "r"); !slices.Equal(got, []string{"alice", "bob"}) {
		t.Errorf("in the room are %v", got)
	}
	eventually(t, "the list of the other node", func() bool {
		return len(here.do("multi_room/get_room_list", object{"index": 0, "cnt": 10}).list("rooms")) == 1
	})
	wa, wb := one.talker("alice", "r"), two.talker("bob", "r")
	wa.do(object{"cmd": "send", "group": "r", "elems": []object{textElem("hi")}})
	m := wb.said()
	if !strings.HasSuffix(elems(m), "text:hi") {
		t.Errorf("%v", m)
	}
	for _, text := range []string{"1", "2", "3"} {
		wa.do(object{"cmd": "send", "user": "bob", "elems": []object{textElem(text)}})
		if m := wb.message("c2c"); elems(m) != "text:"+text {
			t.Errorf("%v, want %s", m, text)
		}
	}
	again := two.talker("alice", "r")
	wa.event("kicked")
	again.do(object{"cmd": "ping"})
	// A login there makes the token here void.
	two.login("bob", "live_room")
	if r := b.call("multi_room/get_pushers", object{"roomID": "r"}); r.code(t) != 7 {
		t.Errorf("the token before: %v", r)
	}
}

// TestTheAudienceNeedsNoRight: the mixed address is unsigned, others are not.
func TestTheAudienceNeedsNoRight(t *testing.T) {
	g := open(t, func(c *config.Config) {
		c.Auth.Mode, c.Auth.TokenSecret = config.AuthToken, "0123456789abcdef0123456789abcdef"
		c.Auth.APIKeys = []config.APIKey{{Name: "a", Key: "0123456789abcdef"}}
		c.Auth.SignedURLs = []config.SignedURL{{App: "live", Key: "0123456789abcdef", Hash: "md5", Publish: "required", Play: "required"}}
	})
	a, b := g.login("anchor", "live_room"), g.login("linked", "live_room")
	a.enter("live_room", "r")
	b.enter("live_room", "r")
	for _, u := range []string{"anchor", "linked"} {
		pub, err := g.streams.Publish(g.streamOf("r", u), stream.PublisherInfo{Protocol: "rtmp", Remote: "192.0.2.1:1", Origin: stream.FromFrames})
		check(t, err)
		defer pub.Close(true)
	}
	r := a.do("live_room/get_pushers", object{"roomID": "r"})
	_, query, _ := strings.Cut(r.list("pushers")[1].text("accelerateURL"), "?")
	linked := g.web + "/" + g.streamOf("r", "linked") + ".flv"
	for url, want := range map[string]int{
		r.text("mixedPlayURL"):                          200,
		r.text("mixedPlayURL") + "?txSecret=0&txTime=0": 401,
		linked:                    401,
		linked + "?" + query:      200,
		g.web + "/live/other.flv": 401,
	} {
		req, err := http.NewRequestWithContext(t.Context(), "HEAD", url, nil)
		check(t, err)
		resp, err := http.DefaultClient.Do(req)
		check(t, err)
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", url, resp.StatusCode, want)
		}
	}
}
