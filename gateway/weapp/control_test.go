package weapp_test

import (
	"slices"
	"strings"
	"testing"

	"hutong/gateway/room"
)

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
	heard := bystander.said()
	if !strings.HasSuffix(elems(heard), "text:mark") {
		t.Errorf("a bystander got %v", heard)
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
