package weapp_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hutong/bridge/stream"
	"hutong/gateway/room"
	"hutong/gateway/weapp/usersig"
)

func (g *gate) webrtcRoom(userID, typ string) object {
	g.t.Helper()
	a := g.post("webrtc_room/create_room", object{"userID": userID, "nickName": "N" + userID, "roomInfo": "info", "roomType": typ})
	if a.code(g.t) != 0 {
		g.t.Fatal(a)
	}
	return a
}

func (g *gate) webrtcUsers(roomID string) []string {
	g.t.Helper()
	ids := []string{}
	for _, m := range g.post("webrtc_room/get_room_members", object{"roomID": roomID}).list("members") {
		ids = append(ids, m.text("userID"))
	}
	return ids
}

func TestWebRTCRoom(t *testing.T) {
	g := open(t, nil)
	a := g.webrtcRoom("alice", "trtc")
	roomID := a.text("roomID")
	if !regexp.MustCompile(`^[1-9][0-9]{0,9}$`).MatchString(roomID) || a.text("userID") != "alice" || a.text("roomInfo") != "info" {
		t.Errorf("%v", a)
	}
	m, err := usersig.Verifier{Public: []usersig.PublicKey{usersig.Derived(key).Public()}}.VerifyMap(a.text("privateMapKey"), g.clock.now())
	if err != nil || m.UserID != "alice" || fmt.Sprint(m.RoomID) != roomID || m.SDKAppID != appID || !m.Expires.Equal(g.clock.now().Add(time.Hour)) {
		t.Errorf("its privateMapKey says %+v, %v", m, err)
	}
	// By text, and by number.
	b := g.post("webrtc_room/enter_room", object{"userID": "bobby", "nickName": "B", "roomID": roomID})
	c := g.post("webrtc_room/enter_room", fmt.Sprintf(`{"userID":"cindy","roomID":%s}`, roomID))
	if b.code(t) != 0 || b.text("roomID") != roomID || b.text("userID") != "bobby" || b.text("privateMapKey") == "" || c.text("roomID") != roomID {
		t.Errorf("%v %v", b, c)
	}
	if got := g.post("webrtc_room/get_room_members", object{"roomID": roomID}).list("members"); len(got) != 3 || got[1].text("nickName") != "B" || got[0].text("nickName") != "Nalice" {
		t.Errorf("%v", got)
	}
	g.post("webrtc_room/enter_room", object{"userID": "dave", "roomID": roomID})
	if r := g.post("webrtc_room/enter_room", object{"userID": "erik", "roomID": roomID}); r.code(t) != 5001 {
		t.Errorf("a full room: %v", r)
	}
	if r := g.post("webrtc_room/enter_room", object{"userID": "bobby", "roomID": roomID}); r.code(t) != 0 || r.text("privateMapKey") == "" {
		t.Errorf("a member of a full room comes again: %v", r)
	}
	if got, want := g.webrtcUsers(roomID), []string{"alice", "bobby", "cindy", "dave"}; !slices.Equal(got, want) {
		t.Errorf("in the room are %v, want %v", got, want)
	}
	// The creator goes, and nothing ends; the last goes, and the room does.
	for _, u := range []string{"alice", "bobby", "cindy"} {
		if r := g.post("webrtc_room/quit_room", object{"userID": u, "roomID": roomID}); r.code(t) != 0 {
			t.Errorf("%v", r)
		}
	}
	if got := g.webrtcUsers(roomID); !slices.Equal(got, []string{"dave"}) {
		t.Errorf("in the room are %v", got)
	}
	g.post("webrtc_room/quit_room", object{"userID": "dave", "roomID": roomID})
	for _, cmd := range []string{"quit_room", "heartbeat", "enter_room", "get_room_members"} {
		if r := g.post("webrtc_room/"+cmd, object{"userID": "dave", "roomID": roomID}); r.code(t) != 3 {
			t.Errorf("%s after the end: %v", cmd, r)
		}
	}
}

func TestWebRTCRefusals(t *testing.T) {
	g := open(t, nil)
	roomID := g.webrtcRoom("alice", "").text("roomID")
	for name, tc := range map[string]struct {
		cmd  string
		body object
		code int
	}{
		"a short userID":        {"create_room", object{"userID": "abc", "roomInfo": "x"}, 7},
		"a long userID":         {"create_room", object{"userID": strings.Repeat("a", 25), "roomInfo": "x"}, 7},
		"a userID of digits":    {"enter_room", object{"userID": "1234", "roomID": roomID}, 7},
		"a userID with a dash":  {"heartbeat", object{"userID": "ali-ce", "roomID": roomID}, 7},
		"an empty userID":       {"create_room", object{"userID": "", "roomInfo": "x"}, 2},
		"an empty roomInfo":     {"create_room", object{"userID": "alice", "roomInfo": ""}, 2},
		"a long roomInfo":       {"create_room", object{"userID": "alice", "roomInfo": strings.Repeat("界", 1025)}, 11},
		"an empty roomID":       {"enter_room", object{"userID": "bobby", "roomID": ""}, 2},
		"no number":             {"enter_room", object{"userID": "bobby", "roomID": "room"}, 3},
		"zero":                  {"enter_room", object{"userID": "bobby", "roomID": 0}, 3},
		"a large number":        {"enter_room", object{"userID": "bobby", "roomID": "2147483648"}, 3},
		"a number with a zero":  {"enter_room", object{"userID": "bobby", "roomID": "0" + roomID}, 3},
		"an unknown room":       {"enter_room", object{"userID": "bobby", "roomID": "7"}, 3},
		"heartbeat of nobody":   {"heartbeat", object{"userID": "bobby", "roomID": roomID}, 0},
		"quit of nobody":        {"quit_room", object{"userID": "bobby", "roomID": roomID}, 5},
		"a count of another":    {"get_room_list", object{"index": 0, "count": "10"}, 2},
		"a bad userID, by info": {"get_login_info", object{"userID": "1"}, 7},
	} {
		if r := g.post("webrtc_room/"+tc.cmd, tc.body); r.code(t) != tc.code {
			t.Errorf("%s: %v, want %d", name, r, tc.code)
		}
	}
	if got := g.webrtcUsers(roomID); !slices.Equal(got, []string{"alice"}) {
		t.Errorf("in the room are %v", got)
	}
	if r := g.post("webrtc_room/create_room", object{"userID": "alice", "roomInfo": strings.Repeat("界", 1024)}); r.code(t) != 0 {
		t.Errorf("1024 characters: %v", r)
	}
}

func TestWebRTCList(t *testing.T) {
	g := open(t, nil)
	want := []string{}
	for n := range 12 {
		g.clock.pass(time.Second)
		want = append(want, g.webrtcRoom(fmt.Sprintf("user%d", n), "trtc").text("roomID"))
	}
	plain := g.webrtcRoom("plain", "").text("roomID")
	ids := func(body any) []string {
		a := g.post("webrtc_room/get_room_list", body)
		if a.code(t) != 0 || a["rooms"] == nil {
			t.Fatal(a)
		}
		got := []string{}
		for _, r := range a.list("rooms") {
			if len(r) != 3 || r.text("roomInfo") != "info" || r.text("roomCreator") == "" {
				t.Errorf("%v", r)
			}
			got = append(got, r.text("roomID"))
		}
		return got
	}
	for _, tc := range []struct {
		body any
		want []string
	}{
		{object{"roomType": "trtc"}, want[:10]},
		{object{"index": 10, "count": 10, "roomType": "trtc"}, want[10:]},
		{object{"index": 3, "count": 2, "roomType": "trtc"}, want[3:5]},
		{"{}", []string{plain}},
		{object{"roomType": "other"}, []string{}},
	} {
		if got := ids(tc.body); !slices.Equal(got, tc.want) {
			t.Errorf("%v lists %v, want %v", tc.body, got, tc.want)
		}
	}
}

func TestWebRTCHeartbeats(t *testing.T) {
	g := open(t, nil)
	g.clock.pass(time.Minute)
	roomID := g.webrtcRoom("alice", "").text("roomID")
	g.post("webrtc_room/enter_room", object{"userID": "bobby", "roomID": roomID})
	// A stream is no sign of life here.
	pub, err := g.streams.Publish(g.streamOf(roomID, "bobby"), stream.PublisherInfo{Protocol: "rtmp", Remote: "192.0.2.1:1", Origin: stream.FromFrames})
	check(t, err)
	defer pub.Close(true)
	for range 6 {
		g.clock.pass(7 * time.Second)
		g.post("webrtc_room/heartbeat", object{"userID": "alice", "roomID": roomID})
	}
	eventually(t, "bobby's expiry", func() bool { return slices.Equal(g.webrtcUsers(roomID), []string{"alice"}) })
	g.post("webrtc_room/heartbeat", object{"userID": "bobby", "roomID": roomID})
	if got := g.webrtcUsers(roomID); !slices.Equal(got, []string{"alice"}) {
		t.Errorf("a heartbeat has brought somebody back: %v", got)
	}
	g.clock.pass(30 * time.Second)
	eventually(t, "the end of the room", func() bool {
		return g.post("webrtc_room/get_room_members", object{"roomID": roomID}).code(t) == 3
	})
}

func TestWebRTCFullUnderARush(t *testing.T) {
	g := open(t, nil)
	roomID := g.webrtcRoom("alice", "").text("roomID")
	var in, full atomic.Int32
	var wg sync.WaitGroup
	for n := range 20 {
		wg.Go(func() {
			switch g.post("webrtc_room/enter_room", object{"userID": fmt.Sprintf("user%d", n), "roomID": roomID}).code(t) {
			case 0:
				in.Add(1)
			case 5001:
				full.Add(1)
			}
		})
	}
	wg.Wait()
	if in.Load() != 3 || full.Load() != 17 || len(g.webrtcUsers(roomID)) != 4 {
		t.Errorf("%d entered, %d were told it is full", in.Load(), full.Load())
	}
}

// TestWebRTCTouchesItsOwnOnly: without tokens nobody may act for those who came
// another way.
func TestWebRTCTouchesItsOwnOnly(t *testing.T) {
	g := open(t, nil)
	roomID := g.webrtcRoom("alice", "").text("roomID")
	g.browser(roomID, "chrome")
	u := g.login("phone", "multi_room")
	if a := u.tryToEnter("multi_room", roomID); a.code(t) != 0 {
		t.Fatal(a)
	}
	for _, victim := range []string{"chrome", "phone"} {
		if r := g.post("webrtc_room/quit_room", object{"userID": victim, "roomID": roomID}); r.code(t) == 0 {
			t.Errorf("%s was thrown out: %v", victim, r)
		}
		if r := g.post("webrtc_room/enter_room", object{"userID": victim, "roomID": roomID}); r.code(t) == 0 || r.text("privateMapKey") != "" {
			t.Errorf("%s was impersonated: %v", victim, r)
		}
	}
	if got := g.webrtcUsers(roomID); !slices.Equal(got, []string{"alice", "chrome", "phone"}) {
		t.Errorf("in the room are %v", got)
	}
}

// TestOneRoomOfAllWorlds: rooms of REST and of mini-programs are the same.
func TestOneRoomOfAllWorlds(t *testing.T) {
	g := open(t, nil)
	_, err := g.rooms.Create(t.Context(), room.Options{RoomID: "4711", Name: "Case 7"})
	check(t, err)
	chrome := g.browser("4711", "chrome")
	u := g.login("phone", "multi_room")
	if a := u.tryToEnter("multi_room", "4711"); a.code(t) != 0 {
		t.Fatal(a)
	}
	if a := g.post("webrtc_room/enter_room", object{"userID": "third", "roomID": 4711}); a.code(t) != 0 {
		t.Fatal(a)
	}
	r := u.do("multi_room/get_pushers", object{"roomID": "4711"})
	p := r.list("pushers")
	if r.text("roomInfo") != "Case 7" || r.text("roomCreator") != "chrome" || len(p) != 3 ||
		!strings.Contains(p[0].text("accelerateURL"), "rtmp://127.0.0.1:19350/"+chrome.Stream+"?bizid=8888&txSecret=") {
		t.Errorf("%v", r)
	}
	if l := u.do("multi_room/get_room_list", object{"index": 0, "cnt": 10}).list("rooms"); len(l) != 1 || l[0].text("roomID") != "4711" {
		t.Errorf("listed are %v", l)
	}
	v, err := g.rooms.Get(t.Context(), "4711")
	check(t, err)
	if len(v.Members) != 3 || v.Members[1].Client != room.RTMP || v.Members[1].NickName != "Nphone" || v.Members[2].Client != room.RTMP {
		t.Errorf("REST sees %+v", v.Members)
	}
	// And the other way round: a browser comes into a phone's room, up to its limit.
	u.enter("double_room", "two")
	g.browser("two", "chrome")
	if _, _, err := g.rooms.Join(t.Context(), "two", room.Joining{UserID: "late", Client: room.WebRTC}); err == nil {
		t.Error("a third has entered a double room")
	}
	// An audience in browsers takes nobody's place in a live room, and pushes nothing.
	u.enter("live_room", "live")
	for n := range 6 {
		_, _, err := g.rooms.Join(t.Context(), "live", room.Joining{UserID: fmt.Sprintf("fan%d", n), Client: room.WebRTC, Role: room.Audience})
		check(t, err)
	}
	if got := u.users("live_room", "live"); !slices.Equal(got, []string{"phone"}) {
		t.Errorf("pushers of the live room: %v", got)
	}
	if a := g.login("guest", "live_room").tryToEnter("live_room", "live"); a.code(t) != 0 {
		t.Errorf("a guest: %v", a)
	}
}

func TestRoomSignature(t *testing.T) {
	g := open(t, nil)
	g.post("webrtc_room/get_login_info", object{"userID": "alice"})
	made := g.webrtcRoom("alice", "")
	roomID := made.text("roomID")
	bob := g.post("webrtc_room/enter_room", object{"userID": "bobby", "nickName": "B", "roomID": roomID})
	chrome := g.browser(roomID, "chrome")
	sig := func(userID string) string {
		return g.post("webrtc_room/get_login_info", object{"userID": userID}).text("userSig")
	}
	ask := func(path, userID, userSig string, group any, mapKey string) object {
		_, a, _ := g.raw("POST", path+"?sdkappid=1400000001&identifier="+userID+"&usersig="+userSig+"&random=9999&contenttype=json", "application/json",
			text(t, object{"ReqHead": object{"Cmd": 1, "SeqNo": 1, "BusType": 7, "GroupId": group},
				"ReqBody": object{"PrivMapEncrypt": mapKey, "TerminalType": 1, "FromType": 3, "SdkVersion": 26280566}}))
		return a
	}
	n := 0
	fmt.Sscan(roomID, &n)
	for _, path := range []string{g.web + "/v4/openim/jsonvideoapp", g.base + "/v4/openim/jsonvideoapp"} {
		for _, group := range []any{n, roomID} {
			a := ask(path, "alice", sig("alice"), group, made.text("privateMapKey"))
			head, _ := a["RspHead"].(map[string]any)
			body, _ := a["RspBody"].(map[string]any)
			if head["ErrorCode"] != float64(0) || head["ErrorInfo"] != "" {
				t.Fatalf("%v", a)
			}
			others := object(body).list("UserList")
			if !strings.HasPrefix(object(body).text("PushURL"), "rtmp://127.0.0.1:19350/"+g.streamOf(roomID, "alice")+"?bizid=8888&txSecret=") || len(others) != 2 ||
				others[0].text("userid") != "bobby" || others[0].text("nickName") != "B" || others[0]["publishing"] != false ||
				others[1].text("userid") != "chrome" || !strings.Contains(others[1].text("playurl"), chrome.Stream+"?") {
				t.Errorf("%v", body)
			}
		}
	}
	other := g.webrtcRoom("alice", "").text("privateMapKey")
	path := g.web + "/v4/openim/jsonvideoapp"
	for name, a := range map[string]object{
		"another's userSig":    ask(path, "alice", sig("bobby"), n, made.text("privateMapKey")),
		"another's map key":    ask(path, "alice", sig("alice"), n, bob.text("privateMapKey")),
		"another room's key":   ask(path, "alice", sig("alice"), n, other),
		"no map key":           ask(path, "alice", sig("alice"), n, ""),
		"no room":              ask(path, "alice", sig("alice"), 7, made.text("privateMapKey")),
		"no group":             ask(path, "alice", sig("alice"), nil, made.text("privateMapKey")),
		"an object for a room": ask(path, "alice", sig("alice"), object{}, made.text("privateMapKey")),
	} {
		head, _ := a["RspHead"].(map[string]any)
		if code, ok := head["ErrorCode"].(float64); !ok || code == 0 || head["ErrorInfo"] == "" || a["RspBody"] != nil || a.code(t) == 0 {
			t.Errorf("%s: %v", name, a)
		}
	}
	g.post("webrtc_room/quit_room", object{"userID": "bobby", "roomID": roomID})
	if a := ask(path, "bobby", sig("bobby"), n, bob.text("privateMapKey")); a.code(t) != 5 {
		t.Errorf("who has left: %v", a)
	}
}
