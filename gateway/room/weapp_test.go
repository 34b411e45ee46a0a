package room

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// made is a room of the mini-program API.
func made(t *testing.T, kind string, o Options) Room {
	t.Helper()
	o.RoomID, o.Weapp = "r", &Weapp{Kind: kind, Speakers: 2}
	r, err := Create(o, t0)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func phone(userID, stream string) Joining {
	return Joining{UserID: userID, Client: RTMP, Stream: "live/" + stream, Phone: Phone{Service: MultiRoom, Grace: 25 * time.Second}}
}

func TestTheFirstWhoEntersIsTheCreator(t *testing.T) {
	r := made(t, LiveRoom, Options{})
	r, _, err := r.Join(Joining{UserID: "fan", Client: WebRTC, Role: Audience}, t0)
	if err != nil || r.Weapp.Creator != "" {
		t.Fatalf("an audience has created: %+v %v", r.Weapp, err)
	}
	first, _, err := r.Join(phone("ann", "a1"), t0)
	if err != nil || first.Weapp.Creator != "ann" || first.Weapp.Stream != "live/a1" || r.Weapp.Creator != "" {
		t.Fatalf("%+v %v; before %+v", first.Weapp, err, r.Weapp)
	}
	next := must(t)(first.Join(phone("bob", "b1"), t0))
	if next.Weapp.Creator != "ann" {
		t.Errorf("%+v", next.Weapp)
	}
	// The creator's stream is the room's, whichever it is now.
	again := phone("ann", "a2")
	again.Anew = true
	next = must(t)(next.Join(again, t0))
	if p, _ := next.Place("ann"); p.Stream != "live/a2" || next.Weapp.Stream != "live/a2" || next.Members[1].UserID != "ann" {
		t.Errorf("%+v %+v", next.Weapp, next.Members)
	}
	taken := phone("bob", "a2")
	taken.Anew = true
	if _, _, err := next.Join(taken, t0); !errors.Is(err, ErrStreamTaken) {
		t.Errorf("another's stream: %v", err)
	}
}

func TestComingAnewIsAlwaysTold(t *testing.T) {
	r := made(t, MultiRoom, Options{})
	j := phone("ann", "a1")
	j.Anew = true
	r = must(t)(r.Join(j, t0))
	for _, stream := range []string{"live/a1", "live/a2"} {
		j.Stream = stream
		next, events, err := r.Join(j, t0)
		if err != nil || len(events) != 1 || events[0].Type != MemberChanged || events[0].Member.Stream != stream {
			t.Errorf("%s: %+v %v", stream, events, err)
		}
		r = next
	}
}

func TestSpeakersAndAudience(t *testing.T) {
	r := made(t, LiveRoom, Options{Capacity: 5})
	for _, j := range []Joining{phone("ann", "a"), {UserID: "f1", Client: WebRTC, Role: Audience}, {UserID: "f2", Client: WebRTC, Role: Audience}, phone("bob", "b")} {
		r = must(t)(r.Join(j, t0))
	}
	if _, _, err := r.Join(phone("cid", "c"), t0); !errors.Is(err, ErrFull) {
		t.Errorf("a third speaker: %v", err)
	}
	r = must(t)(r.Join(Joining{UserID: "f3", Client: WebRTC, Role: Audience}, t0))
	if _, _, err := r.Join(Joining{UserID: "f4", Client: WebRTC, Role: Audience}, t0); !errors.Is(err, ErrFull) {
		t.Errorf("beyond the capacity: %v", err)
	}
	// A service may let in fewer than the room would.
	plain, err := Create(Options{RoomID: "r"}, t0)
	if err != nil {
		t.Fatal(err)
	}
	j := phone("ann", "a")
	j.Limit = 1
	plain = must(t)(plain.Join(j, t0))
	second := phone("bob", "b")
	must(t)(plain.Join(second, t0))
	second.Limit = 1
	if _, _, err := plain.Join(second, t0); !errors.Is(err, ErrFull) {
		t.Errorf("beyond the service's limit: %v", err)
	}
}

func TestWhoseLeavingEndsARoom(t *testing.T) {
	for _, tc := range []struct {
		kind, leaves string
		others       bool
		reason       string // "" is that the room goes on
	}{
		{MultiRoom, "ann", true, ""}, {MultiRoom, "ann", false, ReasonEmpty},
		{WebRTCRoom, "ann", true, ""}, {WebRTCRoom, "ann", false, ReasonEmpty},
		{LiveRoom, "ann", true, ReasonCreatorLeft}, {LiveRoom, "bob", true, ""},
		{"", "ann", false, ""},
	} {
		r := must(t)(made(t, tc.kind, Options{}).Join(phone("ann", "a"), t0))
		if tc.others {
			r = must(t)(r.Join(phone("bob", "b"), t0))
		}
		left, events, err := r.Leave(tc.leaves, ReasonLeft, t0)
		if err != nil {
			t.Fatal(err)
		}
		last := events[len(events)-1]
		if left.Closed != (tc.reason != "") || tc.reason != "" && (last.Type != RoomClosed || last.Reason != tc.reason || len(left.Members) > 0) {
			t.Errorf("%+v: closed %v by %+v", tc, left.Closed, events)
		}
		// Expiry does the same, however many it takes out.
		gone, events, err := r.Expire(t0.Add(time.Minute), time.Second)
		if err != nil || gone.Closed != (tc.kind != "") || len(gone.Members) > 0 {
			t.Errorf("%+v: expired to %+v by %+v, %v", tc, gone.Members, events, err)
		}
	}
}

func TestPatienceOfPhones(t *testing.T) {
	r := must(t)(made(t, MultiRoom, Options{}).Join(phone("ann", "a"), t0))
	beats := phone("bob", "b")
	beats.Phone.BeatsOnly = true
	r = must(t)(r.Join(beats, t0))
	hold := Hold{ID: "h", Node: "n"}
	for _, u := range []string{"ann", "bob"} {
		r = must(t)(r.PublishStarted(u, hold, t0))
	}
	if at, ok := r.NextExpiry(time.Second); !ok || !at.Equal(t0.Add(25*time.Second)) {
		t.Errorf("next to expire at %v %v", at, ok)
	}
	r = must(t)(r.Expire(t0.Add(24*time.Second), time.Second))
	if len(r.Members) != 2 {
		t.Errorf("early: %+v", r.Members)
	}
	r = must(t)(r.Expire(t0.Add(26*time.Second), time.Second))
	if users(r) != "ann" {
		t.Errorf("a stream holds %s", users(r))
	}
}

func TestAlterLeavesTheRoomAsItWas(t *testing.T) {
	r := made(t, LiveRoom, Options{})
	r.Weapp.Custom, r.Weapp.Audience = map[string]int64{"n": 1}, []Viewer{{UserID: "v"}}
	next, events, err := r.Alter(func(w *Weapp) error {
		w.Custom["n"], w.Audience[0].UserID, w.Info = 2, "w", "x"
		return nil
	})
	if err != nil || len(events) != 0 || next.Weapp.Custom["n"] != 2 || next.Weapp.Info != "x" {
		t.Errorf("%+v %v %v", next.Weapp, events, err)
	}
	if r.Weapp.Custom["n"] != 1 || r.Weapp.Audience[0].UserID != "v" || r.Weapp.Info != "" {
		t.Errorf("the room before has changed: %+v", r.Weapp)
	}
	no := errors.New("no")
	if _, _, err := r.Alter(func(*Weapp) error { return no }); !errors.Is(err, no) {
		t.Error(err)
	}
	plain := with(t)
	if next, _, err := plain.Alter(func(w *Weapp) error { w.Info = "x"; return nil }); err != nil || next.Weapp.Info != "x" || plain.Weapp != nil {
		t.Errorf("a room of others: %+v %v", next.Weapp, err)
	}
	data, err := next.Encode()
	if err != nil {
		t.Fatal(err)
	}
	back, err := Decode(data)
	if err != nil || back.Weapp.Custom["n"] != 2 || !slices.Equal(back.Weapp.Audience, next.Weapp.Audience) {
		t.Errorf("%+v %v", back.Weapp, err)
	}
}

func TestListenersSpeak(t *testing.T) {
	r := with(t)
	if _, _, err := r.Message(Saying{From: "fan", Kind: Text, Text: "x"}, t0); !errors.Is(err, ErrNotMember) {
		t.Errorf("without a name: %v", err)
	}
	r, m, err := r.Message(Saying{From: "fan", NickName: "Fan", Kind: Text, Text: "x", Nonce: "1", Elems: []byte(`[]`)}, t0)
	if err != nil || m.NickName != "Fan" || m.From != "fan" || string(m.Elems) != "[]" {
		t.Fatalf("%+v %v", m, err)
	}
	same, again, err := r.Message(Saying{From: "fan", NickName: "Fan", Kind: Text, Text: "x", Nonce: "1"}, t0.Add(time.Second))
	if err != nil || again.Seq != m.Seq || same.LastSeq != r.LastSeq {
		t.Errorf("said twice: %+v %v", again, err)
	}
	if _, other, err := r.Message(Saying{From: "other", NickName: "O", Kind: Text, Text: "x", Nonce: "1"}, t0); err != nil || other.Seq == m.Seq {
		t.Errorf("another's: %+v %v", other, err)
	}
	if _, _, err := r.Message(Saying{From: "fan", NickName: "Fan", Kind: Text, Text: "x", Elems: make([]byte, MaxElems+1)}, t0); !errors.Is(err, ErrMessageTooLong) {
		t.Errorf("too much: %v", err)
	}
}
