package weapp_test

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"hutong/gateway/config"
)

func TestPushURL(t *testing.T) {
	g := open(t, func(c *config.Config) {
		c.Auth.SignedURLs = []config.SignedURL{{App: "live", Key: "0123456789abcdef", Hash: "md5", Publish: "required", Play: "required"}}
		c.Weapp.PushURL, c.Weapp.PlayURL = "rtmp://media.example.com", "https://media.example.com"
	})
	u := g.login("alice", "multi_room")
	seen := map[string]bool{}
	form := regexp.MustCompile(`^rtmp://media\.example\.com/live/(8888_alice_[0-9a-f]{4})\?bizid=8888&txSecret=([0-9a-f]{32})&txTime=([0-9A-F]{8})$`)
	for range 20 {
		push := u.do("multi_room/get_push_url", object{"userID": "alice", "roomID": "r"}).text("pushURL")
		m := form.FindStringSubmatch(push)
		if m == nil {
			t.Fatal(push)
		}
		sum := md5.Sum([]byte("0123456789abcdef" + m[1] + m[3]))
		if m[2] != hex.EncodeToString(sum[:]) {
			t.Errorf("%s is not signed", push)
		}
		if at, err := strconv.ParseInt(m[3], 16, 64); err != nil || at != g.clock.now().Add(7*24*time.Hour).Unix() {
			t.Errorf("%s ends at %d", push, at)
		}
		seen[m[1]] = true
	}
	if len(seen) < 15 {
		t.Errorf("20 addresses name %d streams", len(seen))
	}
	u.enter("multi_room", "r")
	r := u.do("multi_room/get_pushers", object{"roomID": "r"})
	acc := r.list("pushers")[0].text("accelerateURL")
	m := form.FindStringSubmatch(acc)
	if m == nil || r.text("mixedPlayURL") != "https://media.example.com/live/"+m[1]+".flv" {
		t.Errorf("%s and %s", acc, r.text("mixedPlayURL"))
	}
	if strings.Contains(text(t, r), "pushURL") {
		t.Errorf("a push address is told: %v", r)
	}
}

func TestOthersStreams(t *testing.T) {
	g := open(t, nil)
	alice, bob := g.login("alice", "multi_room"), g.login("bob", "multi_room")
	push := bob.do("multi_room/get_push_url", "{}").text("pushURL")
	for _, stolen := range []string{push, "rtmp://h/live/8888_bob_1234?x=/8888_alice_1234", "rtmp://h/live/8888_alice_12", "rtmp://h/live/8888_alice_xyzt",
		"rtmp://h/live/8888_alice_1234_1234", "rtmp://h/live/", "", "8888_alice", "rtmp://h/live/8888_alice_12.4"} {
		if a := alice.call("multi_room/add_pusher", object{"roomID": "r", "userName": "A", "pushURL": stolen}); a.code(t) == 0 {
			t.Errorf("%q is alice's: %v", stolen, a)
		}
	}
	// A user's name may begin with another's.
	sly := g.login("alice_1234", "multi_room")
	own := sly.do("multi_room/get_push_url", "{}").text("pushURL")
	if a := alice.call("multi_room/add_pusher", object{"roomID": "r", "userName": "A", "pushURL": own}); a.code(t) == 0 {
		t.Errorf("alice_1234's is alice's: %v", a)
	}
}

func TestCreateRoom(t *testing.T) {
	g := open(t, nil)
	for _, service := range services {
		u := g.login("alice", service)
		a := u.do(service+"/create_room", object{"userID": "alice", "roomInfo": ""})
		if !regexp.MustCompile(`^room_[0-9a-f]{8}_[0-9a-f]{4}$`).MatchString(a.text("roomID")) {
			t.Errorf("%v", a)
		}
		id := "mine-" + service
		if a := u.do(service+"/create_room", object{"roomInfo": strings.Repeat("x", 1024), "roomID": id}); a.text("roomID") != id {
			t.Errorf("%v", a)
		}
		for name, tc := range map[string]struct {
			body object
			code int
		}{
			"taken":     {object{"roomInfo": "x", "roomID": id}, 11},
			"too long":  {object{"roomInfo": strings.Repeat("x", 1025)}, 10},
			"too wide":  {object{"roomInfo": strings.Repeat("界", 342)}, 10},
			"bad":       {object{"roomInfo": "x", "roomID": "a.b"}, 1},
			"very long": {object{"roomInfo": "x", "roomID": strings.Repeat("a", 49)}, 1},
		} {
			if a := u.call(service+"/create_room", tc.body); a.code(t) != tc.code {
				t.Errorf("%s, %s: %v, want %d", service, name, a, tc.code)
			}
		}
		// Idle: no members, not listed, no creator, but taken.
		if a := u.call(service+"/get_pushers", object{"roomID": id}); a.code(t) != 3 {
			t.Errorf("an idle room: %v", a)
		}
		if a := u.do(service+"/get_room_list", object{"index": 0, "cnt": 10}); len(a.list("rooms")) != 0 || a["rooms"] == nil {
			t.Errorf("an idle room is listed: %v", a)
		}
		if a := u.call(service+"/destroy_room", object{"roomID": id}); a.code(t) != 3 {
			t.Errorf("an idle room was destroyed: %v", a)
		}
	}
}

func TestEntering(t *testing.T) {
	for service, limit := range map[string]int{"double_room": 2, "multi_room": 4, "live_room": 4} {
		t.Run(service, func(t *testing.T) {
			g := open(t, nil)
			owner := g.login("owner", service)
			roomID := owner.do(service+"/create_room", object{"userID": "owner", "roomInfo": "my room"}).text("roomID")
			first := g.login("first", service)
			if a := first.tryToEnter(service, roomID); a.code(t) != 0 {
				t.Fatal(a)
			}
			r := owner.do(service+"/get_pushers", object{"roomID": roomID})
			p := r.list("pushers")[0]
			if r.text("roomID") != roomID || r.text("roomInfo") != "my room" || r.text("roomCreator") != "first" || r.text("custom") != "{}" ||
				p.text("userID") != "first" || p.text("userName") != "Nfirst" || p.text("userAvatar") != "http://a/first" {
				t.Errorf("%v", r)
			}
			want := []string{"first"}
			for n := 1; n < limit; n++ {
				id := fmt.Sprintf("user%d", n)
				if a := g.login(id, service).tryToEnter(service, roomID); a.code(t) != 0 {
					t.Fatal(a)
				}
				want = append(want, id)
			}
			if a := owner.tryToEnter(service, roomID); a.code(t) != 5001 {
				t.Errorf("a full room: %v", a)
			}
			// A member comes again: the place stays, the rest is new.
			before := r.list("pushers")[0].text("accelerateURL")
			again := g.login("first", service)
			push := again.do(service+"/get_push_url", "{}").text("pushURL")
			if a := again.call(service+"/add_pusher", object{"roomID": roomID, "userName": "New", "userAvatar": "", "pushURL": push}); a.code(t) != 0 {
				t.Errorf("re-entry into a full room: %v", a)
			}
			r = again.do(service+"/get_pushers", object{"roomID": roomID})
			p = r.list("pushers")[0]
			stream := push[strings.LastIndex(push, "/")+1 : strings.Index(push, "?")]
			if p.text("userName") != "New" || p.text("accelerateURL") == before || !strings.Contains(p.text("accelerateURL"), stream) ||
				!strings.HasSuffix(r.text("mixedPlayURL"), "/live/"+stream+".flv") {
				t.Errorf("after the re-entry: %v; the stream is %s", r, stream)
			}
			if got := owner.users(service, roomID); !slices.Equal(got, want) {
				t.Errorf("in the room are %v, want %v", got, want)
			}
		})
	}
}

func TestEnteringAnUnknownRoomMakesIt(t *testing.T) {
	g := open(t, nil)
	u := g.login("alice", "multi_room")
	push := u.do("multi_room/get_push_url", "{}").text("pushURL")
	u.do("multi_room/add_pusher", object{"roomID": "new", "userName": "A", "pushURL": push, "roomInfo": "info"})
	if r := u.do("multi_room/get_pushers", object{"roomID": "new"}); r.text("roomInfo") != "info" || r.text("roomCreator") != "alice" {
		t.Errorf("%v", r)
	}
	for _, id := range []string{"", "a.b", strings.Repeat("x", 49)} {
		if a := u.call("multi_room/add_pusher", object{"roomID": id, "userName": "A", "pushURL": push}); a.code(t) == 0 {
			t.Errorf("room %q: %v", id, a)
		}
	}
}

func TestLeaving(t *testing.T) {
	for _, service := range services {
		t.Run(service, func(t *testing.T) {
			g := open(t, nil)
			a, b := g.login("alice", service), g.login("bob", service)
			a.enter(service, "r")
			b.enter(service, "r")
			for name, body := range map[string]object{"an unknown room": {"roomID": "none"}, "an empty roomID": {"roomID": ""}, "a bad roomID": {"roomID": "a.b"}} {
				for _, cmd := range []string{"/delete_pusher", "/pusher_heartbeat"} {
					if got := a.call(service+cmd, body); got.code(t) != 5 {
						t.Errorf("%s of %s: %v", cmd, name, got)
					}
				}
			}
			// Whoever the body names, it is the caller who acts.
			if got := b.call(service+"/delete_pusher", object{"roomID": "r", "userID": "alice"}); got.code(t) != 0 {
				t.Errorf("%v", got)
			}
			if got := a.users(service, "r"); !slices.Equal(got, []string{"alice"}) {
				t.Errorf("in the room are %v", got)
			}
			if got := b.call(service+"/delete_pusher", object{"roomID": "r"}); got.code(t) != 5 {
				t.Errorf("leaving twice: %v", got)
			}
			if got := b.call(service+"/pusher_heartbeat", object{"roomID": "r", "userID": "alice"}); got.code(t) != 5 {
				t.Errorf("a heartbeat of who has gone: %v", got)
			}
			b.enter(service, "r")
			if got := b.call(service+"/destroy_room", object{"roomID": "r", "userID": "alice"}); got.code(t) != 3 {
				t.Errorf("destroyed by another: %v", got)
			}
			// The creator goes.
			a.do(service+"/delete_pusher", object{"roomID": "r"})
			r := b.call(service+"/get_pushers", object{"roomID": "r"})
			if service == "live_room" {
				if r.code(t) != 3 {
					t.Errorf("the live room without its creator: %v", r)
				}
				return
			}
			if r.code(t) != 0 || r.text("roomCreator") != "alice" || len(r.list("pushers")) != 1 {
				t.Errorf("without its creator: %v", r)
			}
			b.do(service+"/delete_pusher", object{"roomID": "r"})
			if r := b.call(service+"/get_pushers", object{"roomID": "r"}); r.code(t) != 3 {
				t.Errorf("without anybody: %v", r)
			}
			// The roomID is free again.
			b.do(service+"/create_room", object{"roomID": "r", "roomInfo": ""})
		})
	}
}

func TestDestroying(t *testing.T) {
	g := open(t, nil)
	for _, service := range services {
		a := g.login("alice", service)
		a.enter(service, "d-"+service)
		a.do(service+"/destroy_room", object{"roomID": "d-" + service})
		for _, cmd := range []string{"/get_pushers", "/destroy_room"} {
			if r := a.call(service+cmd, object{"roomID": "d-" + service}); r.code(t) != 3 {
				t.Errorf("%s%s of a destroyed room: %v", service, cmd, r)
			}
		}
	}
}

func TestRoomList(t *testing.T) {
	g := open(t, nil)
	u := g.login("alice", "multi_room")
	want := []string{}
	for n := range 30 {
		id := fmt.Sprintf("list%02d", (n*7)%30)
		g.clock.pass(time.Second)
		u.enter("multi_room", id)
		want = append(want, id)
	}
	u.enter("live_room", "live")
	u.do("multi_room/create_room", object{"roomInfo": "idle"})
	got := []string{}
	for index := 0; ; index += 7 {
		page := u.do("multi_room/get_room_list", object{"index": index, "cnt": 7}).list("rooms")
		for _, r := range page {
			got = append(got, r.text("roomID"))
			if len(r.list("pushers")) != 1 || r.text("roomCreator") != "alice" || r.text("mixedPlayURL") == "" {
				t.Errorf("%v", r)
			}
		}
		if len(page) == 0 {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("listed are %v, want %v", got, want)
	}
	live := u.do("live_room/get_room_list", object{"index": 0, "cnt": 7}).list("rooms")
	if len(live) != 1 || live[0]["audienceCount"] != float64(0) || live[0].text("roomID") != "live" {
		t.Errorf("%v", live)
	}
	for _, page := range []object{{"index": 0, "cnt": 0}, {"index": 1000, "cnt": 10}} {
		if a := u.do("multi_room/get_room_list", page); a["rooms"] == nil || len(a.list("rooms")) != 0 {
			t.Errorf("%v: %v", page, a)
		}
	}
}

func TestDebugAddresses(t *testing.T) {
	g := open(t, nil)
	_, a, _ := g.raw("GET", g.base+"/utils/get_test_pushurl", "", "")
	name := func(s string) string {
		u, err := url.Parse(s)
		check(t, err)
		return strings.TrimSuffix(u.Path, ".flv")
	}
	if len(a) != 5 || name(a.text("url_push")) == "" || name(a.text("url_push")) != name(a.text("url_play_rtmp")) ||
		name(a.text("url_push")) != name(a.text("url_play_flv")) || name(a.text("url_push")) != name(a.text("url_play_acc")) {
		t.Errorf("%v", a)
	}
	_, acc, _ := g.raw("GET", g.base+"/utils/get_test_rtmpaccurl", "", "")
	if len(acc) != 1 || name(acc.text("url_rtmpacc")) != name(a.text("url_push")) {
		t.Errorf("%v", acc)
	}
	if r := g.post("utils/report", "{}"); r.code(t) != 0 {
		t.Errorf("%v", r)
	}
}
