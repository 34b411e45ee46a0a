package room

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

var t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func at(d time.Duration) time.Time { return t0.Add(d) }

func created(t *testing.T, o Options) Room {
	t.Helper()
	r, err := Create(o, t0)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// with returns a room of the given users, who joined in that order.
func with(t *testing.T, users ...string) Room {
	t.Helper()
	r := created(t, Options{RoomID: "r42"})
	for _, u := range users {
		r = must(t)(r.Join(Joining{UserID: u, Client: WebRTC}, t0))
	}
	return r
}

func must(t *testing.T) func(Room, []Event, error) Room {
	return func(r Room, _ []Event, err error) Room {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
}

func users(r Room) string {
	var ids []string
	for _, m := range r.View().Members {
		ids = append(ids, m.UserID)
	}
	return strings.Join(ids, " ")
}

func told(events []Event) string {
	var all []string
	for _, e := range events {
		s := string(e.Type)
		if e.UserID != "" {
			s += ":" + e.UserID
		}
		if e.Reason != "" {
			s += ":" + e.Reason
		}
		all = append(all, s)
	}
	return strings.Join(all, " ")
}

// refused checks that an error is of its kind and names the value and the fix.
func refused(t *testing.T, err, kind error, words ...string) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("error %v; want %v", err, kind)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not say %q", err, w)
		}
	}
}

func TestCreate(t *testing.T) {
	r := created(t, Options{RoomID: "r42"})
	if r.Name != "r42" || r.Capacity != 16 || r.Revision != 0 || len(r.Members) != 0 || !r.CreatedAt.Equal(t0) {
		t.Errorf("created %+v", r)
	}
	r = created(t, Options{RoomID: "court-7", Name: "第七法庭", Capacity: 3})
	if r.Name != "第七法庭" || r.Capacity != 3 {
		t.Errorf("created %+v", r)
	}
	for _, c := range []struct {
		o     Options
		kind  error
		words []string
	}{
		{Options{}, ErrBadRoomID, []string{"empty"}},
		{Options{RoomID: "a/b"}, ErrBadRoomID, []string{`"a/b"`, "'/'", "letters, digits, _ and -"}},
		{Options{RoomID: "a.b"}, ErrBadRoomID, []string{`"a.b"`}},
		{Options{RoomID: "房间"}, ErrBadRoomID, []string{"房"}},
		{Options{RoomID: strings.Repeat("x", 49)}, ErrBadRoomID, []string{"49", "48"}},
		{Options{RoomID: "r", Capacity: -1}, ErrBadCapacity, []string{"-1", "1 to 1000"}},
		{Options{RoomID: "r", Capacity: 1001}, ErrBadCapacity, []string{"1001", "1 to 1000"}},
		{Options{RoomID: "r", Name: "a\nb"}, ErrBadName, []string{`"a\nb"`, `'\n'`}},
		{Options{RoomID: "r", Name: strings.Repeat("名", 65)}, ErrBadName, []string{"65", "64"}},
		{Options{RoomID: "r", Name: "\xff"}, ErrBadName, []string{"UTF-8"}},
	} {
		_, err := Create(c.o, t0)
		refused(t, err, c.kind, c.words...)
	}
	created(t, Options{RoomID: strings.Repeat("x", 48), Name: strings.Repeat("名", 64)})
}

func TestJoin(t *testing.T) {
	r := created(t, Options{RoomID: "r42", Capacity: 2})
	r, events, err := r.Join(Joining{UserID: "alice", NickName: "Alice", Role: Host, Client: RTMP}, at(1500*time.Microsecond))
	if err != nil {
		t.Fatal(err)
	}
	want := Member{UserID: "alice", NickName: "Alice", Role: Host, Client: RTMP, Stream: "live/r42_alice", JoinedAt: at(time.Millisecond)}
	if !reflect.DeepEqual(events, []Event{{Revision: 1, Type: MemberJoined, UserID: "alice", Member: &want}}) {
		t.Errorf("events %+v", events)
	}
	if p, ok := r.ByStream("live/r42_alice"); !ok || p.Member != want {
		t.Errorf("place by stream %+v, %t", p, ok)
	}
	r = must(t)(r.Join(Joining{UserID: "bob", Client: WebRTC}, t0))
	if p, _ := r.Place("bob"); p.NickName != "bob" || p.Role != Guest {
		t.Errorf("a member that says nothing of itself is %+v", p.Member)
	}
	_, _, err = r.Join(Joining{UserID: "carol", Client: WebRTC}, t0)
	refused(t, err, ErrFull, "r42", "2 of 2", "wait")
}

func TestJoinRefuses(t *testing.T) {
	r := must(t)(with(t).Join(Joining{UserID: "alice", Client: RTMP, Stream: "live/1400_a1"}, t0))
	if p, _ := r.Place("alice"); p.Stream != "live/1400_a1" {
		t.Errorf("a given stream name became %s", p.Stream)
	}
	for _, c := range []struct {
		j     Joining
		kind  error
		words []string
	}{
		{Joining{Client: WebRTC}, ErrBadUserID, []string{"empty"}},
		{Joining{UserID: "a b", Client: WebRTC}, ErrBadUserID, []string{`"a b"`}},
		{Joining{UserID: "bob"}, ErrBadClient, []string{`""`, "webrtc or rtmp"}},
		{Joining{UserID: "bob", Client: "sip"}, ErrBadClient, []string{`"sip"`, "webrtc or rtmp"}},
		{Joining{UserID: "bob", Client: RTMP, Role: "king"}, ErrBadRole, []string{`"king"`, "host, agent, guest or audience"}},
		{Joining{UserID: "bob", Client: RTMP, NickName: "a\x00"}, ErrBadName, []string{"nickName"}},
		{Joining{UserID: "bob", Client: RTMP, Stream: "bob"}, ErrBadStream, []string{`"bob"`, "app/name"}},
		{Joining{UserID: "bob", Client: RTMP, Stream: "live/a.b"}, ErrBadStream, []string{`'.'`}},
		{Joining{UserID: "bob", Client: RTMP, Stream: "live/a/b"}, ErrBadStream, []string{`'/'`}},
		{Joining{UserID: "bob", Client: RTMP, Stream: "live/" + strings.Repeat("x", 251)}, ErrBadStream, []string{"256"}},
		{Joining{UserID: "bob", Client: RTMP, Stream: "live/1400_a1"}, ErrStreamTaken, []string{"live/1400_a1", "alice"}},
		{Joining{UserID: "alice", Client: "sip"}, ErrBadClient, nil},
	} {
		next, events, err := r.Join(c.j, t0)
		refused(t, err, c.kind, c.words...)
		if !reflect.DeepEqual(next, r) || events != nil {
			t.Errorf("a refused join %+v changed the room", c.j)
		}
	}
}

func TestJoinAgainKeepsThePlace(t *testing.T) {
	r := created(t, Options{RoomID: "r42", Capacity: 2})
	r = must(t)(r.Join(Joining{UserID: "alice", NickName: "Alice", Role: Host, Client: RTMP, Stream: "live/s1"}, t0))
	r = must(t)(r.Join(Joining{UserID: "bob", Client: WebRTC}, t0))

	r, events, err := r.Join(Joining{UserID: "alice", Client: RTMP, Stream: "live/other"}, at(time.Minute))
	if err != nil || len(events) != 0 || users(r) != "alice bob" {
		t.Fatalf("coming back to a full room: %v, %q, %q", err, told(events), users(r))
	}
	p, _ := r.Place("alice")
	if p.Stream != "live/s1" || p.NickName != "Alice" || p.Role != Host || !p.JoinedAt.Equal(t0) {
		t.Errorf("came back as %+v", p.Member)
	}
	if !p.SeenAt.Equal(at(time.Minute)) {
		t.Errorf("coming back is a sign of life, but was last seen %v", p.SeenAt)
	}
	r, events, _ = r.Join(Joining{UserID: "alice", NickName: "A.", Role: Agent, Client: WebRTC}, at(time.Minute))
	if told(events) != "member_changed:alice" || users(r) != "alice bob" {
		t.Errorf("coming back as another: %q, %q", told(events), users(r))
	}
	if p, _ := r.Place("alice"); p.NickName != "A." || p.Role != Agent || p.Client != WebRTC || p.Stream != "live/s1" {
		t.Errorf("came back as %+v", p.Member)
	}
}

// Without this a user could choose IDs that give it somebody else's stream.
func TestStreamNamesNeverMeet(t *testing.T) {
	seen := map[string]string{}
	ids := []string{"a", "b", "a_b", "b_c", "a_b_c", "c", "_", "__", "-", "a-b", "a-b-c", "b-c"}
	for _, roomID := range ids {
		for _, userID := range ids {
			name := streamName(roomID, userID)
			if other, ok := seen[name]; ok {
				t.Errorf("%s is of %s/%s and of %s", name, roomID, userID, other)
			}
			seen[name] = roomID + "/" + userID
			if err := checkStream(name); err != nil {
				t.Error(err)
			}
		}
	}
	long := strings.Repeat("_", 48)
	if err := checkStream(streamName(long, long)); err != nil {
		t.Error(err)
	}
}

func TestLeave(t *testing.T) {
	r := with(t, "alice", "bob", "carol")
	r, events, err := r.Leave("bob", ReasonRemoved, at(time.Second))
	if err != nil || told(events) != "member_left:bob:removed" || users(r) != "alice carol" {
		t.Errorf("leave: %v, %q, %q", err, told(events), users(r))
	}
	_, _, err = r.Leave("bob", ReasonLeft, t0)
	refused(t, err, ErrNotMember, `"bob"`, "r42", "join")
	if r.EmptyFor(at(time.Hour)) != 0 {
		t.Error("a room with members is empty")
	}
	r = must(t)(r.Leave("alice", ReasonLeft, at(time.Minute)))
	r = must(t)(r.Leave("carol", ReasonLeft, at(2*time.Minute)))
	if got := r.EmptyFor(at(5 * time.Minute)); got != 3*time.Minute {
		t.Errorf("empty for %v; want 3m", got)
	}
	r = must(t)(r.Join(Joining{UserID: "bob", Client: WebRTC}, at(5*time.Minute)))
	if p, _ := r.Place("bob"); p.Stream != "live/r42_bob" || !p.JoinedAt.Equal(at(5*time.Minute)) {
		t.Errorf("joined anew as %+v", p)
	}
}

func TestChangeAndMute(t *testing.T) {
	r := with(t, "alice", "bob")
	nick, none, role, king, yes, no := "Al", "", Audience, Role("king"), true, false
	for _, c := range []struct {
		do   func(Room) (Room, []Event, error)
		want string
		is   Member
	}{
		{func(r Room) (Room, []Event, error) { return r.Change("alice", Changing{}) }, "", Member{NickName: "alice", Role: Guest}},
		{func(r Room) (Room, []Event, error) { return r.Change("alice", Changing{NickName: &nick}) }, "member_changed:alice", Member{NickName: "Al", Role: Guest}},
		{func(r Room) (Room, []Event, error) { return r.Change("alice", Changing{NickName: &nick}) }, "", Member{NickName: "Al", Role: Guest}},
		{func(r Room) (Room, []Event, error) { return r.Change("alice", Changing{&none, &role}) }, "member_changed:alice", Member{NickName: "alice", Role: Audience}},
		{func(r Room) (Room, []Event, error) { return r.Mute("alice", &yes, nil) }, "muted:alice", Member{NickName: "alice", Role: Audience, AudioMuted: true}},
		{func(r Room) (Room, []Event, error) { return r.Mute("alice", &yes, &no) }, "", Member{NickName: "alice", Role: Audience, AudioMuted: true}},
		{func(r Room) (Room, []Event, error) { return r.Mute("alice", &no, &yes) }, "muted:alice", Member{NickName: "alice", Role: Audience, VideoMuted: true}},
	} {
		next, events, err := c.do(r)
		if err != nil || told(events) != c.want {
			t.Fatalf("told %q, %v; want %q", told(events), err, c.want)
		}
		p, _ := next.Place("alice")
		if p.NickName != c.is.NickName || p.Role != c.is.Role || p.AudioMuted != c.is.AudioMuted || p.VideoMuted != c.is.VideoMuted {
			t.Errorf("alice is %+v; want %+v", p.Member, c.is)
		}
		if other, _ := next.Place("bob"); !reflect.DeepEqual(other, r.Members[1]) {
			t.Errorf("bob became %+v", other)
		}
		r = next
	}
	_, _, err := r.Change("alice", Changing{Role: &king})
	refused(t, err, ErrBadRole, `"king"`)
	bad := "\n"
	_, _, err = r.Change("alice", Changing{NickName: &bad})
	refused(t, err, ErrBadName, "nickName")
	_, _, err = r.Mute("carol", &yes, nil)
	refused(t, err, ErrNotMember, `"carol"`)
}

func TestCloseEndsTheRoom(t *testing.T) {
	r := with(t, "alice", "bob")
	yes := true
	closed, events, err := r.Close("removed", at(time.Second))
	if err != nil || told(events) != "room_closed:removed" || !closed.Closed || len(closed.Members) != 0 {
		t.Fatalf("close: %v, %q, %+v", err, told(events), closed)
	}
	if len(r.Members) != 2 || r.Closed {
		t.Error("closing altered the room before it")
	}
	for name, do := range map[string]func() error{
		"join":    func() error { _, _, err := closed.Join(Joining{UserID: "carol", Client: RTMP}, t0); return err },
		"leave":   func() error { _, _, err := closed.Leave("alice", "", t0); return err },
		"seen":    func() error { _, _, err := closed.Seen("alice", t0); return err },
		"mute":    func() error { _, _, err := closed.Mute("alice", &yes, nil); return err },
		"expire":  func() error { _, _, err := closed.Expire(t0, 0); return err },
		"lost":    func() error { _, _, err := closed.NodeLost("n1", t0); return err },
		"message": func() error { _, _, err := closed.Message(Saying{Kind: Text, Text: "hi"}, t0); return err },
		"close":   func() error { _, _, err := closed.Close("", t0); return err },
	} {
		if err := do(); !errors.Is(err, ErrClosed) || !strings.Contains(err.Error(), "r42") {
			t.Errorf("%s on a closed room: %v", name, err)
		}
	}
}

func TestApply(t *testing.T) {
	r := with(t, "alice")
	seen := r.View()
	r, joined, _ := r.Join(Joining{UserID: "bob", Client: RTMP}, t0)
	yes := true
	r, muted, _ := r.Mute("alice", &yes, nil)

	if _, err := Apply(seen, muted[0]); !errors.Is(err, ErrGap) {
		t.Errorf("a gap: %v", err)
	}
	next, err := Apply(seen, joined[0])
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Apply(next, joined[0]); err != nil || !reflect.DeepEqual(again, next) {
		t.Errorf("an event heard twice: %+v, %v", again, err)
	}
	last, err := Apply(next, muted[0])
	if err != nil || !reflect.DeepEqual(last, r.View()) {
		t.Errorf("applied %+v, %v; want %+v", last, err, r.View())
	}
	if seen.Members[0].AudioMuted || len(seen.Members) != 1 {
		t.Error("applying altered the view before it")
	}
}

func TestWhatClientsSee(t *testing.T) {
	r := must(t)(with(t, "alice").Connected("alice", Hold{ID: "secret-session", Node: "n1"}, t0))
	b, err := json.Marshal(r.View())
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"roomID":"r42","name":"r42","capacity":16,"createdAt":"2026-03-01T12:00:00Z","revision":1,"members":[` +
		`{"userID":"alice","nickName":"alice","role":"guest","client":"webrtc","stream":"live/r42_alice","publishing":false,` +
		`"audioMuted":false,"videoMuted":false,"joinedAt":"2026-03-01T12:00:00Z"}]}`
	if string(b) != want {
		t.Errorf("view\n%s\nwant\n%s", b, want)
	}
}

func TestDecode(t *testing.T) {
	r := with(t, "alice", "bob")
	r = must(t)(r.PublishStarted("alice", Hold{ID: "p1", Node: "n1"}, at(time.Second)))
	r, _, err := r.Message(Saying{From: "bob", Kind: Custom, Data: json.RawMessage(`{"html":"<b>&"}`)}, t0)
	if err != nil {
		t.Fatal(err)
	}
	b, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	back, err := Decode(b)
	if err != nil || !reflect.DeepEqual(back, r) {
		t.Errorf("decoded %+v, %v\nwant %+v", back, err, r)
	}
	if !strings.Contains(string(b), `"<b>&"`) {
		t.Errorf("encoded %s", b)
	}
	if !slices.Equal(b, []byte(strings.TrimSpace(string(b)))) {
		t.Error("encoded with space around")
	}
	for _, bad := range []string{"", "{", "[]", `{"roomID":""}`, `{"roomID":"a/b"}`} {
		if _, err := Decode([]byte(bad)); !errors.Is(err, ErrCorrupt) {
			t.Errorf("decode %q: %v", bad, err)
		}
	}
}

func TestRecordIsTold(t *testing.T) {
	r, err := Create(Options{RoomID: "r1"}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	v := r.View()
	for _, state := range []string{RecordingOn, RecordingPaused, RecordingOn, RecordingOn, RecordingOff} {
		next, events, err := r.Record(state)
		if err != nil {
			t.Fatal(err)
		}
		if want := r.Recording != state; (len(events) == 1) != want {
			t.Errorf("from %q to %q: %d events", r.Recording, state, len(events))
		}
		for _, e := range events {
			if v, err = Apply(v, e); err != nil {
				t.Fatal(err)
			}
		}
		if r = next; v.Recording != state || r.View().Recording != state {
			t.Errorf("the view says %q and %q, want %q", v.Recording, r.View().Recording, state)
		}
	}
}
