package weapp_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hutong/bridge/stream"
	"hutong/gateway/weapp"
)

func TestAudience(t *testing.T) {
	g := open(t, nil)
	a := g.login("anchor", "live_room")
	a.enter("live_room", "r")
	info := `{"userName":"V","userAvatar":"http://a/v"}`
	for n := range 30 {
		g.login(fmt.Sprintf("viewer%d", n), "live_room").do("live_room/add_audience", object{"roomID": "r", "userInfo": info})
	}
	late := g.login("late", "live_room")
	if r := late.call("live_room/add_audience", object{"roomID": "r", "userInfo": info}); r.code(t) == 0 {
		t.Errorf("the 31st: %v", r)
	}
	again := g.login("viewer7", "live_room")
	again.do("live_room/add_audience", object{"roomID": "r", "userInfo": `{"userName":"W"}`})
	r := a.do("live_room/get_audiences", object{"roomID": "r"})
	if r["audienceCount"] != float64(30) || len(r.list("audiences")) != 30 || r.list("audiences")[7].text("userInfo") != `{"userName":"W"}` {
		t.Errorf("%v", r)
	}
	again.do("live_room/delete_audience", object{"roomID": "r"})
	for _, roomID := range []string{"r", "", "none", "a.b"} {
		again.do("live_room/delete_audience", object{"roomID": roomID})
	}
	late.do("live_room/add_audience", object{"roomID": "r", "userInfo": info})
	eventually(t, "the list's count", func() bool {
		l := a.do("live_room/get_room_list", object{"index": 0, "cnt": 1}).list("rooms")
		return len(l) == 1 && l[0]["audienceCount"] == float64(30)
	})
	for _, roomID := range []string{"none", "", "a.b"} {
		r := a.do("live_room/get_audiences", object{"roomID": roomID})
		if r["audienceCount"] != float64(0) || r["audiences"] == nil || len(r.list("audiences")) != 0 {
			t.Errorf("of %q: %v", roomID, r)
		}
		if r := a.call("live_room/add_audience", object{"roomID": roomID, "userInfo": info}); r.code(t) != 3 {
			t.Errorf("into %q: %v", roomID, r)
		}
	}
	if r := a.call("live_room/add_audience", object{"roomID": "r", "userInfo": strings.Repeat("x", 5000)}); r.code(t) != 10 {
		t.Errorf("a long userInfo: %v", r)
	}
}

func TestCustomFields(t *testing.T) {
	g := open(t, nil)
	a := g.login("anchor", "live_room")
	a.enter("live_room", "r")
	for _, tc := range []struct{ body, want string }{
		{`{"roomID":"r","fieldName":"likes","operation":"inc"}`, `{"likes":1}`},
		{`{"roomID":"r","fieldName":"likes","operation":"inc"}`, `{"likes":2}`},
		{`{"roomID":"r","fieldName":"likes","operation":"dec"}`, `{"likes":1}`},
		{`{"roomID":"r","fieldName":"gifts","operation":"set","value":7}`, `{"gifts":7,"likes":1}`},
		{`{"roomID":"r","fieldName":"gifts","operation":"set","value":0}`, `{"gifts":0,"likes":1}`},
	} {
		if r := a.do("live_room/set_custom_field", tc.body); r.text("custom") != tc.want {
			t.Errorf("%s: %v, want %s", tc.body, r, tc.want)
		}
	}
	if r := a.do("live_room/get_custom_info", object{"roomID": "r"}); r.text("custom") != `{"gifts":0,"likes":1}` || r.text("customInfo") != r.text("custom") {
		t.Errorf("%v", r)
	}
	if r := a.do("live_room/get_pushers", object{"roomID": "r"}); r.text("custom") != `{"gifts":0,"likes":1}` {
		t.Errorf("%v", r)
	}
	for body, code := range map[string]int{
		`{"roomID":"r","fieldName":"x","operation":"set"}`:             1,
		`{"roomID":"r","fieldName":"x","operation":"set","value":"1"}`: 1,
		`{"roomID":"r","fieldName":"x","operation":"mul"}`:             1,
		`{"roomID":"r","fieldName":"","operation":"inc"}`:              1,
		`{"roomID":"none","fieldName":"x","operation":"inc"}`:          3,
		`{"roomID":"","fieldName":"x","operation":"inc"}`:              3,
	} {
		if r := a.call("live_room/set_custom_field", body); r.code(t) != code {
			t.Errorf("%s: %v, want %d", body, r, code)
		}
	}
	if r := a.call("live_room/get_custom_info", object{"roomID": "none"}); r.code(t) != 3 {
		t.Errorf("%v", r)
	}
}

// TestFieldsAreCountedOnce has many change one field at once.
func TestFieldsAreCountedOnce(t *testing.T) {
	g := open(t, nil)
	a := g.login("anchor", "live_room")
	a.enter("live_room", "r")
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() { a.call("live_room/set_custom_field", `{"roomID":"r","fieldName":"n","operation":"inc"}`) })
	}
	wg.Wait()
	if r := a.do("live_room/get_custom_info", object{"roomID": "r"}); r.text("custom") != `{"n":40}` {
		t.Errorf("%v", r)
	}
}

// TestFullUnderARush lets many in at once, into every kind of room.
func TestFullUnderARush(t *testing.T) {
	for service, limit := range map[string]int{"double_room": 2, "multi_room": 4, "live_room": 4} {
		g := open(t, nil)
		users := []*user{}
		for n := range 24 {
			users = append(users, g.login(fmt.Sprintf("user%d", n), service))
		}
		var in, full atomic.Int32
		var wg sync.WaitGroup
		for _, u := range users {
			wg.Go(func() {
				switch code := u.tryToEnter(service, "rush").code(t); code {
				case 0:
					in.Add(1)
				case 5001:
					full.Add(1)
				default:
					t.Errorf("%s: code %d", service, code)
				}
			})
		}
		wg.Wait()
		if in.Load() != int32(limit) || full.Load() != int32(24-limit) || len(users[0].users(service, "rush")) != limit {
			t.Errorf("%s: %d entered, %d were told it is full", service, in.Load(), full.Load())
		}
	}
}

// pass lets time go by as the clients see it, in steps of a second.
func (g *gate) pass(d time.Duration) {
	g.clock.pass(d)
}

func TestHeartbeats(t *testing.T) {
	for _, service := range services {
		t.Run(service, func(t *testing.T) {
			g := open(t, nil)
			g.pass(time.Minute) // the gateway is not new
			a, b := g.login("alice", service), g.login("bob", service)
			a.enter(service, "r")
			b.enter(service, "r")
			for range 6 { // alice lives, bob has stopped
				g.pass(7 * time.Second)
				a.do(service+"/pusher_heartbeat", object{"roomID": "r"})
			}
			eventually(t, "bob's expiry", func() bool { return slices.Equal(a.users(service, "r"), []string{"alice"}) })
			if r := b.call(service+"/pusher_heartbeat", object{"roomID": "r"}); r.code(t) != 5 {
				t.Errorf("bob's late heartbeat: %v", r)
			}
			g.pass(30 * time.Second)
			eventually(t, "the end of the room", func() bool { return a.call(service+"/get_pushers", object{"roomID": "r"}).code(t) == 3 })
		})
	}
}

// TestNobodyExpiresEarly is about those who sent a heartbeat just before another
// was kept.
func TestNobodyExpiresEarly(t *testing.T) {
	g := open(t, nil)
	g.pass(time.Minute)
	a, b := g.login("alice", "multi_room"), g.login("bob", "multi_room")
	a.enter("multi_room", "r")
	b.enter("multi_room", "r")
	g.pass(4 * time.Second)
	b.do("multi_room/pusher_heartbeat", object{"roomID": "r"}) // not kept: 4 s after entering
	g.pass(20 * time.Second)
	a.do("multi_room/pusher_heartbeat", object{"roomID": "r"})
	// The gateway looks every second; by then somebody else of the same age is gone.
	if r := b.call("multi_room/pusher_heartbeat", object{"roomID": "r"}); r.code(t) != 0 {
		t.Errorf("20 s after a heartbeat: %v", r)
	}
	g.pass(26 * time.Second)
	eventually(t, "both to be gone 26 s after", func() bool { return a.call("multi_room/get_pushers", object{"roomID": "r"}).code(t) == 3 })
}

func TestAStreamIsASignOfLife(t *testing.T) {
	g := open(t, nil)
	g.pass(time.Minute)
	a := g.login("alice", "multi_room")
	a.enter("multi_room", "r")
	name := g.streamOf("r", "alice")
	pub, err := g.streams.Publish(name, stream.PublisherInfo{Protocol: "rtmp", Remote: "192.0.2.1:1", Origin: stream.FromFrames})
	check(t, err)
	eventually(t, "the publisher to be noticed", func() bool { r, _ := g.rooms.Known("r"); p, _ := r.Place("alice"); return p.Publishing })
	g.pass(10 * time.Minute)
	b := g.login("bob", "multi_room")
	b.enter("multi_room", "r2") // a round of the rooms later
	g.pass(30 * time.Second)
	eventually(t, "bob's room to end", func() bool { return b.call("multi_room/get_pushers", object{"roomID": "r2"}).code(t) == 3 })
	if got := b.users("multi_room", "r"); !slices.Equal(got, []string{"alice"}) {
		t.Errorf("who pushes without heartbeats has gone: %v", got)
	}
	pub.Close(true)
	eventually(t, "the end of the stream to be noticed", func() bool { r, _ := g.rooms.Known("r"); p, _ := r.Place("alice"); return !p.Publishing })
	g.pass(30 * time.Second)
	eventually(t, "alice's expiry", func() bool { return b.call("multi_room/get_pushers", object{"roomID": "r"}).code(t) == 3 })
}

func TestTheEndOfALiveCreatorEndsTheRoom(t *testing.T) {
	g := open(t, nil)
	g.pass(time.Minute)
	a, b := g.login("anchor", "live_room"), g.login("bob", "live_room")
	a.enter("live_room", "r")
	b.enter("live_room", "r")
	for range 5 {
		g.pass(7 * time.Second)
		b.call("live_room/pusher_heartbeat", object{"roomID": "r"})
	}
	eventually(t, "the end of the room", func() bool { return b.call("live_room/get_pushers", object{"roomID": "r"}).code(t) == 3 })
}

func TestIdleRoomsWaitAndGo(t *testing.T) {
	g := open(t, nil)
	a := g.login("alice", "multi_room")
	a.do("multi_room/create_room", object{"roomInfo": "", "roomID": "idle"})
	g.pass(time.Minute)
	a.do("multi_room/create_room", object{"roomInfo": "", "roomID": "other"})
	if r := a.call("multi_room/create_room", object{"roomInfo": "", "roomID": "idle"}); r.code(t) != 11 {
		t.Errorf("a minute on, the idle room is gone: %v", r)
	}
	g.pass(3 * time.Minute)
	eventually(t, "the idle room to go", func() bool { _, there := g.rooms.Known("idle"); return !there })
}

// streamOf is a member's stream.
func (g *gate) streamOf(roomID, userID string) string {
	g.t.Helper()
	r, err := g.rooms.Load(g.t.Context(), roomID)
	check(g.t, err)
	p, _ := r.Place(userID)
	return p.Stream
}

// merge is what the client sends for an anchor and those linked.
func merge(anchor string, others ...string) object {
	cut := func(s string) string { return strings.TrimPrefix(s, "live/") }
	list := []object{{"input_stream_id": cut(anchor), "layout_params": object{"image_layer": 1}}}
	for i, o := range others {
		list = append(list, object{"input_stream_id": cut(o), "layout_params": object{"image_layer": i + 2, "image_width": 120, "image_height": 180,
			"location_x": 240, "location_y": 400 - 180*i}})
	}
	return object{"timestamp": 1, "eventId": 1, "interface": object{"interfaceName": "Mix_StreamV2", "para": object{
		"app_id": "1", "interface": "mix_streamv2.start_mix_stream_advanced", "mix_stream_session_id": cut(anchor),
		"output_stream_id": cut(anchor), "input_stream_list": list}}}
}

func TestMergeStream(t *testing.T) {
	g := open(t, nil)
	a, b := g.login("anchor", "live_room"), g.login("bob", "live_room")
	a.enter("live_room", "r")
	b.enter("live_room", "r")
	mine, his := g.streamOf("r", "anchor"), g.streamOf("r", "bob")
	result := func(r object) int {
		t.Helper()
		m, _ := r["result"].(map[string]any)
		n, ok := m["code"].(float64)
		_, text := m["message"].(string)
		if _, when := m["timestamp"].(float64); !ok || !text || !when {
			t.Fatalf("the result of %v is not whole", r)
		}
		return int(n)
	}
	want := []weapp.MixInput{{Stream: mine, Layer: 1}, {Stream: his, Layer: 2, X: 240, Y: 400, Width: 120, Height: 180}}
	if n := result(a.do("live_room/merge_stream", object{"roomID": "r", "mergeParams": text(t, merge(mine, his))})); n != 0 || !slices.Equal(g.mixer.of(mine), want) {
		t.Errorf("mixed %+v with %d, want %+v", g.mixer.of(mine), n, want)
	}
	if n := result(a.do("live_room/merge_stream", object{"roomID": "r", "mergeParams": merge(mine)})); n != 0 || !slices.Equal(g.mixer.of(mine), want[:1]) {
		t.Errorf("an object, and alone: %+v with %d", g.mixer.of(mine), n)
	}
	c := g.login("cid", "live_room")
	c.enter("live_room", "r2")
	for name, params := range map[string]object{
		"a stream of another room": merge(mine, g.streamOf("r2", "cid")),
		"another's output":         merge(his, mine),
		"a stream twice":           merge(mine, mine),
		"no streams":               {},
		"a huge tile":              merge(mine, his, his),
	} {
		if n := result(a.do("live_room/merge_stream", object{"roomID": "r", "mergeParams": params})); n == 0 {
			t.Errorf("%s was mixed", name)
		}
	}
	g.mixer.answer = weapp.MixResult{Code: 23, Message: "refused"}
	if n := result(a.do("live_room/merge_stream", object{"roomID": "r", "mergeParams": merge(mine)})); n != 23 {
		t.Errorf("the mixer's own answer is told as %d", n)
	}
	for name, tc := range map[string]struct {
		u      *user
		body   object
		wanted int
	}{
		"not JSON":        {a, object{"roomID": "r", "mergeParams": "{"}, 10},
		"not an object":   {a, object{"roomID": "r", "mergeParams": "[]"}, 10},
		"not the creator": {b, object{"roomID": "r", "mergeParams": merge(mine)}, 3},
		"an unknown room": {a, object{"roomID": "none", "mergeParams": merge(mine)}, 3},
	} {
		if r := tc.u.call("live_room/merge_stream", tc.body); r.code(t) != tc.wanted {
			t.Errorf("%s: %v, want %d", name, r, tc.wanted)
		}
	}
	a.do("live_room/destroy_room", object{"roomID": "r"})
	eventually(t, "the mix to end with the room", func() bool { return slices.Equal(g.mixer.unmixed(), []string{mine}) })
}

// TestStateOutlivesTheGateway opens the same store again, as after a kill. A mix
// is taken up even where only voices could be mixed.
func TestStateOutlivesTheGateway(t *testing.T) {
	dir := t.TempDir()
	var token string
	t.Run("before", func(t *testing.T) {
		g := openAt(t, dir, nil)
		a := g.login("anchor", "live_room")
		token = a.token
		a.enter("live_room", "r")
		a.do("live_room/add_audience", object{"roomID": "r", "userInfo": "{}"})
		a.do("live_room/set_custom_field", object{"roomID": "r", "fieldName": "n", "operation": "inc"})
		g.mixer.answer = weapp.MixResult{Code: 21, Message: "no ffmpeg", Going: true}
		a.do("live_room/merge_stream", object{"roomID": "r", "mergeParams": merge(g.streamOf("r", "anchor"))})
	})
	g := openAt(t, dir, nil)
	a := &user{g: g, id: "anchor", token: token}
	r := a.do("live_room/get_pushers", object{"roomID": "r"})
	if r.text("roomCreator") != "anchor" || r.text("custom") != `{"n":1}` || r["audienceCount"] != float64(1) || r.list("pushers")[0].text("userAvatar") != "http://a/anchor" {
		t.Errorf("%v", r)
	}
	eventually(t, "the mix to be taken up", func() bool { return len(g.mixer.of(g.streamOf("r", "anchor"))) == 1 })
	a.do("live_room/pusher_heartbeat", object{"roomID": "r"})
}
